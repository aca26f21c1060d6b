/**
 * A passwd-file as passdb and userdb (facts/dovecot.md E.1): the whole file in memory, read again when it changes.
 * It has no aliases; its domains are those of its `user@domain` names.
 *
 * A version that looks broken never replaces a good one (RULES 6): missing, unreadable, changed while being read,
 * empty, or with fewer than half of the last good users. Then the last good version answers and one error is
 * logged; without one every answer is "unavailable". The file is looked at by lookups, at most once a second, and a
 * lookup waits for that look only a moment: on a hung disk the last good version answers.
 */
import type { Passdb, PassdbEntry, PassdbQuery } from '../../auth/passdb.ts';
import { normalizeLogin } from '../../core/address.ts';
import { systemClock, type Clock } from '../../core/clock.ts';
import { settleWithin } from '../../core/deadline.ts';
import { describeError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import { ABSENT, found, unavailable, type Lookup } from '../../core/outcome.ts';
import type { Account, Alias, DirectorySource, Domain } from '../../directory/source.ts';
import type { SystemIds } from './line-draft.ts';
import { parseTable, readContent, readStamp, type FileStamp, type LineFault, type PasswdTable } from './load.ts';

/** Dovecot's interval, and the second in which a change must bite. */
const CHECK_INTERVAL_MS = 1000;
/** What one lookup may wait for a look at the file while the last good version could answer. */
const MAX_WAIT_MS = 500;
/** The same when there is nothing to answer from: SASL still has its 8 s (DESIGN 1.3). */
const FIRST_WAIT_MS = 3000;
/** File times move in steps of some milliseconds: two writes within one step can look like one version. */
const SETTLE_MS = 50;
/** Enough to see what is wrong; the rest is counted. */
const MAX_LOGGED_FAULTS = 20;

export interface PasswdFileOptions {
  /** Name of the section, for logs and `Account.source`. */
  readonly name: string;
  readonly path: string;
  /** Scheme of passwords without one; Dovecot's default is CRYPT. */
  readonly defaultScheme?: string | undefined;
  /** Looks up names in the uid and gid fields; without it they are unknown and mail waits (RULES 13). */
  readonly ids?: SystemIds | undefined;
  readonly logger: Logger;
  readonly clock?: Clock | undefined;
}

export type ReloadOutcome =
  | { readonly kind: 'loaded'; readonly users: number }
  /** The last good version, if there is one, still answers. */
  | { readonly kind: 'kept'; readonly reason: string };

const NO_IDS: SystemIds = { findUid: () => undefined, findGid: () => undefined };

export class PasswdFile implements Passdb, DirectorySource {
  readonly name: string;
  readonly #options: PasswdFileOptions;
  readonly #clock: Clock;
  #table: PasswdTable | undefined;
  #digest: string | undefined;
  /** The version last judged, good or not; undefined when it must be judged again. */
  #judged: FileStamp | undefined;
  /** Why the version on disk is not used; undefined when it is. */
  #fault: string | undefined;
  #checkedAt = Number.NEGATIVE_INFINITY;
  #check: { readonly done: Promise<ReloadOutcome>; readonly startedAt: number } | undefined;

  constructor(options: PasswdFileOptions) {
    this.name = options.name;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  readVersion(): undefined {
    return undefined;
  }

  find({ username }: PassdbQuery): Promise<Lookup<PassdbEntry>> {
    return this.#ask((table) => table.users.get(normalizeLogin(username))?.login);
  }

  findDomain(name: string): Promise<Lookup<Domain>> {
    return this.#ask((table) => (table.domains.has(name) ? { name, catchAll: [] } : undefined));
  }

  findAccount(address: string): Promise<Lookup<Account>> {
    return this.#ask((table) => table.users.get(address)?.account);
  }

  findAlias(): Promise<Lookup<Alias>> {
    return this.#ask<Alias>(() => undefined);
  }

  findSenders(): Promise<Lookup<readonly string[]>> {
    return this.#ask<readonly string[]>(() => undefined);
  }

  /** Lists every account; throws when there is no good version. */
  async *accounts(): AsyncIterable<Account> {
    const table = await this.#current();
    if (table === undefined)
      throw new Error(`Cannot list accounts of "${this.name}": ${this.#fault ?? 'not read yet'}`);
    for (const { account } of table.users.values()) if (account !== undefined) yield account;
  }

  /** Reads the file now; `accept` takes a version with fewer than half of the users (`postern reload --accept`). */
  async reload({ accept }: { readonly accept: boolean }): Promise<ReloadOutcome> {
    while (this.#check !== undefined) await this.#check.done;
    this.#judged = undefined;
    return this.#start(accept).done;
  }

  async #ask<T>(question: (table: PasswdTable) => T | undefined): Promise<Lookup<T>> {
    const table = await this.#current();
    if (table === undefined) return unavailable(this.#fault ?? 'users file not read yet');
    const value = question(table);
    return value === undefined ? ABSENT : found(value);
  }

  /** The version to answer from, after a look at the file if the last one is a second old. */
  async #current(): Promise<PasswdTable | undefined> {
    const now = this.#clock.now();
    const isDue = Math.abs(now - this.#checkedAt) >= CHECK_INTERVAL_MS;
    const check = this.#check ?? (isDue ? this.#start(false) : undefined);
    if (check === undefined) return this.#table;
    const limitMs = this.#table === undefined ? FIRST_WAIT_MS : MAX_WAIT_MS;
    const waitMs = limitMs - (now - check.startedAt);
    if (waitMs > 0) await settleWithin<unknown>(check.done, waitMs, () => undefined);
    return this.#table;
  }

  #start(accept: boolean): { readonly done: Promise<ReloadOutcome>; readonly startedAt: number } {
    const startedAt = this.#clock.now();
    this.#checkedAt = startedAt;
    const done = this.#look(accept).finally(() => {
      this.#check = undefined;
    });
    this.#check = { done, startedAt };
    return this.#check;
  }

  /** Looks whether the file is another version than the one judged, and judges it; never throws. */
  async #look(accept: boolean): Promise<ReloadOutcome> {
    try {
      const stamp = await readStamp(this.#options.path);
      if (stamp.id === this.#judged?.id) return this.#describe();
      return await this.#load(accept);
    } catch (error) {
      this.#judged = undefined;
      return this.#keep(describeError(error));
    }
  }

  async #load(accept: boolean): Promise<ReloadOutcome> {
    const content = await readContent(this.#options.path);
    if (content.kind === 'unusable') return this.#keep(content.reason);
    const { stamp, digest } = content;
    const isSettled = Math.abs(this.#clock.now() - stamp.modifiedAtMs) > SETTLE_MS;
    this.#judged = isSettled ? stamp : undefined;
    if (digest === this.#digest && this.#table !== undefined) return this.#use(this.#table, digest);
    const { name, defaultScheme = 'CRYPT', ids = NO_IDS } = this.#options;
    const table = await parseTable(content.bytes, { source: name, defaultScheme, ids });
    const reason = refuse(table, accept ? undefined : this.#table);
    return reason === undefined ? this.#use(table, digest) : this.#keep(reason);
  }

  #use(table: PasswdTable, digest: string): ReloadOutcome {
    const isNew = table !== this.#table;
    const isBack = this.#fault !== undefined;
    this.#table = table;
    this.#digest = digest;
    this.#fault = undefined;
    const users = table.users.size;
    if (isNew) this.#logFaults(table.faults);
    if (isNew || isBack) this.#log().info('passwd-file.loaded', { users, faults: table.faults.length });
    return { kind: 'loaded', users };
  }

  #keep(reason: string): ReloadOutcome {
    if (this.#fault !== reason) {
      const users = this.#table?.users.size;
      const effect = users === undefined ? 'lookups wait' : `the last good version with ${users} users answers`;
      this.#log().error('passwd-file.kept', { reason, users }, `Cannot use the users file: ${reason}; ${effect}`);
    }
    this.#fault = reason;
    return { kind: 'kept', reason };
  }

  #describe(): ReloadOutcome {
    if (this.#fault !== undefined) return { kind: 'kept', reason: this.#fault };
    return { kind: 'loaded', users: this.#table?.users.size ?? 0 };
  }

  #logFaults(faults: readonly LineFault[]): void {
    for (const { line, reason } of faults.slice(0, MAX_LOGGED_FAULTS)) {
      this.#log().warn('passwd-file.line', { line }, reason);
    }
    const more = faults.length - MAX_LOGGED_FAULTS;
    if (more > 0) this.#log().warn('passwd-file.line', { more }, 'further faults, not listed');
  }

  #log(): Logger {
    return this.#options.logger.child({ source: this.name, path: this.#options.path });
  }
}

/** Why a table must not be used instead of `good`; undefined when it may (RULES 6, 7). */
function refuse(table: PasswdTable, good: PasswdTable | undefined): string | undefined {
  const users = table.users.size;
  if (users === 0) return 'it has no user';
  if (good !== undefined && users * 2 < good.users.size)
    return `it has ${users} users, the last good version ${good.users.size}`;
  return undefined;
}
