/**
 * The thread of `usage-worker.ts` from the side of the main thread: tasks in, results out, a new thread after a crash.
 * A task never waits for ever: a hung disk hangs the thread, not its callers.
 */
import { Worker } from 'node:worker_threads';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { ScanRequest } from './usage-scan.ts';
import type { ScanReply, ScanTask } from './usage-worker.ts';

/** As long as LMTP waits for a first measurement (RULES 34). */
const TASK_TIMEOUT_MS = 30_000;
/** A thread that dies at once must not be started in a loop. */
const RESTART_PAUSE_MS = 1000;
const WORKER_URL = new URL('./usage-worker.js', import.meta.url);

export class UsageThread {
  readonly #logger: Logger;
  readonly #waiting = new Map<number, (reply: ScanReply) => void>();
  #worker: Worker | undefined;
  #startedAt = 0;
  #lastId = 0;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Measures one account; resolves with `failed` when it cannot be told. */
  measure(request: ScanRequest): Promise<ScanReply> {
    return this.#run({ requests: [request], isForDomain: false });
  }

  /** Adds up some accounts of a domain; resolves as `measure` does. */
  measureAll(requests: readonly ScanRequest[]): Promise<ScanReply> {
    return this.#run({ requests, isForDomain: true });
  }

  #run(work: Omit<ScanTask, 'id'>): Promise<ScanReply> {
    const id = ++this.#lastId;
    const worker = this.#findWorker();
    if (worker === undefined) return Promise.resolve(fail(id, 'the thread has just crashed'));
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#settle(fail(id, 'timed out')), TASK_TIMEOUT_MS);
      timer.unref();
      this.#waiting.set(id, (reply) => {
        clearTimeout(timer);
        resolve(reply);
      });
      const task: ScanTask = { id, ...work };
      worker.postMessage(task);
    });
  }

  /** Ends the thread; tasks in work fail. */
  async stop(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    this.#failAll('stopped');
    await worker?.terminate();
  }

  #findWorker(): Worker | undefined {
    if (this.#worker !== undefined) return this.#worker;
    if (Date.now() - this.#startedAt < RESTART_PAUSE_MS) return undefined;
    this.#startedAt = Date.now();
    const worker = new Worker(WORKER_URL, { name: 'usage' });
    worker.unref();
    worker.on('message', (reply: ScanReply) => this.#settle(reply));
    worker.on('error', (error) => {
      this.#logger.error('quota.fault', { err: error });
      if (this.#worker === worker) this.#worker = undefined;
      this.#failAll(describeError(error));
    });
    this.#worker = worker;
    return worker;
  }

  #settle(reply: ScanReply): void {
    const resolve = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    resolve?.(reply);
  }

  #failAll(reason: string): void {
    for (const id of this.#waiting.keys()) this.#settle(fail(id, reason));
  }
}

function fail(id: number, reason: string): ScanReply {
  return { id, kind: 'failed', reason };
}
