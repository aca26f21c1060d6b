/**
 * Makes counters outlive the process: loads them at the start, saves them every 10 s when something changed, and at the
 * stop. Whatever goes wrong with that costs a line in the log and never a start, a login or a message.
 */
import type { Clock } from './clock.ts';
import type { LogEvent, Logger } from './logger.ts';
import type { RecordStore } from './record-store.ts';

/** What is kept. */
export interface KeptRecords<T> {
  /** Another number after every change. */
  readonly revision: number;
  list(now: number): Iterable<T>;
  restore(record: T, now: number): void;
  forgetAll(): void;
}

export interface RecordKeeperOptions<T> {
  readonly records: KeptRecords<T>;
  readonly store: RecordStore<T>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What the log calls them, such as "penalties". */
  readonly name: string;
  readonly events: { readonly loaded: LogEvent; readonly fault: LogEvent };
  /** Time between two saves. */
  readonly intervalMs?: number;
}

/** RULES 39. */
const INTERVAL_MS = 10_000;

export class RecordKeeper<T> {
  readonly #options: RecordKeeperOptions<T>;
  #timer: NodeJS.Timeout | undefined;
  #saving: Promise<void> | undefined;
  #savedRevision = 0;
  #hasFailed = false;
  /** When something was last saved, in milliseconds since 1970; 0 for never. */
  savedAt = 0;

  constructor(options: RecordKeeperOptions<T>) {
    this.#options = options;
  }

  /** Loads what was saved and begins to save. Never rejects. */
  async start(): Promise<void> {
    await this.#load();
    this.#savedRevision = this.#options.records.revision;
    this.#timer = setInterval(() => void this.save(), this.#options.intervalMs ?? INTERVAL_MS);
  }

  /** Saves what is not saved yet. Never rejects; twice is harmless. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#saving;
    await this.save();
  }

  /** Saves if something changed since the last time and no save is on its way. Never rejects. */
  async save(): Promise<void> {
    if (this.#saving !== undefined || this.#savedRevision === this.#options.records.revision) return;
    this.#saving = this.#write();
    await this.#saving;
    this.#saving = undefined;
  }

  async #load(): Promise<void> {
    const { records, store, clock, logger, name, events } = this.#options;
    let count = 0;
    try {
      const now = clock.now();
      const isFound = await store.load((record) => {
        count += 1;
        records.restore(record, now);
      });
      if (!isFound) logger.info(events.loaded, { records: 0 }, `No ${name} are kept from before`);
      else logger.info(events.loaded, { records: count });
    } catch (error) {
      records.forgetAll();
      logger.warn(events.fault, { err: error }, `Cannot read the ${name} of before; nobody has any now`);
    }
  }

  async #write(): Promise<void> {
    const { records, store, clock, logger, name, events } = this.#options;
    const { revision } = records;
    try {
      await store.save(records.list(clock.now()));
      this.#savedRevision = revision;
      this.savedAt = clock.now();
      this.#hasFailed = false;
    } catch (error) {
      // Every 10 s the same line would say no more.
      if (!this.#hasFailed) logger.warn(events.fault, { err: error }, `Cannot save ${name}; trying again`);
      this.#hasFailed = true;
    }
  }
}
