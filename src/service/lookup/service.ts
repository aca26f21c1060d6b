/**
 * The lookup service: listens, and gives each connection a session. Wired into Postfix as
 * `socketmap:unix:PATH:TABLE`; see socketmap_table(5) and facts/postfix.md C.
 */
import type { Logger } from '../../core/logger.ts';
import type { Service } from '../../core/service.ts';
import { Listener, type ListeningOptions } from '../../net/listener.ts';
import type { LookupDirectory } from './maps.ts';
import { openLookupSession, type LookupCounters } from './session.ts';

export interface LookupServiceOptions extends ListeningOptions {
  readonly idleMs: number;
  /** Longest wait for the directory, far below Postfix's own 100 s; for tests. */
  readonly deadlineMs?: number;
}

/** The client of an SMTP dialogue waits meanwhile, for up to nine lookups a recipient. */
const DEADLINE_MS = 8000;

export class LookupService implements Service {
  readonly counters: LookupCounters = { found: 0, absent: 0, unavailable: 0, faults: 0 };
  readonly #listener: Listener;

  constructor(options: LookupServiceOptions, { logger, directory }: { logger: Logger; directory: LookupDirectory }) {
    const { idleMs } = options;
    this.#listener = new Listener({
      listening: options,
      logger,
      onConnection: (connection) =>
        openLookupSession({
          connection,
          logger: logger.child({ session: connection.id }),
          directory,
          idleMs,
          deadlineMs: options.deadlineMs ?? DEADLINE_MS,
          counters: this.counters,
        }),
    });
  }

  bind(): Promise<void> {
    return this.#listener.bind();
  }

  start(): Promise<void> {
    this.#listener.open();
    return Promise.resolve();
  }

  stop(graceMs: number): Promise<void> {
    return this.#listener.stop(graceMs);
  }
}
