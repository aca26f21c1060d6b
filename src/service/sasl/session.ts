/**
 * One connection of the Dovecot auth protocol: the greeting, then requests that each live on their own, several at once.
 * It decides nothing about credentials (`auth/`) and knows no words (`reply.ts`).
 *
 * The connection: greeting (VERSION, then CPID), open, closed.
 * A request: asking (a challenge is out, the client's turn; Postfix abandons such requests without a word), working (the
 * authenticator has it), held (its failure waits for its time), gone. A reply is owed in the states working and held.
 */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Authenticator, LoginOutcome } from '../../auth/login.ts';
import type { Mechanism, MechanismExchange, MechanismWorld } from '../../auth/mechanisms/mechanism.ts';
import { ProtocolError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import { quotePeerText } from '../../core/printable.ts';
import type { Connection, Session } from '../../net/connection.ts';
import { FramedSession } from '../../net/framed-session.ts';
import {
  decodeResponse,
  formatCont,
  formatHandshake,
  MAX_LINE_BYTES,
  parseCommand,
  PROTOCOL_MAJOR,
  readInitialResponse,
  takeLine,
  type AuthCommand,
  type ClientCommand,
} from '../../protocol/dovecot-auth.ts';
import type { SaslCounters } from './counters.ts';
import type { FailureDelay } from './failure-delay.ts';
import { formatRequestFail, formatTemporaryFail, replyTo } from './reply.ts';

export interface SaslSessionOptions {
  readonly connection: Connection;
  readonly connectionUid: number;
  readonly cookie: string;
  readonly mechanisms: readonly Mechanism[];
  readonly idleMs: number;
  readonly authenticator: Authenticator;
  readonly failureDelay: FailureDelay;
  readonly counters: SaslCounters;
  readonly logger: Logger;
  readonly onClose: () => void;
}

/** Postfix has one; others have one a user that logs in at this moment. */
const MAX_REQUESTS = 64;
/** What mechanisms need of the world. */
const WORLD: MechanismWorld = { random: randomBytes, now: Date.now, hostname: hostname() };
/** Dovecot's own limit from AUTH to the last response. */
const REQUEST_TTL_MS = 150_000;

interface Request {
  readonly command: AuthCommand;
  readonly exchange: MechanismExchange;
  readonly mechanism: string;
  readonly startedAt: number;
  /** The name as typed, quoted for the log; undefined until it is known. */
  typedName: string | undefined;
  state: 'asking' | 'working' | 'held';
  /** Ends the wait of a held failure. */
  drop: () => void;
}

export class SaslSession implements Session {
  readonly #options: SaslSessionOptions;
  readonly #framed: FramedSession<string>;
  readonly #requests = new Map<number, Request>();
  #clientMinor: number | undefined;
  #hasPid = false;

  constructor(options: SaslSessionOptions) {
    this.#options = options;
    const { connection, logger, idleMs, mechanisms, connectionUid, cookie } = options;
    this.#framed = new FramedSession({
      connection,
      logger,
      idleMs,
      take: takeLine,
      maxFrameBytes: MAX_LINE_BYTES,
      onFrame: (line) => this.#handle(parseCommand(line)),
      isBusy: () => this.#countOwed() > 0,
      onClose: () => this.#forgetAll(),
    });
    this.#framed.send(formatHandshake({ mechanisms, serverPid: process.pid, connectionUid, cookie }));
  }

  get isUnix(): boolean {
    return this.#options.connection.endpoint.kind === 'unix';
  }

  drain(): void {
    this.#framed.drain();
  }

  #handle(command: ClientCommand): void {
    if (command.kind === 'version' || command.kind === 'cpid') {
      this.#greet(command);
      return;
    }
    if (!this.#hasPid) throw new ProtocolError(`Cannot take ${command.kind} before VERSION and CPID`);
    switch (command.kind) {
      case 'auth':
        this.#start(command);
        break;
      case 'cont':
        this.#continue(command.id, command.response);
        break;
      case 'cancel':
        this.#end(command.id);
        break;
      case 'malformed':
        this.#options.counters.badRequestCount += 1;
        this.#fail(command.id, 'bad-request');
        break;
    }
  }

  #greet(command: Extract<ClientCommand, { kind: 'version' | 'cpid' }>): void {
    if (command.kind === 'cpid') {
      if (this.#clientMinor === undefined || this.#hasPid) throw new ProtocolError('Cannot take CPID here');
      this.#hasPid = true;
      return;
    }
    if (this.#clientMinor !== undefined) throw new ProtocolError('Cannot take a second VERSION');
    if (command.major !== PROTOCOL_MAJOR) throw new ProtocolError(`Cannot speak version ${command.major}`);
    this.#clientMinor = command.minor;
  }

  #start(command: AuthCommand): void {
    const { connection, counters, mechanisms, logger } = this.#options;
    if (connection.isOverloaded) {
      // The handshake is done, so Postfix only loses this one attempt (454) and not its service (RULES 19).
      counters.overloadCount += 1;
      this.#framed.close('overloaded');
      return;
    }
    if (this.#requests.has(command.id)) throw new ProtocolError(`Cannot take request ${command.id}: it is pending`);
    const name = command.mechanism.toUpperCase();
    const mechanism = mechanisms.find((offered) => offered.name === name);
    if (mechanism === undefined) {
      counters.badRequestCount += 1;
      logger.info('auth.rejected', { ...describe(command), reason: 'mechanism' });
      this.#fail(command.id, 'bad-request');
      return;
    }
    if (!this.#makeRoom()) {
      counters.overflowCount += 1;
      this.#framed.send(formatTemporaryFail(command.id));
      return;
    }
    const response = readInitialResponse(command.initialResponse, this.#clientMinor ?? 0);
    if (response === 'invalid') {
      counters.badRequestCount += 1;
      this.#fail(command.id, 'base64');
      return;
    }
    this.#requests.set(command.id, {
      command,
      exchange: mechanism.begin(WORLD),
      mechanism: mechanism.name,
      startedAt: performance.now(),
      typedName: undefined,
      state: 'asking',
      drop: () => undefined,
    });
    this.#step(command.id, response);
  }

  #continue(id: number, text: string): void {
    const request = this.#requests.get(id);
    if (request === undefined || performance.now() - request.startedAt > REQUEST_TTL_MS) {
      this.#fail(id, 'timed-out');
      return;
    }
    const response = request.state === 'asking' ? decodeResponse(text) : undefined;
    if (response === undefined) {
      this.#options.counters.badRequestCount += 1;
      this.#fail(id, request.state === 'asking' ? 'base64' : 'bad-request');
      return;
    }
    this.#step(id, response);
  }

  /** Feeds the mechanism and acts on what it wants next. */
  #step(id: number, response: Buffer | undefined): void {
    const request = this.#requests.get(id);
    if (request === undefined) return;
    const arrivedAt = performance.now();
    const step = request.exchange.next(response);
    switch (step.kind) {
      case 'challenge':
        this.#framed.send(formatCont(id, step.challenge));
        break;
      case 'reject':
        this.#conclude(request, { kind: 'rejected', reason: step.reason, user: step.user }, arrivedAt);
        break;
      case 'claim':
      case 'proof':
      case 'external':
      case 'anonymous':
        this.#conclude(request, { kind: 'unavailable', reason: 'not offered' }, arrivedAt);
        break;
      case 'password': {
        request.state = 'working';
        request.typedName = quotePeerText(step.login.username);
        const { service, remoteAddress, localAddress, isSecured } = request.command;
        const context = { service, mechanism: request.mechanism, remoteAddress, localAddress, isSecured };
        void this.#options.authenticator
          .verify(step.login, context)
          .catch((error: unknown): LoginOutcome => {
            this.#options.logger.error('auth.fault', { err: error });
            return { kind: 'unavailable', reason: 'fault' };
          })
          .then((outcome) => this.#conclude(request, outcome, arrivedAt));
        break;
      }
    }
  }

  #conclude(request: Request, outcome: LoginOutcome, arrivedAt: number): void {
    const { id } = request.command;
    this.#record(request, outcome, arrivedAt);
    // Cancelled meanwhile, or the connection is gone.
    if (this.#requests.get(id) !== request) return;
    request.state = 'held';
    const reply = replyTo(outcome, { id, clientMinor: this.#clientMinor ?? 0, owedCount: this.#countOwed() });
    if (reply.kind === 'close') {
      this.#framed.close('unavailable');
      return;
    }
    const send = (): void => {
      this.#requests.delete(id);
      this.#framed.send(reply.bytes);
      this.#framed.endIfDrained();
    };
    if (reply.isDelayed) {
      const { remoteAddress } = request.command;
      request.drop = this.#options.failureDelay.hold({ arrivedAt, remoteAddress }, send);
    } else send();
  }

  /** One line an attempt, with what an operator asks for; no peer text but quoted. */
  #record(request: Request, outcome: LoginOutcome, arrivedAt: number): void {
    const { counters, logger } = this.#options;
    const fields = { ...describe(request.command), ms: Math.round(performance.now() - arrivedAt) };
    switch (outcome.kind) {
      case 'accepted':
        counters.acceptedCount += 1;
        logger.info('auth.accepted', { user: quotePeerText(outcome.user), ...fields, cached: outcome.isCached });
        break;
      case 'rejected': {
        counters.rejectedCount += 1;
        const user = outcome.user === undefined ? undefined : quotePeerText(outcome.user);
        logger.info('auth.rejected', { user, ...fields, reason: outcome.reason });
        break;
      }
      case 'unavailable':
        counters.unavailableCount += 1;
        logger.warn('auth.unavailable', { user: request.typedName, ...fields, reason: outcome.reason });
        break;
    }
  }

  #fail(id: number, fault: 'base64' | 'timed-out' | 'bad-request'): void {
    this.#end(id);
    this.#framed.send(formatRequestFail(id, fault));
    this.#framed.endIfDrained();
  }

  #end(id: number): void {
    this.#requests.get(id)?.drop();
    this.#requests.delete(id);
    this.#framed.endIfDrained();
  }

  /** Makes room for one more request: what the client abandoned goes, the oldest first. */
  #makeRoom(): boolean {
    for (const [id, request] of this.#requests) {
      const isOld = performance.now() - request.startedAt > REQUEST_TTL_MS;
      const isNeeded = this.#requests.size >= MAX_REQUESTS;
      if (request.state === 'asking' && (isOld || isNeeded)) this.#requests.delete(id);
      else if (!isOld && !isNeeded) break;
    }
    return this.#requests.size < MAX_REQUESTS;
  }

  #countOwed(): number {
    let owed = 0;
    for (const request of this.#requests.values()) if (request.state !== 'asking') owed += 1;
    return owed;
  }

  #forgetAll(): void {
    for (const request of this.#requests.values()) request.drop();
    this.#requests.clear();
    this.#options.onClose();
  }
}

const ADDRESS = /^[0-9a-fA-F:.]{2,45}$/;
const MECHANISM_NAME = /^[A-Z0-9_-]{1,20}$/;

/** The attempt for the log. `saslService` is Postfix's `smtpd_sasl_service`. */
function describe({ mechanism, remoteAddress, service }: AuthCommand): Readonly<Record<string, string>> {
  const name = mechanism.toUpperCase();
  return {
    mechanism: MECHANISM_NAME.test(name) ? name : quotePeerText(mechanism),
    remote: ADDRESS.test(remoteAddress) ? remoteAddress : quotePeerText(remoteAddress),
    saslService: quotePeerText(service),
  };
}
