/**
 * One login attempt: the exchange of its mechanism, what the authenticator says of it, and the one verdict that comes of
 * both. It knows no sockets and no other requests; what it sends goes through the session.
 *
 * States:
 * - asking: a challenge is out, it is the client's turn. Postfix abandons such requests without a word.
 * - working: the authenticator has it.
 * - confirming: the login is good, the server's last word is out as a challenge, and the client has to answer with nothing.
 * - held: the failure waits for its time.
 * - gone: answered, cancelled, or its connection is closed. An answer of the authenticator that comes now is recorded and
 *   leads to nothing else.
 * A reply is owed in the states working and held.
 */
import type { Accepted, Authenticator, LoginContext, LoginOutcome, PendingProof, Undecided } from '../../auth/login.ts';
import type { Mechanism, MechanismExchange, MechanismStep, MechanismWorld } from '../../auth/mechanisms/mechanism.ts';
import type { Logger } from '../../core/logger.ts';
import { formatCont, type AuthCommand } from '../../protocol/dovecot-auth.ts';
import type { SaslCounters } from './counters.ts';
import type { FailureDelay } from './failure-delay.ts';
import { recordOutcome } from './record.ts';
import { replyTo } from './reply.ts';

/** What a request needs of its connection. */
export interface RequestHost {
  readonly authenticator: Authenticator;
  readonly failureDelay: FailureDelay;
  readonly counters: SaslCounters;
  readonly logger: Logger;
  readClientMinor(): number;
  /** Requests of the connection that a reply is owed to. */
  countOwed(): number;
  send(bytes: string): void;
  /** Sends a challenge; from now on it is the client's turn. */
  ask(bytes: string): void;
  /** Closes the connection: the one way to say "later" to Postfix (RULES 21). */
  close(reason: string): void;
  /** The request is answered. */
  forget(request: SaslRequest): void;
}

type Step<K extends MechanismStep['kind']> = Extract<MechanismStep, { kind: K }>;

export class SaslRequest {
  readonly command: AuthCommand;
  readonly startedAt = performance.now();
  readonly #context: LoginContext;
  readonly #exchange: MechanismExchange;
  readonly #host: RequestHost;
  #state: 'asking' | 'working' | 'confirming' | 'held' | 'gone' = 'asking';
  /** When the client's last word came. */
  #arrivedAt = this.startedAt;
  /** The name as typed; undefined until it is known. */
  #typedName: string | undefined;
  /** What an anonymous user says of itself. */
  #trace: string | undefined;
  /** The good login that the client has to confirm. */
  #unconfirmed: Accepted | undefined;
  #pending: PendingProof | undefined;
  /** Ends the wait of a held failure. */
  #release: () => void = () => undefined;
  /** Responses taken so far, the initial one included. */
  #takenCount = 0;

  constructor(
    { command, context }: { readonly command: AuthCommand; readonly context: LoginContext },
    {
      mechanism,
      world,
      host,
    }: { readonly mechanism: Mechanism; readonly world: MechanismWorld; readonly host: RequestHost },
  ) {
    this.command = command;
    this.#context = context;
    this.#host = host;
    this.#exchange = mechanism.begin(world);
  }

  /** It is the client's turn: nobody waits for us, and whoever does not come back is forgotten some time. */
  get isAwaitingClient(): boolean {
    return this.#state === 'asking' || this.#state === 'confirming';
  }

  /** Takes the client's next response; undefined only at the start, when it sent none. To be called on its turn only. */
  take(response: Buffer | undefined): void {
    this.#takenCount += 1;
    this.#arrivedAt = performance.now();
    if (this.#state === 'confirming') this.#confirm(response);
    else this.#play(() => this.#exchange.next(response));
  }

  /** Ends it without a reply. */
  drop(): void {
    const unconfirmed = this.#unconfirmed;
    this.#state = 'gone';
    this.#unconfirmed = undefined;
    this.#release();
    if (unconfirmed !== undefined) this.#record({ kind: 'rejected', reason: 'unconfirmed', user: unconfirmed.user });
  }

  /** A mechanism that throws has a fault of ours in it, and must not take other requests with it. */
  #play(next: () => MechanismStep): void {
    let step: MechanismStep;
    try {
      step = next();
    } catch (error) {
      this.#host.logger.error('auth.fault', { mechanism: this.#context.mechanism, err: error });
      this.#conclude({ kind: 'unavailable', reason: 'fault' });
      return;
    }
    this.#follow(step);
  }

  /** Does what the mechanism wants next. */
  #follow(step: MechanismStep): void {
    switch (step.kind) {
      case 'challenge':
        this.#state = 'asking';
        this.#host.ask(formatCont(this.command.id, step.challenge));
        break;
      case 'reject':
        this.#conclude({ kind: 'rejected', reason: step.reason, user: step.user });
        break;
      case 'password':
        this.#verify(step);
        break;
      case 'claim':
        this.#claim(step);
        break;
      case 'proof':
        this.#prove(step);
        break;
      case 'external':
        this.#typedName = this.#context.certificateName;
        this.#decide(() => this.#host.authenticator.verifyExternal(step.authorizationId, this.#context));
        break;
      case 'anonymous':
        this.#trace = step.trace;
        this.#decide(() => this.#host.authenticator.acceptAnonymous(this.#context));
        break;
    }
  }

  #verify({ login }: Step<'password'>): void {
    this.#typedName = login.username;
    const { initialResponse } = this.command;
    // Only a whole message in one line can be known again the next time.
    // A login that came with CONT has nothing to do with the response of AUTH, which was empty: remembered under that, it
    // would let in whoever sends an empty one.
    const isWhole = this.#context.mechanism === 'PLAIN' && this.#takenCount === 1 && Boolean(initialResponse);
    this.#decide(() => this.#host.authenticator.verify(isWhole ? { ...login, initialResponse } : login, this.#context));
  }

  #claim({ claim, resume }: Step<'claim'>): void {
    this.#typedName = claim.username;
    this.#state = 'working';
    const find = this.#ask<PendingProof | Undecided>(() =>
      this.#host.authenticator.findCredential(claim, this.#context),
    );
    void find.then((answer) => this.#resume(answer, resume));
  }

  #resume(answer: PendingProof | Undecided, resume: Step<'claim'>['resume']): void {
    if (answer.kind === 'unavailable') {
      this.#conclude(answer);
      return;
    }
    if (this.#state === 'gone') return;
    this.#pending = answer;
    this.#play(() => resume(answer.credential));
  }

  #prove({ isProven, serverFinal }: Step<'proof'>): void {
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending === undefined) {
      this.#host.logger.error('auth.fault', { reason: 'a proof without a claim', mechanism: this.#context.mechanism });
      this.#conclude({ kind: 'unavailable', reason: 'fault' });
      return;
    }
    this.#decide(() => pending.conclude(isProven), serverFinal);
  }

  /** Waits for a verdict; `serverFinal` goes out before a good one. */
  #decide(ask: () => Promise<LoginOutcome>, serverFinal?: Buffer): void {
    this.#state = 'working';
    void this.#ask(ask).then((outcome) => this.#conclude(outcome, serverFinal));
  }

  /** A fault nobody foresaw is an outage, whoever threw it. */
  async #ask<T>(ask: () => Promise<T>): Promise<T | Undecided> {
    try {
      return await ask();
    } catch (error) {
      this.#host.logger.error('auth.fault', { err: error });
      return { kind: 'unavailable', reason: 'fault' };
    }
  }

  #conclude(outcome: LoginOutcome, serverFinal?: Buffer): void {
    if (outcome.kind === 'accepted' && serverFinal !== undefined && !this.command.takesFinalResponse) {
      if (this.#state === 'gone') this.#record({ kind: 'rejected', reason: 'unconfirmed', user: outcome.user });
      else this.#askToConfirm(outcome, serverFinal);
      return;
    }
    this.#record(outcome);
    if (this.#state !== 'gone') this.#answer(outcome, serverFinal);
  }

  #askToConfirm(outcome: Accepted, serverFinal: Buffer): void {
    this.#state = 'confirming';
    this.#unconfirmed = outcome;
    this.#host.ask(formatCont(this.command.id, serverFinal));
  }

  /** Only an empty response confirms: anything else is a client that does not follow the mechanism. */
  #confirm(response: Buffer | undefined): void {
    const outcome = this.#unconfirmed;
    this.#unconfirmed = undefined;
    if (outcome !== undefined && response?.length === 0) this.#conclude(outcome);
    else this.#conclude({ kind: 'rejected', reason: 'bad-request', user: outcome?.user });
  }

  #answer(outcome: LoginOutcome, finalResponse: Buffer | undefined): void {
    const host = this.#host;
    const { id, remoteAddress } = this.command;
    this.#state = 'held';
    const reply = replyTo(outcome, {
      id,
      clientMinor: host.readClientMinor(),
      owedCount: host.countOwed(),
      typedName: this.#typedName,
      finalResponse,
    });
    if (reply.kind === 'close') {
      host.close('unavailable');
      return;
    }
    const send = (): void => {
      this.#state = 'gone';
      host.send(reply.bytes);
      host.forget(this);
    };
    if (!reply.isDelayed) {
      send();
      return;
    }
    this.#release = host.failureDelay.hold({ arrivedAt: this.#arrivedAt, remoteAddress }, send);
  }

  #record(outcome: LoginOutcome): void {
    const { logger, counters } = this.#host;
    const ms = performance.now() - this.#arrivedAt;
    const attempt = { command: this.command, typedName: this.#typedName, trace: this.#trace, ms };
    recordOutcome(outcome, attempt, { logger, counters });
  }
}
