/**
 * A foreign SQLite file as an engine of the driver sql: one thread for lookups, and one for each list of names, which would
 * keep lookups waiting. It says when the file goes and when it comes back, and nothing in between.
 */
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import type { SqlAnswer, SqlEngine, SqlQuestion, SqlRows } from './engine.ts';
import type { SqlTask, SqlValue } from './sqlite-file.ts';
import { SqliteThread, type SqliteThreadOptions } from './sqlite-thread.ts';

export interface SqliteEngineOptions {
  readonly path: string;
  readonly logger: Logger;
  readonly clock?: Clock | undefined;
  /** The code of the thread, for the tests. */
  readonly workerUrl?: URL | undefined;
}

/** A passdb answers within 3 s. */
const FIND_LIMIT_MS = 2500;
const LIST_LIMIT_MS = 30_000;

export class SqliteEngine implements SqlEngine {
  readonly #options: SqliteEngineOptions;
  readonly #thread: SqliteThread;
  /** Why nothing can be answered; undefined while it works. */
  #fault: string | undefined = 'not asked yet';
  #isLogged = false;

  constructor(options: SqliteEngineOptions) {
    this.#options = options;
    this.#thread = this.#makeThread(FIND_LIMIT_MS);
  }

  async find(question: SqlQuestion): Promise<SqlAnswer<SqlRows>> {
    const answer = await this.#ask(this.#thread, { ...question, want: 'rows' });
    return answer.kind === 'failed' ? answer : { kind: 'answered', value: toRows(answer.value) };
  }

  async listDomains(question: SqlQuestion): Promise<SqlAnswer<readonly string[]>> {
    return toList(await this.#ask(this.#thread, { ...question, want: 'domains' }));
  }

  async listNames(question: SqlQuestion): Promise<SqlAnswer<readonly string[]>> {
    const thread = this.#makeThread(LIST_LIMIT_MS);
    try {
      return toList(await this.#ask(thread, { ...question, want: 'names' }));
    } finally {
      thread.stop();
    }
  }

  async describe(question: SqlQuestion): Promise<SqlAnswer<readonly string[]>> {
    return toList(await this.#ask(this.#thread, { ...question, want: 'columns' }));
  }

  close(): void {
    this.#thread.stop();
  }

  #makeThread(limitMs: number): SqliteThread {
    const { path, clock, workerUrl } = this.#options;
    const options: SqliteThreadOptions = { path, limitMs, clock, workerUrl };
    return new SqliteThread(options);
  }

  async #ask(thread: SqliteThread, task: Omit<SqlTask, 'now'>): Promise<SqlAnswer<SqlValue>> {
    const answer = await thread.ask(task);
    if (answer.kind === 'failed' && answer.scope === 'database') this.#fail(answer.reason);
    else this.#recover();
    return answer;
  }

  #recover(): void {
    if (this.#fault === undefined) return;
    this.#fault = undefined;
    this.#isLogged = false;
    this.#options.logger.info('store.opened', { path: this.#options.path });
  }

  /** One line an outage: its reason may change with every lookup. */
  #fail(reason: string): void {
    const { logger, path } = this.#options;
    this.#fault = reason;
    if (this.#isLogged) return;
    this.#isLogged = true;
    logger.error('store.fault', { path, reason }, `Lookups wait: ${reason}`);
  }
}

function toRows(value: SqlValue): SqlRows {
  return 'rows' in value ? value : { columns: [], rows: [] };
}

function toList(answer: SqlAnswer<SqlValue>): SqlAnswer<readonly string[]> {
  if (answer.kind === 'failed') return answer;
  return { kind: 'answered', value: 'rows' in answer.value ? [] : answer.value };
}
