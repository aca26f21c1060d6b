/**
 * Threads that hash, and the queue before them. Hashing is synchronous inside its thread and never touches libuv's pool,
 * so that a full queue delays no file access and a hung disk no login (RULES 31). Which scheme needs a worker is
 * decided elsewhere.
 *
 * A job is queued, then in a worker, then answered. It is answered `busy` when the queue is full, its deadline
 * passes, or its worker dies; a late result is thrown away. A slot whose worker died waits (back-off), then gets
 * a new one. All jobs that run at a time share MAX_MEMORY_KIB.
 *
 * When several wait, quick ones travel together, there and back: two messages between threads and what they wake cost
 * as much as a tenth of a SHA512-CRYPT.
 */
import { Worker } from 'node:worker_threads';
import type { Logger } from '../core/logger.ts';
import { HashQueue, type Waiting } from './hash-queue.ts';
import type { HashPriority, HashVerdict } from './hasher.ts';
import { MAX_MEMORY_KIB } from './schemes/work.ts';

/** Bytes travel as latin1 text: a string to another thread and its answer back take 15 us, a Uint8Array a third more. */
export type HashRequest =
  | { readonly kind: 'verify'; readonly password: string; readonly stored: string }
  | { readonly kind: 'hash'; readonly password: string; readonly scheme: string; readonly rounds: number }
  | {
      readonly kind: 'scram';
      readonly password: string;
      readonly algorithm: 'sha1' | 'sha256';
      readonly salt: string;
      readonly iterations: number;
    };

/** What goes to a worker: a batch of these, done in order. */
export interface HashJob {
  readonly id: number;
  readonly request: HashRequest;
}

/** What comes back, all of a batch at once. */
export interface HashDone {
  readonly id: number;
  readonly answer: HashAnswer;
}

/** A verdict, a text made, or why there is none. */
export type HashAnswer = HashVerdict | { readonly text: string } | { readonly fault: string };

export interface HashWorkersOptions {
  readonly workerCount: number;
  /** Jobs that may wait, half as many known ones on top; one more is answered `busy` at once. */
  readonly maxQueued: number;
  /** Of them, penalised ones; as many as all when not given. */
  readonly maxPenalised?: number | undefined;
  /** Longest time from `submit` to an answer. */
  readonly deadlineMs: number;
  readonly logger: Logger;
  /** The code of a worker; the tests have one that crashes. */
  readonly workerUrl?: URL;
}

export interface SubmitOptions {
  readonly priority?: HashPriority | undefined;
  /** A shorter time for this one. */
  readonly deadlineMs?: number | undefined;
  /** What it takes while it runs. */
  readonly memoryKib?: number | undefined;
  /** How long it takes, about; one that does not say so travels alone. */
  readonly estimatedMs?: number | undefined;
}

interface Pending {
  readonly request: HashRequest;
  readonly memoryKib: number;
  readonly estimatedMs: number;
  readonly settle: (answer: HashAnswer) => void;
}

interface Slot {
  worker: Worker | undefined;
  readonly jobs: Map<number, Pending>;
  batchCount: number;
  /** When the worker began with its first batch, and whether it gets a second one meanwhile. */
  startedAt: number;
  isQuick: boolean;
  restartDelayMs: number;
  restartTimer: NodeJS.Timeout | undefined;
}

/** Two, so that a worker finds its next one without waiting for the main thread's turn. */
const BATCHES_PER_WORKER = 2;
/** What a batch of several may take, by their estimates: the first one's answer waits for the last one's. */
const BATCH_MS = 10;
/** A batch this long makes the wait for the main thread nothing, and its follower's wait in the worker too long. */
const QUICK_MS = 20;
const FIRST_RESTART_DELAY_MS = 250;
const MAX_RESTART_DELAY_MS = 30_000;
/** A worker loads three native libraries; one that takes longer hangs. */
const START_TIMEOUT_MS = 10_000;
/** Compiled beside this file. */
const WORKER_URL = new URL('./hash-worker.js', import.meta.url);

export class HashWorkers {
  readonly #options: HashWorkersOptions;
  readonly #slots: Slot[] = [];
  readonly #queue: HashQueue<Pending>;
  #memoryKib = 0;
  /** One that waits until enough memory is free: no other that takes any goes before it. */
  #starved: Pending | undefined;
  #lastId = 0;
  #isStopped = true;
  /** Jobs answered `busy`: full queue, deadline, or a dead worker. */
  busyCount = 0;
  /** Workers that ended by themselves since the start. */
  crashCount = 0;

  constructor(options: HashWorkersOptions) {
    this.#options = options;
    this.#queue = new HashQueue({
      limit: options.maxQueued,
      penalisedLimit: options.maxPenalised,
      isHeavy: ({ memoryKib }) => memoryKib > 0,
    });
  }

  /** Jobs that wait for a worker now. */
  get queuedCount(): number {
    return this.#queue.size;
  }

  /** Of them, those that are not penalised. */
  get urgentCount(): number {
    return this.#queue.urgentSize;
  }

  /** Starts the workers and waits until each has loaded its libraries; throws when one cannot. */
  async start(): Promise<void> {
    this.#isStopped = false;
    for (let i = 0; i < this.#options.workerCount; i++) {
      this.#slots.push({
        worker: undefined,
        jobs: new Map(),
        batchCount: 0,
        startedAt: 0,
        isQuick: true,
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
    for (const pending of this.#queue.clear()) pending.settle('busy');
    await Promise.all(
      slots.map(async (slot) => {
        clearTimeout(slot.restartTimer);
        this.#abandonJobs(slot);
        await slot.worker?.terminate();
      }),
    );
  }

  /** Has a job done. Never rejects. */
  submit(request: HashRequest, options: SubmitOptions = {}): Promise<HashAnswer> {
    const { priority = 'usual', deadlineMs = Infinity, memoryKib = 0, estimatedMs = Infinity } = options;
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout | undefined;
      let isSettled = false;
      const settle = (answer: HashAnswer): void => {
        if (isSettled) return;
        isSettled = true;
        clearTimeout(timer);
        if (answer === 'busy') this.busyCount += 1;
        if (this.#starved === pending) this.#starved = undefined;
        resolve(answer);
      };
      const pending: Pending = { request, memoryKib, estimatedMs, settle };
      const waitMs = Math.min(deadlineMs, this.#options.deadlineMs);
      const place = this.#isStopped || waitMs <= 0 ? undefined : this.#queue.add(pending, priority);
      if (place === undefined) return settle('busy');
      timer = setTimeout(() => this.#expire(place.added), waitMs);
      place.dropped?.settle('busy');
      this.#feed();
    });
  }

  /** A job in a worker stays in its slot after the deadline: the worker is still busy with it. */
  #expire(waiting: Waiting<Pending>): void {
    this.#queue.remove(waiting);
    waiting.item.settle('busy');
  }

  #feed(): void {
    for (let slot = this.#findFreeSlot(); slot !== undefined; slot = this.#findFreeSlot()) {
      const batch = this.#takeBatch();
      if (batch.length === 0 || slot.worker === undefined) return;
      if (slot.jobs.size === 0) slot.startedAt = performance.now();
      slot.batchCount += 1;
      const jobs: HashJob[] = [];
      for (const pending of batch) {
        this.#lastId += 1;
        slot.jobs.set(this.#lastId, pending);
        jobs.push({ id: this.#lastId, request: pending.request });
      }
      slot.worker.postMessage(jobs);
    }
  }

  /** Those whose turn it is, as many as are quick, and not more than this worker's share. */
  #takeBatch(): Pending[] {
    const batch: Pending[] = [];
    const share = Math.ceil(this.#queue.size / this.#slots.length);
    let estimatedMs = 0;
    while (batch.length < share) {
      const pending = this.#takeNext(batch.length === 0 ? Infinity : BATCH_MS - estimatedMs);
      if (pending === undefined) break;
      batch.push(pending);
      estimatedMs += pending.estimatedMs;
    }
    return batch;
  }

  /** The next one whose turn it is, none when it takes more than `limitMs`: those behind it do not pass it. */
  #takeNext(limitMs: number): Pending | undefined {
    let isTooLong = false;
    const pending = this.#queue.take((next) => {
      isTooLong ||= next.estimatedMs > limitMs;
      return !isTooLong && this.#hasMemoryFor(next);
    });
    if (pending === undefined) return undefined;
    if (this.#starved === pending) this.#starved = undefined;
    this.#memoryKib += pending.memoryKib;
    return pending;
  }

  #hasMemoryFor(next: Pending): boolean {
    if (next.memoryKib === 0) return true;
    const isItsTurn = this.#starved === undefined || this.#starved === next;
    if (isItsTurn && this.#memoryKib + next.memoryKib <= MAX_MEMORY_KIB) return true;
    this.#starved ??= next;
    return false;
  }

  #findFreeSlot(): Slot | undefined {
    let best: Slot | undefined;
    for (const slot of this.#slots) {
      const limit = slot.isQuick ? BATCHES_PER_WORKER : 1;
      if (slot.worker === undefined || slot.batchCount >= limit) continue;
      if (best === undefined || slot.jobs.size < best.jobs.size) best = slot;
    }
    return best;
  }

  #launch(slot: Slot): Worker {
    const worker = new Worker(this.#options.workerUrl ?? WORKER_URL, { name: 'postern-hash' });
    worker.on('message', (message: 'ready' | readonly HashDone[]) => {
      if (message !== 'ready') this.#finish(slot, message);
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

  #finish(slot: Slot, batch: readonly HashDone[]): void {
    const now = performance.now();
    slot.restartDelayMs = FIRST_RESTART_DELAY_MS;
    slot.isQuick = now - slot.startedAt < QUICK_MS;
    slot.startedAt = now;
    slot.batchCount -= 1;
    for (const { id, answer } of batch) {
      const pending = slot.jobs.get(id);
      slot.jobs.delete(id);
      this.#memoryKib -= pending?.memoryKib ?? 0;
      pending?.settle(answer);
    }
    this.#feed();
  }

  #replace(slot: Slot, fault: unknown): void {
    slot.worker = undefined;
    if (this.#isStopped) return;
    this.crashCount += 1;
    this.#options.logger.error('hash.worker-fault', { err: fault, lostJobs: slot.jobs.size });
    this.#abandonJobs(slot);
    slot.restartTimer = setTimeout(() => this.#launch(slot), slot.restartDelayMs);
    slot.restartDelayMs = Math.min(slot.restartDelayMs * 2, MAX_RESTART_DELAY_MS);
    this.#feed();
  }

  #abandonJobs(slot: Slot): void {
    for (const { memoryKib, settle } of slot.jobs.values()) {
      this.#memoryKib -= memoryKib;
      settle('busy');
    }
    slot.jobs.clear();
    slot.batchCount = 0;
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
