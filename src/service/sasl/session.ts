/**
 * One connection of the Dovecot auth protocol: the greeting, then requests that each live on their own, several at once
 * (`request.ts`). It decides nothing about credentials (`auth/`) and knows no words (`reply.ts`).
 *
 * The connection: greeting (VERSION, then CPID), open, closed.
 */
import type { Authenticator, LoginContext } from '../../auth/login.ts';
import type { Mechanism, MechanismWorld } from '../../auth/mechanisms/mechanism.ts';
import { ProtocolError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { Connection, Session } from '../../net/connection.ts';
import { FramedSession } from '../../net/framed-session.ts';
import {
  decodeResponse,
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
import { describeAttempt, recordOutcome } from './record.ts';
import { formatAccepted, formatRequestFail, formatTemporaryFail } from './reply.ts';
import { SaslRequest, type RequestHost } from './request.ts';

export interface SaslSessionOptions {
  readonly connection: Connection;
  readonly connectionUid: number;
  readonly cookie: string;
  /** Those offered now. */
  readonly listMechanisms: () => readonly Mechanism[];
  /** What the mechanisms need of the world. */
  readonly world: MechanismWorld;
  readonly idleMs: number;
  readonly authenticator: Authenticator;
  readonly failureDelay: FailureDelay;
  readonly counters: SaslCounters;
  readonly logger: Logger;
  readonly onClose: () => void;
}

/** Postfix has one; others have one a user that logs in at this moment. */
const MAX_REQUESTS = 64;
/** Dovecot's own limit from AUTH to the last response. */
const REQUEST_TTL_MS = 150_000;

export class SaslSession implements Session {
  readonly #options: SaslSessionOptions;
  readonly #framed: FramedSession<string>;
  readonly #requests = new Map<number, SaslRequest>();
  readonly #host: RequestHost;
  #clientMinor: number | undefined;
  #hasPid = false;

  constructor(options: SaslSessionOptions) {
    this.#options = options;
    const { connection, logger, idleMs, connectionUid, cookie } = options;
    const mechanisms = options.listMechanisms();
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
    this.#host = this.#createHost();
    this.#framed.send(formatHandshake({ mechanisms, serverPid: process.pid, connectionUid, cookie }));
  }

  get isUnix(): boolean {
    return this.#options.connection.endpoint.kind === 'unix';
  }

  drain(): void {
    this.#framed.drain();
  }

  #createHost(): RequestHost {
    const { authenticator, failureDelay, counters, logger } = this.#options;
    return {
      authenticator,
      failureDelay,
      counters,
      logger,
      readClientMinor: () => this.#clientMinor ?? 0,
      countOwed: () => this.#countOwed(),
      send: (bytes) => this.#framed.send(bytes),
      ask: (bytes) => {
        this.#framed.send(bytes);
        // Nobody waits for a client that may have left long ago.
        this.#framed.endIfDrained();
      },
      close: (reason) => this.#framed.close(reason),
      forget: ({ command }) => {
        this.#requests.delete(command.id);
        this.#framed.endIfDrained();
      },
    };
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
    const { connection, counters, listMechanisms, logger } = this.#options;
    if (connection.isOverloaded) {
      // The handshake is done, so Postfix only loses this one attempt (454) and not its service (RULES 19).
      counters.overloadCount += 1;
      this.#framed.close('overloaded');
      return;
    }
    if (this.#requests.has(command.id)) throw new ProtocolError(`Cannot take request ${command.id}: it is pending`);
    const name = command.mechanism.toUpperCase();
    const mechanism = listMechanisms().find((offered) => offered.name === name);
    if (mechanism === undefined) {
      counters.badRequestCount += 1;
      logger.info('auth.rejected', { ...describeAttempt(command), reason: 'mechanism' });
      this.#fail(command.id, 'bad-request');
      return;
    }
    const context = describeLogin(command, mechanism.name);
    if (this.#recall(command, context)) return;
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
    const request = new SaslRequest({ command, context }, { mechanism, world: this.#options.world, host: this.#host });
    this.#requests.set(command.id, request);
    request.take(response);
  }

  /** Answers a PLAIN login that was good lately and surely still is, before anything is built for it. */
  #recall(command: AuthCommand, context: LoginContext): boolean {
    const { initialResponse, id } = command;
    if (context.mechanism !== 'PLAIN' || initialResponse === undefined || initialResponse === '') return false;
    const { authenticator, counters, logger } = this.#options;
    const outcome = authenticator.recall(initialResponse, context);
    if (outcome === undefined) return false;
    recordOutcome(outcome, { command, typedName: undefined, ms: 0 }, { counters, logger });
    this.#framed.send(formatAccepted(outcome, { id }));
    return true;
  }

  #continue(id: number, text: string): void {
    const request = this.#requests.get(id);
    if (request === undefined || performance.now() - request.startedAt > REQUEST_TTL_MS) {
      this.#fail(id, 'timed-out');
      return;
    }
    const response = request.isAwaitingClient ? decodeResponse(text) : undefined;
    if (response === undefined) {
      this.#options.counters.badRequestCount += 1;
      this.#fail(id, request.isAwaitingClient ? 'base64' : 'bad-request');
      return;
    }
    request.take(response);
  }

  #fail(id: number, fault: 'base64' | 'timed-out' | 'bad-request'): void {
    this.#end(id);
    this.#framed.send(formatRequestFail(id, fault));
    this.#framed.endIfDrained();
  }

  #end(id: number): void {
    const request = this.#requests.get(id);
    this.#requests.delete(id);
    request?.drop();
    this.#framed.endIfDrained();
  }

  /** Makes room for one more request: what the client abandoned goes, the oldest first. */
  #makeRoom(): boolean {
    for (const [id, request] of this.#requests) {
      const isOld = performance.now() - request.startedAt > REQUEST_TTL_MS;
      const isNeeded = this.#requests.size >= MAX_REQUESTS;
      if (request.isAwaitingClient && (isOld || isNeeded)) {
        this.#requests.delete(id);
        request.drop();
      } else if (!isOld && !isNeeded) break;
    }
    return this.#requests.size < MAX_REQUESTS;
  }

  #countOwed(): number {
    let owed = 0;
    for (const request of this.#requests.values()) if (!request.isAwaitingClient) owed += 1;
    return owed;
  }

  #forgetAll(): void {
    for (const request of this.#requests.values()) request.drop();
    this.#requests.clear();
    this.#options.onClose();
  }
}

/** What the login code learns of an attempt beside the credentials. */
function describeLogin(command: AuthCommand, mechanism: string): LoginContext {
  const { service, remoteAddress, localAddress, remotePort, localPort, isSecured, skipsPenalty } = command;
  // A name without the word that its certificate was verified is no name.
  const isVerified = command.hasValidCertificate && command.certificateName !== '';
  return {
    service,
    mechanism,
    remoteAddress,
    localAddress,
    remotePort,
    localPort,
    isSecured,
    certificateName: isVerified ? command.certificateName : undefined,
    skipsPenalty,
  };
}
