/**
 * The SASL service: what `smtpd_sasl_type = dovecot` talks to. Listens, greets, hands each connection to a session. It
 * never refuses a connection for load, since a failed handshake stops all of Postfix's smtpd service (RULES 19).
 */
import { randomBytes } from 'node:crypto';
import { DelaySlots } from '../../auth/delay-slots.ts';
import type { Authenticator } from '../../auth/login.ts';
import type { Mechanism, MechanismWorld } from '../../auth/mechanisms/mechanism.ts';
import { findMechanism } from '../../auth/mechanisms/table.ts';
import type { Logger } from '../../core/logger.ts';
import type { Service } from '../../core/service.ts';
import type { Connection, Session } from '../../net/connection.ts';
import { Listener, type ListeningOptions } from '../../net/listener.ts';
import { SaslCounters } from './counters.ts';
import { FailureDelay } from './failure-delay.ts';
import { SaslSession } from './session.ts';

/** What can change while the service runs. */
export interface SaslLiveOptions {
  /** Names in the order clients see them. */
  readonly mechanisms: readonly string[];
  /** What a failure waits; 0 sends it at once. */
  readonly failureDelayMs: number;
}

export interface SaslOptions extends SaslLiveOptions, ListeningOptions {
  /** Silence that ends a connection; Postfix keeps idle ones for the life of an smtpd process. */
  readonly idleMs?: number;
}

export interface SaslPorts {
  readonly authenticator: Authenticator;
  readonly world: MechanismWorld;
  /** Shared with the penalties of the authenticator; its own when not given. */
  readonly slots?: DelaySlots;
  readonly logger: Logger;
}

/** Postfix's processes live 100 s without work; half an hour is for other clients. */
const IDLE_MS = 30 * 60_000;
const COOKIE_BYTES = 16;

export class SaslService implements Service {
  readonly counters = new SaslCounters();
  readonly #options: SaslOptions;
  readonly #ports: SaslPorts;
  readonly #listener: Listener;
  readonly #slots: DelaySlots;
  readonly #failureDelay: FailureDelay;
  readonly #sessions = new Set<SaslSession>();
  #mechanisms: readonly Mechanism[];
  #connectionUid = 0;

  /** Throws RangeError when a mechanism is not known. */
  constructor(options: SaslOptions, ports: SaslPorts) {
    this.#options = options;
    this.#ports = { ...ports, logger: ports.logger.child({ service: 'sasl' }) };
    this.#mechanisms = options.mechanisms.map(getMechanism);
    this.#slots = ports.slots ?? new DelaySlots();
    this.#failureDelay = new FailureDelay(options.failureDelayMs, this.#slots);
    this.#listener = new Listener({
      listening: options,
      // A client may say all it has to say, close its side, and still wait for the replies.
      allowHalfOpen: true,
      logger: this.#ports.logger,
      onConnection: (connection) => this.#open(connection),
    });
  }

  /** Connections open now. */
  get openCount(): number {
    return this.#listener.openCount;
  }

  /** Replies held back now, penalties included. */
  get heldCount(): number {
    return this.#slots.heldCount;
  }

  /** Replies that were not held back because too many were. */
  get undelayedCount(): number {
    return this.#slots.overflowCount;
  }

  /** Names of the mechanisms that clients who connect now are offered. */
  get offeredMechanisms(): string[] {
    return this.#mechanisms.map(({ name }) => name);
  }

  bind(): Promise<void> {
    return this.#listener.bind();
  }

  start(): Promise<void> {
    this.#listener.open();
    return Promise.resolve();
  }

  /** Replies still owed are sent before the connections end; nothing waits on purpose any longer. */
  async stop(graceMs: number): Promise<void> {
    this.#slots.releaseAll();
    await this.#listener.stop(graceMs);
  }

  /**
   * Takes new settings over; throws RangeError, and changes nothing, when a mechanism is not known. Clients learn the
   * mechanisms at connect, so connections end where that costs nothing: on unix sockets Postfix reconnects by itself. On
   * the others a mechanism that is no longer offered fails from now on.
   */
  reload(options: SaslLiveOptions): void {
    const mechanisms = options.mechanisms.map(getMechanism);
    const isSame = mechanisms.map((m) => m.name).join(' ') === this.#mechanisms.map((m) => m.name).join(' ');
    this.#mechanisms = mechanisms;
    this.#failureDelay.setDelay(options.failureDelayMs);
    if (!isSame) for (const session of this.#sessions) if (session.isUnix) session.drain();
  }

  #open(connection: Connection): Session {
    const { authenticator, world, logger } = this.#ports;
    this.#connectionUid += 1;
    const session: SaslSession = new SaslSession({
      connection,
      connectionUid: this.#connectionUid,
      cookie: randomBytes(COOKIE_BYTES).toString('hex'),
      listMechanisms: () => this.#mechanisms,
      world,
      idleMs: this.#options.idleMs ?? IDLE_MS,
      authenticator,
      failureDelay: this.#failureDelay,
      counters: this.counters,
      logger: logger.child({ session: connection.id }),
      onClose: () => this.#sessions.delete(session),
    });
    this.#sessions.add(session);
    return session;
  }
}

function getMechanism(name: string): Mechanism {
  const mechanism = findMechanism(name);
  if (mechanism === undefined) throw new RangeError(`Cannot offer SASL mechanism "${name}": not known`);
  return mechanism;
}
