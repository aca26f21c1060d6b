/**
 * The LMTP service: takes mail from Postfix and gives one answer a recipient. Listens, counts connections, and hands
 * each to a session on smtp-server. It never refuses a connection for load: Postfix would suspend all delivery for
 * minutes (RULES 19); "later" is said at RCPT.
 */
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import type { Service } from '../../core/service.ts';
import type { Directory } from '../../directory/directory.ts';
import type { Connection, Session } from '../../net/connection.ts';
import { Listener, type ListeningOptions } from '../../net/listener.ts';
import { LmtpCounters } from './counters.ts';
import type { HeaderLimits } from './header-guard.ts';
import type { RecipientPorts } from './recipient.ts';
import { LmtpSession } from './session.ts';
import { LmtpServer } from './smtp-server-overrides.ts';
import type { TransactionOptions } from './transaction.ts';

export interface LmtpOptions extends ListeningOptions, HeaderLimits {
  /** Greeting and Received lines. */
  readonly hostname: string;
  /** Announced by SIZE and enforced while a message comes in. */
  readonly maxMessageBytes: number;
  readonly maxRecipients: number;
  readonly addsReceived: boolean;
  /** Without it Delivered-To is left out. */
  readonly addsDeliveredTo: boolean;
  /** A full mailbox refuses (552) or defers (452). */
  readonly fullMailbox: 'refuse' | 'defer';
  readonly exceededMessage: string;
  readonly isProbeSender: (sender: string) => boolean;
  /** Silence that ends a connection; Postfix keeps idle ones for five minutes. */
  readonly idleMs?: number;
}

export interface LmtpPorts {
  readonly directory: Directory;
  /** `MailStore` fits. */
  readonly store: RecipientPorts['store'] & TransactionOptions['store'];
  /** `QuotaMeter` fits. */
  readonly meter: RecipientPorts['meter'];
  /** A message reached an account; ends what policy reserved for it. */
  readonly onDelivered: (account: string, queueId: string | undefined) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Longer than any pause Postfix makes inside a session (facts/postfix.md 0 and D.6). */
const IDLE_MS = 20 * 60_000;

export class LmtpService implements Service {
  readonly counters = new LmtpCounters();
  readonly #options: LmtpOptions;
  readonly #ports: LmtpPorts;
  readonly #listener: Listener;
  readonly #server: LmtpServer;

  constructor(options: LmtpOptions, ports: LmtpPorts) {
    this.#options = options;
    this.#ports = { ...ports, logger: ports.logger.child({ service: 'lmtp' }) };
    const { hostname, maxMessageBytes, idleMs = IDLE_MS } = options;
    this.#server = new LmtpServer({ hostname, maxMessageBytes, idleMs });
    this.#listener = new Listener({
      listening: options,
      logger: this.#ports.logger,
      onConnection: (connection) => this.#open(connection),
    });
  }

  /** Connections open now. */
  get openCount(): number {
    return this.#listener.openCount;
  }

  bind(): Promise<void> {
    return this.#listener.bind();
  }

  start(): Promise<void> {
    this.#listener.open();
    return Promise.resolve();
  }

  /** Messages in work are stored and answered; connections end between transactions. */
  stop(graceMs: number): Promise<void> {
    return this.#listener.stop(graceMs);
  }

  #open(connection: Connection): Session {
    const { directory, store, meter, onDelivered, clock, logger } = this.#ports;
    const { hostname, addsReceived, addsDeliveredTo, maxMessageBytes, maxReceivedHeaders, maxHeaderBytes } =
      this.#options;
    const { maxRecipients, fullMailbox, exceededMessage, isProbeSender } = this.#options;
    return new LmtpSession(connection, {
      server: this.#server,
      recipients: { directory, store, meter, fullMailbox },
      transaction: {
        hostname,
        addsReceived,
        addsDeliveredTo,
        maxMessageBytes,
        maxReceivedHeaders,
        maxHeaderBytes,
        clock,
        store,
      },
      maxRecipients,
      exceededMessage,
      isProbeSender,
      onDelivered,
      counters: this.counters,
      logger: logger.child({ session: connection.id }),
    });
  }
}
