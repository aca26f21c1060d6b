/**
 * Makes penalties outlive the process: loads them at the start, saves them every 10 s when something changed, and at the
 * stop. Whatever goes wrong with that costs a line in the log and never a start or a login.
 */
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { AttemptPenalties } from './penalties.ts';
import { listRecords, restoreRecord } from './penalty-records.ts';
import type { PenaltyStore } from './penalty-store.ts';

export interface PenaltyKeeperOptions {
  readonly penalties: AttemptPenalties;
  readonly store: PenaltyStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Time between two saves. */
  readonly intervalMs?: number;
}

/** RULES 39. */
const INTERVAL_MS = 10_000;

export class PenaltyKeeper {
  readonly #options: PenaltyKeeperOptions;
  #timer: NodeJS.Timeout | undefined;
  #saving: Promise<void> | undefined;
  #savedRevision = 0;
  #hasFailed = false;
  /** When something was last saved, in milliseconds since 1970; 0 for never. */
  savedAt = 0;

  constructor(options: PenaltyKeeperOptions) {
    this.#options = options;
  }

  /** Loads what was saved and begins to save. Never rejects. */
  async start(): Promise<void> {
    await this.#load();
    this.#savedRevision = this.#options.penalties.revision;
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
    if (this.#saving !== undefined || this.#savedRevision === this.#options.penalties.revision) return;
    this.#saving = this.#write();
    await this.#saving;
    this.#saving = undefined;
  }

  async #load(): Promise<void> {
    const { penalties, store, clock, logger } = this.#options;
    let count = 0;
    try {
      const now = clock.now();
      const isFound = await store.load((record) => {
        count += 1;
        restoreRecord(penalties, record, now);
      });
      if (!isFound) logger.info('auth.penalties-loaded', { records: 0 }, 'No penalties are kept from before');
      else logger.info('auth.penalties-loaded', { records: count });
    } catch (error) {
      penalties.forgetAll();
      logger.warn('auth.penalties-fault', { err: error }, 'Cannot read the penalties of before; nobody has any now');
    }
  }

  async #write(): Promise<void> {
    const { penalties, store, clock, logger } = this.#options;
    const { revision } = penalties;
    try {
      await store.save(listRecords(penalties, clock.now()));
      this.#savedRevision = revision;
      this.savedAt = clock.now();
      this.#hasFailed = false;
    } catch (error) {
      // Every 10 s the same line would say no more.
      if (!this.#hasFailed) logger.warn('auth.penalties-fault', { err: error }, 'Cannot save penalties; trying again');
      this.#hasFailed = true;
    }
  }
}
