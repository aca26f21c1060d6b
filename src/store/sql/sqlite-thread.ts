/**
 * The thread of one SQLite file from the side of the main thread: questions in, answers out, each within its time. A thread
 * that hangs or crashes is ended and everything it was asked fails; the next question after a pause starts another.
 *
 * States: *idle* (no thread, or nothing waits: the process may end), *busy* (questions wait, each with a timer), *paused*
 * (a thread was lost; questions fail at once until the pause is over).
 */
import { Worker } from 'node:worker_threads';
import { systemClock, type Clock } from '../../core/clock.ts';
import { describeError } from '../../core/errors.ts';
import type { SqlAnswer } from './engine.ts';
import type { SqlTask, SqlValue } from './sqlite-file.ts';
import type { SqlReply, SqlRequest } from './sqlite-worker.ts';

export interface SqliteThreadOptions {
  readonly path: string;
  /** What an answer may take. */
  readonly limitMs: number;
  readonly clock?: Clock | undefined;
  /** The code of the thread; the tests have one that hangs and crashes. */
  readonly workerUrl?: URL | undefined;
}

/** More than any server logs in at once; past it, waiting would only take longer. */
const MAX_WAITING = 1000;
const FIRST_PAUSE_MS = 250;
const MAX_PAUSE_MS = 30_000;
/** A thread inside a query ends when the query does: a query without end must not take a core for each try. */
const MAX_LOST = 2;
const WORKER_URL = new URL('./sqlite-worker.js', import.meta.url);

interface Waiting {
  readonly timer: NodeJS.Timeout;
  readonly parts: string[];
  readonly resolve: (answer: SqlAnswer<SqlValue>) => void;
}

export class SqliteThread {
  readonly #options: SqliteThreadOptions;
  readonly #clock: Clock;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #lastId = 0;
  #pauseMs = FIRST_PAUSE_MS;
  #pause: NodeJS.Timeout | undefined;
  /** Threads that were ended and still run. */
  #lostCount = 0;
  /** Why there is no thread. */
  #fault = 'closed';
  #isStopped = false;

  constructor(options: SqliteThreadOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Answers within the limit; never rejects. */
  ask(task: Omit<SqlTask, 'now'>): Promise<SqlAnswer<SqlValue>> {
    if (this.#waiting.size >= MAX_WAITING) return Promise.resolve(fail(`${MAX_WAITING} lookups wait already`));
    const worker = this.#findWorker();
    if (worker === undefined) return Promise.resolve(fail(this.#fault));
    const id = ++this.#lastId;
    const request: SqlRequest = { id, now: this.#clock.now(), ...task };
    return new Promise((resolve) => {
      const { limitMs } = this.#options;
      const timer = setTimeout(() => this.#lose(worker, `no answer within ${limitMs} ms`), limitMs);
      if (this.#waiting.size === 0) worker.ref();
      this.#waiting.set(id, { timer, parts: [], resolve });
      worker.postMessage(request);
    });
  }

  /** Ends the thread; what waits fails. */
  stop(): void {
    this.#isStopped = true;
    this.#fault = 'closed';
    clearTimeout(this.#pause);
    const worker = this.#worker;
    this.#worker = undefined;
    void worker?.terminate();
    this.#failAll('closed');
  }

  #findWorker(): Worker | undefined {
    if (this.#worker !== undefined) return this.#worker;
    if (this.#isStopped || this.#pause !== undefined || this.#lostCount >= MAX_LOST) return undefined;
    const { path, workerUrl = WORKER_URL } = this.#options;
    const worker = new Worker(workerUrl, { name: 'postern-sql', workerData: path });
    worker.unref();
    worker.on('message', (reply: SqlReply) => this.#settle(reply));
    worker.on('error', (error) => this.#lose(worker, `its thread failed: ${describeError(error)}`));
    worker.once('exit', (code) => this.#lose(worker, `its thread ended with code ${code}`));
    this.#worker = worker;
    return worker;
  }

  #settle({ id, answer, isPart }: SqlReply): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#pauseMs = FIRST_PAUSE_MS;
    if (isPart && isList(answer)) {
      waiting.parts.push(...answer.value);
      return;
    }
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    if (this.#waiting.size === 0) this.#worker?.unref();
    const isWhole = waiting.parts.length === 0 || !isList(answer);
    waiting.resolve(isWhole ? answer : { kind: 'answered', value: [...waiting.parts, ...answer.value] });
  }

  #lose(worker: Worker, reason: string): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    this.#fault = reason;
    worker.unref();
    this.#lostCount += 1;
    void worker.terminate().finally(() => (this.#lostCount -= 1));
    this.#pause = setTimeout(() => (this.#pause = undefined), this.#pauseMs);
    this.#pause.unref();
    this.#pauseMs = Math.min(this.#pauseMs * 2, MAX_PAUSE_MS);
    this.#failAll(reason);
  }

  #failAll(reason: string): void {
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { timer, resolve } of all) {
      clearTimeout(timer);
      resolve(fail(reason));
    }
  }
}

function isList(answer: SqlAnswer<SqlValue>): answer is { kind: 'answered'; value: readonly string[] } {
  return answer.kind === 'answered' && Array.isArray(answer.value);
}

function fail(reason: string): SqlAnswer<never> {
  return { kind: 'failed', reason, scope: 'database' };
}
