/**
 * Levels of failures by key, bounded: one table each for networks, sites, users, and pairs of user and network. It knows
 * the arithmetic of one curve and nothing of what its keys mean.
 *
 * Entries that delay nobody yet and those that do are kept apart, each with a limit of their own, and the one touched
 * longest ago goes first. So a flood of random names, which makes light entries only, pushes out light entries only; to
 * push a heavy one out takes as many heavy ones, each paid for with its own delays.
 */
import { evictOldest } from './evict-oldest.ts';
import { decayLevel, findStep, raiseLevel, type PenaltyCurve } from './penalty-curve.ts';

export interface PenaltyEntry {
  /** Failures not forgotten at `changedAt`. */
  level: number;
  changedAt: number;
  lastFailureAt: number;
  /** The highest step that was reported since the entry was last without delay. */
  reportedStep: number;
  /** Fingerprints of the last wrong passwords, in the table of pairs. */
  passwords: number[] | undefined;
}

export interface PenaltyTableOptions {
  readonly curve: PenaltyCurve;
  /** Entries that delay nobody yet. */
  readonly maxLight: number;
  /** Entries that delay, or did when they were last touched. */
  readonly maxHeavy: number;
}

export class PenaltyTable {
  readonly curve: PenaltyCurve;
  readonly #options: PenaltyTableOptions;
  readonly #light = new Map<string, PenaltyEntry>();
  readonly #heavy = new Map<string, PenaltyEntry>();

  constructor(options: PenaltyTableOptions) {
    this.#options = options;
    this.curve = options.curve;
  }

  get size(): number {
    return this.#light.size + this.#heavy.size;
  }

  /** Entries that delay, or did when they were last touched. */
  get heavySize(): number {
    return this.#heavy.size;
  }

  find(key: string): PenaltyEntry | undefined {
    return this.#heavy.get(key) ?? this.#light.get(key);
  }

  /** The step of the delay for a key now, from 0 (none). */
  findStep(key: string, now: number): number {
    const entry = this.#heavy.get(key);
    return entry === undefined ? 0 : findStep(this.curve, this.findLevel(entry, now));
  }

  /** Failures of an entry that are not forgotten yet. */
  findLevel({ level, changedAt }: PenaltyEntry, now: number): number {
    return decayLevel(this.curve, level, now - changedAt);
  }

  /** Counts a failure and gives the entry. */
  raise(key: string, now: number): PenaltyEntry {
    const entry = this.find(key) ?? createEntry(now);
    const before = this.findLevel(entry, now);
    if (findStep(this.curve, before) === 0) entry.reportedStep = 0;
    entry.level = raiseLevel(this.curve, before);
    entry.changedAt = now;
    entry.lastFailureAt = now;
    this.#keep(key, entry);
    return entry;
  }

  /** Takes failures back, at most what is left of them; gives how many. */
  lower(key: string, by: number, now: number): number {
    const entry = this.find(key);
    if (entry === undefined) return 0;
    const before = this.findLevel(entry, now);
    entry.level = Math.max(0, before - by);
    entry.changedAt = now;
    this.#keep(key, entry);
    return before - entry.level;
  }

  /** Puts an entry in as it was saved. */
  restore(key: string, entry: Pick<PenaltyEntry, 'level' | 'changedAt' | 'lastFailureAt'>): void {
    const reportedStep = findStep(this.curve, entry.level);
    this.#keep(key, { ...createEntry(entry.changedAt), ...entry, reportedStep });
  }

  delete(key: string): boolean {
    return this.#heavy.delete(key) || this.#light.delete(key);
  }

  clear(): number {
    const { size } = this;
    this.#light.clear();
    this.#heavy.clear();
    return size;
  }

  /** Entries that delay, or did when they were last touched; the one touched longest ago first. */
  heavyEntries(): IterableIterator<[string, PenaltyEntry]> {
    return this.#heavy.entries();
  }

  lightEntries(): IterableIterator<[string, PenaltyEntry]> {
    return this.#light.entries();
  }

  /** Files an entry by its weight, as the one touched last. */
  #keep(key: string, entry: PenaltyEntry): void {
    this.delete(key);
    const isHeavy = findStep(this.curve, entry.level) > 0;
    const map = isHeavy ? this.#heavy : this.#light;
    map.set(key, entry);
    evictOldest(map, isHeavy ? this.#options.maxHeavy : this.#options.maxLight);
  }
}

function createEntry(now: number): PenaltyEntry {
  return { level: 0, changedAt: now, lastFailureAt: now, reportedStep: 0, passwords: undefined };
}
