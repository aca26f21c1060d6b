/**
 * Threads that hash, and the queue before them. Hashing is synchronous inside its thread and never touches libuv's pool,
 * so that a full queue delays no file access and a hung disk no login (RULES 31). Which scheme needs a worker is
 * decided elsewhere.
 *
 * A job is queued, then in a worker, then answered. It is answered `busy` when the queue is full, its deadline
 * passes, or its worker dies; a late result is thrown away. A slot whose worker died waits (back-off), then gets
 * a new one.
 */
import { Worker } from 'node:worker_threads';
import type { Logger } from '../core/logger.ts';
import type { HashVerdict } from './hasher.ts';

export type HashRequest =
  | { readonly kind: 'verify'; readonly password: Uint8Array; readonly stored: string }
  | { readonly kind: 'hash'; readonly password: Uint8Array; readonly scheme: string };

/** What goes to a worker. */
export interface HashJob {
  readonly id: number;
  readonly request: HashRequest;
}

export type HashAnswer =
  | { readonly kind: 'verdict'; readonly verdict: HashVerdict }
  | { readonly kind: 'hash'; readonly stored: string }
  | { readonly kind: 'fault'; readonly reason: string };

export interface HashWorkersOptions {
  readonly workerCount: number;
  /** Jobs that may wait; one more is answered `busy` at once. */
  readonly maxQueued: number;
  /** Longest time from `submit` to an answer. */
  readonly deadlineMs: number;
  readonly logger: Logger;
  /** The code of a worker; the tests have one that crashes. */
  readonly workerUrl?: URL;
}

interface Pending {
  readonly request: HashRequest;
  readonly settle: (answer: HashAnswer | 'busy') => void;
}

interface Slot {
  worker: Worker | undefined;
  readonly jobs: Map<number, Pending>;
  restartDelayMs: number;
  restartTimer: NodeJS.Timeout | undefined;
}

/** Two, so that a worker finds its next job without waiting for the main thread's turn. */
const JOBS_PER_WORKER = 2;
const FIRST_RESTART_DELAY_MS = 250;
const MAX_RESTART_DELAY_MS = 30_000;
/** A worker loads three native libraries; one that takes longer hangs. */
const START_TIMEOUT_MS = 10_000;
/** Compiled beside this file. */
const WORKER_URL = new URL('./hash-worker.js', import.meta.url);

export class HashWorkers {
  readonly #options: HashWorkersOptions;
  readonly #slots: Slot[] = [];
  #queue: Pending[] = [];
  #lastId = 0;
  #isStopped = true;
  /** Jobs answered `busy`: full queue, deadline, or a dead worker. */
  busyCount = 0;
  /** Workers that ended by themselves since the start. */
  crashCount = 0;

  constructor(options: HashWorkersOptions) {
    this.#options = options;
  }

  /** Jobs that wait for a worker now. */
  get queuedCount(): number {
    return this.#queue.length;
  }

  /** Starts the workers and waits until each has loaded its libraries; throws when one cannot. */
  async start(): Promise<void> {
    this.#isStopped = false;
    for (let i = 0; i < this.#options.workerCount; i++) {
      this.#slots.push({
        worker: undefined,
        jobs: new Map(),
        restartDelayMs: FIRST_RESTART_DELAY_MS,
        restartTimer: undefined,
      });
    }
    try {
      await Promise.all(this.#slots.map((slot) => waitUntilReady(this.#launch(slot))));
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Answers what waits with `busy` and ends the workers. Twice is harmless. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    const slots = this.#slots.splice(0);
    for (const pending of this.#queue.splice(0)) pending.settle('busy');
    await Promise.all(
      slots.map(async (slot) => {
        clearTimeout(slot.restartTimer);
        this.#abandonJobs(slot);
        await slot.worker?.terminate();
      }),
    );
  }

  /** Has a job done. Never rejects. */
  submit(request: HashRequest): Promise<HashAnswer | 'busy'> {
    if (this.#isStopped || this.#queue.length >= this.#options.maxQueued) {
      this.busyCount += 1;
      return Promise.resolve('busy');
    }
    return new Promise((resolve) => {
      const pending: Pending = {
        request,
        settle: (answer) => {
          clearTimeout(timer);
          if (answer === 'busy') this.busyCount += 1;
          resolve(answer);
        },
      };
      const timer = setTimeout(() => this.#expire(pending), this.#options.deadlineMs);
      this.#queue.push(pending);
      this.#feed();
    });
  }

  /** A job in a worker stays in its slot after the deadline: the worker is still busy with it. */
  #expire(pending: Pending): void {
    this.#queue = this.#queue.filter((queued) => queued !== pending);
    pending.settle('busy');
  }

  #feed(): void {
    while (this.#queue.length > 0) {
      const slot = this.#findFreeSlot();
      if (slot?.worker === undefined) return;
      const pending = this.#queue.shift();
      if (pending === undefined) return;
      this.#lastId += 1;
      slot.jobs.set(this.#lastId, pending);
      const job: HashJob = { id: this.#lastId, request: pending.request };
      slot.worker.postMessage(job);
    }
  }

  #findFreeSlot(): Slot | undefined {
    let best: Slot | undefined;
    for (const slot of this.#slots) {
      if (slot.worker === undefined || slot.jobs.size >= JOBS_PER_WORKER) continue;
      if (best === undefined || slot.jobs.size < best.jobs.size) best = slot;
    }
    return best;
  }

  #launch(slot: Slot): Worker {
    const worker = new Worker(this.#options.workerUrl ?? WORKER_URL, { name: 'postern-hash' });
    worker.on('message', (message: 'ready' | { id: number; answer: HashAnswer }) => {
      if (message === 'ready') return;
      slot.restartDelayMs = FIRST_RESTART_DELAY_MS;
      slot.jobs.get(message.id)?.settle(message.answer);
      slot.jobs.delete(message.id);
      this.#feed();
    });
    let fault: unknown;
    worker.on('error', (error) => {
      fault = error;
    });
    worker.once('exit', (code) => this.#replace(slot, fault ?? new Error(`Hash worker ended with code ${code}`)));
    slot.worker = worker;
    this.#feed();
    return worker;
  }

  #replace(slot: Slot, fault: unknown): void {
    slot.worker = undefined;
    if (this.#isStopped) return;
    this.crashCount += 1;
    this.#options.logger.error('hash.worker-fault', { err: fault, lostJobs: slot.jobs.size });
    this.#abandonJobs(slot);
    slot.restartTimer = setTimeout(() => this.#launch(slot), slot.restartDelayMs);
    slot.restartDelayMs = Math.min(slot.restartDelayMs * 2, MAX_RESTART_DELAY_MS);
  }

  #abandonJobs(slot: Slot): void {
    for (const pending of slot.jobs.values()) pending.settle('busy');
    slot.jobs.clear();
  }
}

function waitUntilReady(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('Cannot start hash worker: it says nothing')), START_TIMEOUT_MS);
    const settle = (error?: Error): void => {
      clearTimeout(timer);
      if (error === undefined) resolve();
      else reject(error);
    };
    worker.once('message', () => settle());
    worker.once('error', (error) => settle(new Error('Cannot start hash worker', { cause: error })));
    worker.once('exit', (code) => settle(new Error(`Cannot start hash worker: it ended with code ${code}`)));
  });
}
