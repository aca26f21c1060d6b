/**
 * One passwd-file (facts/dovecot.md E.1): the whole file in memory, read again when it changes. What its lines mean to
 * a passdb or a userdb is read in `passdb.ts` and `userdb.ts`, which share it.
 *
 * A version that looks broken never replaces a good one (RULES 6): missing, unreadable, changed while being read,
 * empty, or with fewer than half of the last good users. Then the last good version answers and one error is
 * logged; without one every answer is "unavailable". The file is looked at by lookups, at most once a second, and a
 * lookup waits for that look only a moment: on a hung disk the last good version answers.
 */
import { dirname } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { stat } from 'node:fs/promises';
import { systemClock, type Clock } from '../../core/clock.ts';
import { settleWithin } from '../../core/deadline.ts';
import { describeError, errorCode } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import { ABSENT, found, unavailable, type Lookup } from '../../core/outcome.ts';
import type { SystemIds } from '../../directory/userdb-fields.ts';
import type { DriverReaders } from '../driver-readers.ts';
import { loadFile } from './load-thread.ts';
import { readStamp, type FileStamp, type LineFault, type Loaded, type SystemName } from './load.ts';
import { PasswdTable } from './table.ts';

/** Dovecot's interval, and the second in which a change must bite. */
const CHECK_INTERVAL_MS = 1000;
/** A version is asked for with every login: the next look starts well before the second is over, and nobody waits. */
const EARLY_CHECK_MS = 500;
/** What one lookup may wait for a look at the file while the last good version could answer. */
const MAX_WAIT_MS = 500;
/** The same when there is nothing to answer from: SASL still has its 8 s (DESIGN 1.3). */
const FIRST_WAIT_MS = 3000;
/** File times move in steps of some milliseconds: two writes within one step can look like one version. */
const SETTLE_MS = 50;
/** Enough to see what is wrong; the rest is counted. */
const MAX_LOGGED_FAULTS = 20;

export interface PasswdFileOptions {
  /** Name of the section, for logs. */
  readonly name: string;
  readonly path: string;
  readonly readers: DriverReaders;
  /** Looks up names in the uid and gid fields; without it they are unknown and mail waits (RULES 13). */
  readonly ids?: SystemIds | undefined;
  /** A file that was never there is one without users: one of many, made of a name that anybody may have thought up. */
  readonly isOptional?: boolean | undefined;
  /** A list of names that are kept out: it may be empty, and lose as many as it likes. */
  readonly isBlockList?: boolean | undefined;
  readonly workerUrl?: URL | undefined;
  readonly logger: Logger;
  readonly clock?: Clock | undefined;
}

export type ReloadOutcome =
  | { readonly kind: 'loaded'; readonly users: number }
  /** The last good version, if there is one, still answers. */
  | { readonly kind: 'kept'; readonly reason: string };

/** A version in use, with what was found out about it. */
interface Version {
  readonly table: PasswdTable;
  readonly digest: string;
  readonly faults: readonly LineFault[];
  readonly moreFaults: number;
  readonly usesLogin: boolean;
  readonly ids: SystemIds;
}

/** What answers are made of: the users, and the ids of the system that they name. */
export interface PasswdContent {
  readonly table: PasswdTable;
  readonly ids: SystemIds;
}

const NO_IDS: SystemIds = { findUid: () => undefined, findGid: () => undefined };

export class PasswdFile {
  readonly path: string;
  readonly #options: PasswdFileOptions;
  readonly #clock: Clock;
  #version: Version | undefined;
  /** The stamp last judged, good or not; undefined when it must be judged again. */
  #judged: FileStamp | undefined;
  /** Why the version on disk is not used; undefined when it is. */
  #fault: string | undefined;
  /** It is not there, and need not be. */
  #isMissing = false;
  #checkedAt = Number.NEGATIVE_INFINITY;
  /** When the look began whose result is in use. */
  #seenAt = Number.NEGATIVE_INFINITY;
  #check: { readonly done: Promise<ReloadOutcome>; readonly startedAt: number } | undefined;

  constructor(options: PasswdFileOptions) {
    this.path = options.path;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Whether there is a version to answer from. */
  get isLoaded(): boolean {
    return this.#version !== undefined;
  }

  /** What is wrong with lines of the version in use. */
  get faults(): { readonly listed: readonly LineFault[]; readonly more: number } {
    return { listed: this.#version?.faults ?? [], more: this.#version?.moreFaults ?? 0 };
  }

  /** Asks the present version. */
  async ask<T>(question: (content: PasswdContent) => T | undefined): Promise<Lookup<T>> {
    const version = await this.#current();
    if (version === undefined) {
      return this.#isMissing && this.#fault === undefined
        ? ABSENT
        : unavailable(this.#fault ?? 'users file not read yet');
    }
    const value = question(version);
    return value === undefined ? ABSENT : found(value);
  }

  /**
   * The version in use, when that was seen less than a second ago and its answers follow from a name alone; starts the
   * next look in time.
   */
  readVersion(): object | undefined {
    const age = Math.abs(this.#clock.now() - this.#seenAt);
    if (age >= EARLY_CHECK_MS && this.#check === undefined && this.#isDue(EARLY_CHECK_MS)) this.#start(false);
    return age < CHECK_INTERVAL_MS && this.#version?.usesLogin === false ? this.#version : undefined;
  }

  /** Reads the file now; `accept` takes a version with fewer than half of the users (`postern reload --accept`). */
  async reload({ accept }: { readonly accept: boolean }): Promise<ReloadOutcome> {
    while (this.#check !== undefined) await this.#check.done;
    this.#judged = undefined;
    return this.#start(accept).done;
  }

  /** The version to answer from, after a look at the file if the last one is a second old. */
  async #current(): Promise<Version | undefined> {
    const check = this.#check ?? (this.#isDue(CHECK_INTERVAL_MS) ? this.#start(false) : undefined);
    if (check === undefined) return this.#version;
    const limitMs = this.#version === undefined ? FIRST_WAIT_MS : MAX_WAIT_MS;
    const waitMs = limitMs - (this.#clock.now() - check.startedAt);
    if (waitMs > 0) await settleWithin<unknown>(check.done, waitMs, () => undefined);
    return this.#version;
  }

  #isDue(intervalMs: number): boolean {
    return Math.abs(this.#clock.now() - this.#checkedAt) >= intervalMs;
  }

  #start(accept: boolean): { readonly done: Promise<ReloadOutcome>; readonly startedAt: number } {
    const startedAt = this.#clock.now();
    this.#checkedAt = startedAt;
    const done = this.#look(accept).finally(() => {
      this.#check = undefined;
      this.#seenAt = startedAt;
    });
    this.#check = { done, startedAt };
    return this.#check;
  }

  /** Looks whether the file is another version than the one judged, and judges it; never throws. */
  async #look(accept: boolean): Promise<ReloadOutcome> {
    try {
      const stamp = await readStamp(this.path);
      this.#isMissing = false;
      if (stamp.id === this.#judged?.id) return this.#describe();
      return await this.#load(accept);
    } catch (error) {
      this.#judged = undefined;
      this.#isMissing = (accept || this.#version === undefined) && (await this.#mayBeMissing(error));
      if (!this.#isMissing) return this.#keep(describeError(error));
      this.#version = undefined;
      this.#fault = undefined;
      return { kind: 'loaded', users: 0 };
    }
  }

  /** One of many files is no outage when it was never there, or is given up; their directory is. */
  async #mayBeMissing(error: unknown): Promise<boolean> {
    if (this.#options.isOptional !== true || errorCode(error) !== 'ENOENT') return false;
    try {
      await stat(dirname(this.path));
      return true;
    } catch {
      return false;
    }
  }

  async #load(accept: boolean): Promise<ReloadOutcome> {
    const knownDigest = this.#version?.digest;
    const loaded = await loadFile({ path: this.path, knownDigest }, this.#options);
    if (loaded.kind === 'unusable') return this.#keep(loaded.reason);
    const isSettled = Math.abs(this.#clock.now() - loaded.stamp.modifiedAtMs) > SETTLE_MS;
    this.#judged = isSettled ? loaded.stamp : undefined;
    if (loaded.kind === 'same') return this.#use(this.#version);
    const reason = this.#refuse(loaded.table.count, accept);
    return reason === undefined ? this.#use(await this.#makeVersion(loaded)) : this.#keep(reason);
  }

  /** Why a version must not be used instead of the good one; undefined when it may (RULES 6, 7). */
  #refuse(users: number, accept: boolean): string | undefined {
    if (this.#options.isBlockList === true) return undefined;
    if (users === 0) return 'it has no user';
    const good = accept ? undefined : this.#version?.table.count;
    return good !== undefined && users * 2 < good ? `it has ${users} users, the last good version ${good}` : undefined;
  }

  async #makeVersion(loaded: Extract<Loaded, { kind: 'read' }>): Promise<Version> {
    const { table, digest, moreFaults, usesLogin, systemNames } = loaded;
    const { ids, faults } = await findIds(systemNames, this.#options.ids ?? NO_IDS);
    const all = [...loaded.faults, ...faults].toSorted((a, b) => a.line - b.line);
    return { table: new PasswdTable(table), digest, faults: all, moreFaults, usesLogin, ids };
  }

  #use(version: Version | undefined): ReloadOutcome {
    const isNew = version !== this.#version;
    const isBack = this.#fault !== undefined;
    this.#version = version;
    this.#fault = undefined;
    const users = version?.table.count ?? 0;
    if (isNew) this.#logFaults();
    const { listed, more } = this.faults;
    if (isNew || isBack) this.#log().info('passwd-file.loaded', { users, faults: listed.length + more });
    return { kind: 'loaded', users };
  }

  #keep(reason: string): ReloadOutcome {
    if (this.#fault !== reason) {
      const users = this.#version?.table.count;
      const effect = users === undefined ? 'lookups wait' : `the last good version with ${users} users answers`;
      this.#log().error('passwd-file.kept', { reason, users }, `Cannot use the users file: ${reason}; ${effect}`);
    }
    this.#fault = reason;
    return { kind: 'kept', reason };
  }

  #describe(): ReloadOutcome {
    if (this.#fault !== undefined) return { kind: 'kept', reason: this.#fault };
    return { kind: 'loaded', users: this.#version?.table.count ?? 0 };
  }

  #logFaults(): void {
    const { listed, more } = this.faults;
    for (const { line, reason } of listed.slice(0, MAX_LOGGED_FAULTS)) {
      this.#log().warn('passwd-file.line', { line }, reason);
    }
    const unlisted = Math.max(listed.length - MAX_LOGGED_FAULTS, 0) + more;
    if (unlisted > 0) this.#log().warn('passwd-file.line', { more: unlisted }, 'further faults, not listed');
  }

  #log(): Logger {
    return this.#options.logger.child({ source: this.#options.name, path: this.path });
  }
}

/** Asks the system for every name once, each in a turn of its own: an answer may take a program to start. */
async function findIds(
  names: readonly SystemName[],
  ids: SystemIds,
): Promise<{ readonly ids: SystemIds; readonly faults: LineFault[] }> {
  const known = new Map<string, number>();
  const faults: LineFault[] = [];
  for (const { kind, name, line } of names) {
    await nextTurn();
    const id = kind === 'uid' ? ids.findUid(name) : ids.findGid(name);
    if (id === undefined)
      faults.push({ line, reason: `unknown name as ${kind}, here and wherever it stands: mail waits` });
    else known.set(`${kind} ${name}`, id);
  }
  return { ids: { findUid: (name) => known.get(`uid ${name}`), findGid: (name) => known.get(`gid ${name}`) }, faults };
}
