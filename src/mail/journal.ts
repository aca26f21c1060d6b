/**
 * What was about to be delivered, so that a retry whose first reply was lost is recognised (RULES 2 and 3). A record
 * is not a message: the caller looks whether the named file is there before it says so. The file survives a kill of
 * the process, not a loss of power, and is therefore never synced.
 *
 * Two generations, in memory and on disk: the current one takes records; when it is a window old or half the limit
 * long, it becomes the previous one and the oldest is forgotten. A record thus lives for one to two windows.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { errorCode } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { FileSystem, NewFile } from './file-system.ts';

export interface JournalOptions {
  readonly files: FileSystem;
  /** The state directory. */
  readonly directory: string;
  /** How long a retry is recognised: `retry_window`. */
  readonly windowMs: number;
  /** Most records kept; about 160 bytes of memory each. */
  readonly maxRecords?: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Waiting {
  readonly line: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** What one file holds. */
interface Generation {
  readonly records: Map<string, string>;
  /** Seconds, of its first record. */
  readonly since: number | undefined;
  readonly lines: number;
}

const DEFAULT_MAX_RECORDS = 1_000_000;
const FILE_MODE = 0o600;
const CURRENT_NAME = 'deliveries.journal';
const PREVIOUS_NAME = 'deliveries.journal.old';
/** A line is at most 313 long; what has no end within this is no line. */
const MAX_LINE_CHARS = 1024;
/** A torn line, or one of a later version, does not match and is skipped. */
const LINE = /^(\d{1,12}) ([A-Za-z0-9_-]{43}) (\S{1,255})$/;

/** The key of one message for one mailbox: sender, body as received, directory. */
export function formatJournalKey(messageDigest: Buffer, directory: string): string {
  return createHash('sha256').update(messageDigest).update(directory).digest('base64url');
}

export class DeliveryJournal {
  readonly #options: JournalOptions;
  #current = new Map<string, string>();
  #previous = new Map<string, string>();
  #currentSince = 0;
  /** Lines in the current file; a retry adds one, and no key. */
  #currentLines = 0;
  #loading: Promise<void> | undefined;
  #file: NewFile | undefined;
  #queue: Waiting[] = [];
  #pump: Promise<void> | undefined;
  readonly #working = new Map<string, Promise<unknown>>();

  constructor(options: JournalOptions) {
    this.#options = options;
  }

  /** Loads what an earlier process recorded. When that fails, each delivery tries again first, and is deferred. */
  async start(): Promise<void> {
    try {
      await this.#load();
    } catch (error) {
      this.#options.logger.error('mail.journal-fault', { err: error }, 'Cannot read the journal: all mail waits');
    }
  }

  async stop(): Promise<void> {
    await this.#pump;
    await this.#closeFile();
  }

  /** The base name under which the message was about to be delivered, if it was. */
  find(key: string): string | undefined {
    return this.#current.get(key) ?? this.#previous.get(key);
  }

  /** Records an intent; resolved when the kernel has it. Rejects when it could not be written. */
  record(key: string, baseName: string): Promise<void> {
    const seconds = Math.floor(this.#options.clock.now() / 1000);
    this.#current.set(key, baseName);
    this.#currentLines += 1;
    return new Promise((resolve, reject) => {
      this.#queue.push({ line: `${seconds} ${key} ${baseName}\n`, resolve, reject });
      this.#pump ??= this.#writeAll();
    });
  }

  /**
   * Runs `work` when no other work for the same key runs: a retry may arrive while the first try is still busy.
   * Rejects when the journal cannot be read: nobody knows then what is a retry.
   */
  async exclusively<T>(key: string, work: () => Promise<T>): Promise<T> {
    await this.#load();
    for (let other = this.#working.get(key); other !== undefined; other = this.#working.get(key)) await other;
    const mine = work();
    const settled = mine.then(
      () => undefined,
      () => undefined,
    );
    this.#working.set(key, settled);
    try {
      return await mine;
    } finally {
      this.#working.delete(key);
    }
  }

  /** Writes what waits, many records at once; whoever waits learns how it ended. */
  async #writeAll(): Promise<void> {
    // Callers of the same turn share the write.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      try {
        await this.#rotateIfDue();
        const file = await this.#openFile();
        await file.write([Buffer.from(batch.map((waiting) => waiting.line).join(''))]);
        for (const waiting of batch) waiting.resolve();
      } catch (error) {
        this.#options.logger.error('mail.journal-fault', { err: error });
        await this.#closeFile();
        for (const waiting of batch) waiting.reject(error);
      }
    }
    // In the turn that saw the queue empty: a record made any later must find no pump.
    this.#pump = undefined;
  }

  async #openFile(): Promise<NewFile> {
    if (this.#file !== undefined) return this.#file;
    const file = await this.#options.files.append(join(this.#options.directory, CURRENT_NAME), FILE_MODE);
    this.#file = file;
    // The last line may be torn; an empty one in between does no harm.
    await file.write([Buffer.from('\n')]);
    return file;
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close().catch(() => undefined);
  }

  async #rotateIfDue(): Promise<void> {
    const { clock, directory, files, windowMs, maxRecords = DEFAULT_MAX_RECORDS } = this.#options;
    const now = Math.floor(clock.now() / 1000);
    // The clock may have run ahead.
    this.#currentSince = Math.min(this.#currentSince, now);
    const isOld = now - this.#currentSince >= windowMs / 1000;
    if (!isOld && this.#currentLines <= maxRecords / 2) return;
    await this.#closeFile();
    await files.rename(join(directory, CURRENT_NAME), join(directory, PREVIOUS_NAME)).catch(ignoreMissing);
    this.#previous = this.#current;
    this.#current = new Map();
    this.#currentLines = 0;
    this.#currentSince = now;
  }

  #load(): Promise<void> {
    this.#loading ??= this.#loadBoth().catch((error: unknown) => {
      this.#loading = undefined;
      throw error;
    });
    return this.#loading;
  }

  async #loadBoth(): Promise<void> {
    const { directory, windowMs, clock } = this.#options;
    const now = Math.floor(clock.now() / 1000);
    const oldest = now - Math.ceil((2 * windowMs) / 1000);
    const previous = await this.#read(join(directory, PREVIOUS_NAME), oldest);
    const { records, since, lines } = await this.#read(join(directory, CURRENT_NAME), oldest);
    this.#previous = previous.records;
    this.#current = records;
    this.#currentLines = lines;
    this.#currentSince = since ?? now;
  }

  async #read(path: string, oldest: number): Promise<Generation> {
    const { maxRecords = DEFAULT_MAX_RECORDS } = this.#options;
    const records = new Map<string, string>();
    let since: number | undefined;
    let lines = 0;
    try {
      for await (const line of this.#lines(path)) {
        lines += 1;
        const [, seconds, key, baseName] = LINE.exec(line) ?? [];
        if (key === undefined || baseName === undefined || Number(seconds) < oldest) continue;
        since ??= Number(seconds);
        // The newest stand last, in the file as in the map.
        records.delete(key);
        records.set(key, baseName);
        if (records.size > maxRecords) deleteFirst(records);
      }
    } catch (error) {
      ignoreMissing(error);
    }
    return { records, since, lines };
  }

  /** Lines of the file, those far too long cut short. */
  async *#lines(path: string): AsyncGenerator<string> {
    let rest = '';
    for await (const piece of this.#options.files.read(path)) {
      const lines = (rest + piece.toString('latin1')).split('\n');
      rest = (lines.pop() ?? '').slice(0, MAX_LINE_CHARS);
      yield* lines;
    }
    yield rest;
  }
}

function deleteFirst(records: Map<string, string>): void {
  for (const key of records.keys()) {
    records.delete(key);
    return;
  }
}

function ignoreMissing(error: unknown): void {
  if (errorCode(error) !== 'ENOENT') throw error;
}
