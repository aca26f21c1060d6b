/**
 * The http service: tells mail clients how to set an account up, and whoever watches us whether we are well. Meant to
 * stand behind a web server that speaks TLS. It never says whether an account exists, and never logs a query string,
 * a body or an Authorization header. facts/autoconfig.md.
 */
import type { IncomingMessage } from 'node:http';
import { systemClock, type Clock } from '../../core/clock.ts';
import { settleWithin } from '../../core/deadline.ts';
import type { Logger } from '../../core/logger.ts';
import { quotePeerText } from '../../core/printable.ts';
import type { Service } from '../../core/service.ts';
import { Listener, type ListeningOptions } from '../../net/listener.ts';
import type { ServerSettings } from '../../protocol/client-settings.ts';
import { answerAutoconfig, AUTOCONFIG_PATHS, type ClientHelp } from './autoconfig.ts';
import { answerAutodiscover, AUTODISCOVER_PATH } from './autodiscover.ts';
import type { DomainDirectory } from './find-domain.ts';
import type { HttpOutcome } from './reply.ts';
import { HttpServer, type Answered, type Page, type PageRequest } from './server.ts';
import { HttpSession } from './session.ts';

export interface HttpServiceOptions extends Omit<ListeningOptions, 'isAllowed'> {
  /** Everyone may ask; only a web server of these networks, or on a unix socket, may say who asks for which host. */
  readonly isTrustedProxy: (remoteAddress: string) => boolean;
  readonly imap: ServerSettings;
  readonly smtp: ServerSettings;
  /** Name of the provider that clients show; empty shows the domain. */
  readonly displayName: string;
  /** Longest wait for the directory; for tests. */
  readonly deadlineMs?: number;
  /** Longest time from the first byte, or the last answer, to the next answer; for tests. */
  readonly exchangeLimitMs?: number;
}

export interface HttpPorts {
  readonly logger: Logger;
  readonly directory: DomainDirectory;
  /** Whether the directory can answer at all. */
  readonly isHealthy: () => Promise<boolean>;
  readonly clock?: Clock;
}

/** Beside the code that counts. */
export interface HttpCounters {
  /** Requests answered, by the kind of the answer. */
  readonly answered: Map<HttpOutcome['kind'], number>;
  /** Requests that found a fault of our own. */
  faults: number;
}

/** Thunderbird waits for 5 s and takes whatever else it finds. */
const DEADLINE_MS = 4000;

/** More than the silence that is allowed between two requests and the time an answer may take. */
const EXCHANGE_LIMIT_MS = 20_000;

export class HttpService implements Service {
  readonly counters: HttpCounters = { answered: new Map(), faults: 0 };
  readonly #options: HttpServiceOptions;
  readonly #ports: HttpPorts;
  readonly #listener: Listener;
  readonly #server: HttpServer;
  #requestCount = 0;

  constructor(options: HttpServiceOptions, ports: HttpPorts) {
    this.#options = options;
    this.#ports = ports;
    this.#server = new HttpServer({ pages: this.#makePages(), onAnswered: (answered) => this.#log(answered) });
    this.#listener = new Listener({
      listening: { ...options, isAllowed: () => true },
      logger: ports.logger,
      onConnection: (connection) => {
        const session = new HttpSession(connection, options.exchangeLimitMs ?? EXCHANGE_LIMIT_MS);
        this.#server.accept(session);
        return session;
      },
    });
  }

  bind(): Promise<void> {
    return this.#listener.bind();
  }

  async start(): Promise<void> {
    await this.#server.start();
    this.#listener.open();
  }

  async stop(graceMs: number): Promise<void> {
    await this.#listener.stop(graceMs);
    await this.#server.stop();
  }

  #makePages(): Page[] {
    const { imap, smtp, displayName } = this.#options;
    const { directory, clock = systemClock, isHealthy } = this.#ports;
    const help: ClientHelp = { directory, imap, smtp, displayName };
    const autoconfig = (request: PageRequest): Promise<HttpOutcome> =>
      answerAutoconfig(help, { query: request.query, host: this.#findHost(request.message) });
    const pages: Page[] = AUTOCONFIG_PATHS.map((path) => ({
      name: 'autoconfig',
      path,
      method: 'GET',
      answer: autoconfig,
    }));
    pages.push({
      name: 'autodiscover',
      path: AUTODISCOVER_PATH,
      method: 'POST',
      answer: ({ body }) => answerAutodiscover({ ...help, clock }, { body, id: (this.#requestCount += 1) }),
    });
    pages.push({
      name: 'healthz',
      path: '/healthz',
      method: 'GET',
      answer: async () => ({ kind: (await isHealthy()) ? 'healthy' : 'unavailable' }),
    });
    return pages.map((page) => ({ ...page, answer: (request) => this.#limit(page.answer(request)) }));
  }

  #limit(answer: Promise<HttpOutcome>): Promise<HttpOutcome> {
    return settleWithin(answer, this.#options.deadlineMs ?? DEADLINE_MS, () => ({ kind: 'unavailable' }));
  }

  /** The host the client asked; a web server in front may have put its own name into Host. */
  #findHost({ headers, socket }: IncomingMessage): string | undefined {
    const forwarded = headers['x-forwarded-host'];
    if (typeof forwarded !== 'string' || !this.#isTrusted(socket.remoteAddress)) return headers.host;
    return forwarded.split(',', 1)[0];
  }

  /** A unix peer has no address; the mode of the socket let it in. */
  #isTrusted(remoteAddress: string | undefined): boolean {
    return remoteAddress === undefined || this.#options.isTrustedProxy(remoteAddress.replace(/^::ffff:/, ''));
  }

  /** Whom the answer goes to: the last address that a trusted web server added. */
  #findClient({ headers, socket }: IncomingMessage): string {
    const forwarded = headers['x-forwarded-for'];
    if (typeof forwarded !== 'string' || !this.#isTrusted(socket.remoteAddress)) return socket.remoteAddress ?? '';
    return forwarded.split(',').at(-1)?.trim() ?? '';
  }

  #log({ page, message, outcome, status, elapsedMs, fault }: Answered): void {
    const { logger } = this.#ports;
    const { answered } = this.counters;
    answered.set(outcome.kind, (answered.get(outcome.kind) ?? 0) + 1);
    const name = page?.name ?? 'none';
    if (fault !== undefined) {
      this.counters.faults += 1;
      logger.error('http.fault', { page: name, err: fault });
    }
    // Monitors and scanners ask all day; people who set up an account do not.
    const level = page === undefined || page.name === 'healthz' ? 'debug' : 'info';
    logger[level]('http.answered', {
      page: name,
      method: quotePeerText(message.method ?? ''),
      host: quotePeerText(this.#findHost(message) ?? ''),
      client: quotePeerText(this.#findClient(message)),
      answer: outcome.kind,
      status,
      ms: Math.round(elapsedMs),
    });
  }
}
