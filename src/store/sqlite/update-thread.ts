/**
 * The daemon's own changes to the embedded database from the side of the main thread: told and forgotten, gathered for half
 * a second, written by one thread (RULES 32). Nothing here makes a login wait or fail; a database that cannot be written to
 * costs a log line, and in the end the oldest changes.
 *
 * States: *idle* (nothing waits, and before the first change no thread runs), *gathering* (a timer runs), *writing* (one
 * batch is with the thread), *paused* (a write failed or the thread died; a timer runs, longer each time).
 */
import { Worker } from 'node:worker_threads';
import type { AccountUpdates } from '../../auth/account-updates.ts';
import { describeError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import { UpdateQueue, type AppPasswordUse, type HashChange, type UpdateBatch } from './update-queue.ts';
import type { UpdateReply, UpdateTask } from './update-worker.ts';

export interface UpdateThreadOptions {
  /** The database. */
  readonly path: string;
  readonly logger: Logger;
  /** The code of the thread; the tests have one that crashes. */
  readonly workerUrl?: URL | undefined;
  /** Changes that may wait, for the tests. */
  readonly maxWaiting?: number | undefined;
}

/** A change is seen within a second; meanwhile a busy server gathers many. */
const GATHER_MS = 500;
/** About 2 MB; while the database is gone, they wait here. */
const MAX_WAITING = 10_000;
/** Like the command: others get the lock in between (RULES 32). */
const MAX_BATCH = 1000;
const FIRST_RETRY_MS = 250;
const MAX_RETRY_MS = 30_000;
/** A batch during which the thread died this often is not tried again. */
const MAX_CRASHES = 3;
/** What a stop waits for the last batch. */
const STOP_LIMIT_MS = 2000;
const WORKER_URL = new URL('./update-worker.js', import.meta.url);

export class UpdateThread implements AccountUpdates {
  readonly #options: UpdateThreadOptions;
  readonly #queue: UpdateQueue;
  #worker: Worker | undefined;
  #writing: UpdateBatch | undefined;
  #timer: NodeJS.Timeout | undefined;
  #retryMs = FIRST_RETRY_MS;
  #crashes = 0;
  /** Why nothing can be written; undefined while it works. */
  #fault: string | undefined;
  /** Called when there is nothing left to wait for; set by `stop`. */
  #finish: (() => void) | undefined;
  #isStopped = false;

  constructor(options: UpdateThreadOptions) {
    this.#options = options;
    this.#queue = new UpdateQueue(options.maxWaiting ?? MAX_WAITING);
  }

  /** Changes that were given up: too many waited, or the thread died of them. */
  get droppedCount(): number {
    return this.#queue.droppedCount;
  }

  usedAppPassword(use: AppPasswordUse): void {
    if (this.#isStopped) return;
    this.#queue.addUse(use);
    this.#gather();
  }

  replaceHash(change: HashChange): void {
    if (this.#isStopped) return;
    this.#queue.addHash(change);
    this.#gather();
  }

  /** Writes what waits, within its limit, and ends the thread. Twice is harmless. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await new Promise<void>((resolve) => {
      const limit = setTimeout(resolve, STOP_LIMIT_MS);
      this.#finish = () => {
        clearTimeout(limit);
        resolve();
      };
      this.#write();
    });
    clearTimeout(this.#timer);
    const worker = this.#worker;
    this.#worker = undefined;
    const lost = this.#queue.size + countOf(this.#writing);
    if (lost > 0)
      this.#options.logger.warn('store.write-fault', { lost }, 'Changes of the last moment were not written');
    // A thread that hangs in the disk ends when the disk does; nobody waits for it.
    if (this.#writing === undefined) await worker?.terminate();
    else void worker?.terminate();
  }

  #gather(): void {
    if (this.#timer !== undefined || this.#writing !== undefined) return;
    this.#wait(GATHER_MS);
  }

  #wait(milliseconds: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#write();
    }, milliseconds);
    this.#timer.unref();
  }

  #write(): void {
    if (this.#writing !== undefined) return;
    this.#writing = this.#queue.takeBatch(MAX_BATCH);
    if (this.#writing === undefined) return this.#finish?.();
    const task: UpdateTask = { path: this.#options.path, batch: this.#writing };
    this.#findWorker().postMessage(task);
  }

  #findWorker(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(this.#options.workerUrl ?? WORKER_URL, { name: 'postern-updates' });
    worker.unref();
    worker.on('message', (reply: UpdateReply) => this.#settle(reply));
    let fault: unknown;
    worker.on('error', (error) => {
      fault = error;
    });
    worker.once('exit', (code) => {
      if (this.#worker === worker) this.#recover(fault ?? new Error(`The thread ended with code ${code}`));
    });
    this.#worker = worker;
    return worker;
  }

  #settle(reply: UpdateReply): void {
    const batch = this.#writing;
    this.#writing = undefined;
    this.#crashes = 0;
    if (reply.kind === 'written') {
      this.#reportWritten(batch, reply.replaced);
      if (this.#finish !== undefined) this.#write();
      else if (this.#queue.size > 0) this.#wait(GATHER_MS);
      return;
    }
    if (batch !== undefined) this.#queue.putBack(batch);
    this.#pause(reply.reason, { isLocked: reply.isLocked });
  }

  /** The thread died: a new one gets the batch, unless it was the batch that did it. */
  #recover(fault: unknown): void {
    this.#worker = undefined;
    this.#crashes += 1;
    const batch = this.#writing;
    this.#writing = undefined;
    if (batch !== undefined && this.#crashes < MAX_CRASHES) this.#queue.putBack(batch);
    else this.#queue.droppedCount += countOf(batch);
    this.#pause(describeError(fault), { isLocked: false });
  }

  #pause(reason: string, { isLocked }: { readonly isLocked: boolean }): void {
    const { logger, path } = this.#options;
    // A lock is somebody's work, not a fault.
    if (!isLocked && this.#fault !== reason) {
      this.#fault = reason;
      logger.error('store.write-fault', { path, reason }, `Last uses and new hashes are not written: ${reason}`);
    }
    if (this.#finish !== undefined && !isLocked) return this.#finish();
    if (this.#queue.size === 0 && this.#finish === undefined) return;
    this.#wait(isLocked ? FIRST_RETRY_MS : this.#retryMs);
    if (!isLocked) this.#retryMs = Math.min(this.#retryMs * 2, MAX_RETRY_MS);
  }

  #reportWritten(batch: UpdateBatch | undefined, replaced: readonly string[]): void {
    const { logger, path } = this.#options;
    this.#retryMs = FIRST_RETRY_MS;
    if (this.#fault !== undefined) logger.info('store.write-resumed', { path });
    this.#fault = undefined;
    for (const { user, from, to } of batch?.hashes ?? [])
      if (replaced.includes(user)) logger.info('auth.hash-replaced', { user, from: schemeOf(from), to: schemeOf(to) });
  }
}

function countOf(batch: UpdateBatch | undefined): number {
  return batch === undefined ? 0 : batch.uses.length + batch.hashes.length;
}

/** The scheme of `{SCHEME}data`; never the data. */
function schemeOf(stored: string): string {
  return /^\{([A-Za-z0-9.-]{1,40})\}/.exec(stored)?.[1] ?? 'unnamed';
}
