/**
 * The daemon's view of the embedded database: read-only, never waiting, answering SASL and the resolver from one
 * file (RULES 32). It does not write or migrate, and keeps no answer past the next commit.
 *
 * States: *closed* (nothing open; tried again at most every 250 ms), *open* (the file at `path` is the one we hold).
 * A file that is missing, replaced, damaged, locked or of another version makes every answer "unavailable", as does
 * one without any domain (RULES 7); the first lookup after it is back opens it again. The log has one line for each
 * change between working and not, none for a lookup.
 */
import type Database from 'better-sqlite3';
import { statSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ListedPassword, Passdb, PassdbEntry, PassdbQuery } from '../../auth/passdb.ts';
import { normalizeLogin, parseDomain } from '../../core/address.ts';
import { systemClock, type Clock } from '../../core/clock.ts';
import { describeError, errorCode } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import { ABSENT, found, unavailable, type Lookup } from '../../core/outcome.ts';
import type { Account, Alias, DirectorySource, Domain } from '../../directory/source.ts';
import { DataVersion, KeptAnswers } from './kept-answers.ts';
import { checkVersion, openForReading } from './open.ts';
import { DirectoryQueries } from './queries.ts';

/** A replaced file is noticed this soon: well within the second in which a change must bite. */
const CHECK_INTERVAL_MS = 250;
/** Accounts read at once while listing: about a millisecond, and no read transaction in between. */
const LIST_CHUNK = 500;

export interface SqliteReaderOptions {
  /** Name of the userdb or passdb section, for logs and `Account.source`. */
  readonly name: string;
  readonly path: string;
  readonly logger: Logger;
  readonly clock?: Clock | undefined;
}

interface OpenFile {
  readonly database: Database.Database;
  readonly queries: DirectoryQueries;
  readonly version: DataVersion;
  readonly domains: KeptAnswers<Domain>;
  readonly accounts: KeptAnswers<Account>;
  readonly aliases: KeptAnswers<Alias>;
  readonly senders: KeptAnswers<readonly string[]>;
  readonly logins: KeptAnswers<PassdbEntry>;
  /** By domain: whether app passwords are required. */
  readonly requirements: KeptAnswers<true>;
  /** Device and inode. */
  readonly identity: string;
}

/** One lookup: where its answer is kept, and how it is found. */
interface Question<T> {
  readonly kept: KeptAnswers<T>;
  readonly key: string;
  readonly find: (queries: DirectoryQueries) => T | undefined;
}

/** An empty directory is an outage (RULES 7). */
const EMPTY = 'no domain in the database';

export class SqliteReader implements DirectorySource, Passdb {
  readonly name: string;
  readonly #path: string;
  readonly #logger: Logger;
  readonly #clock: Clock;
  #file: OpenFile | undefined;
  #checkedAt = Number.NEGATIVE_INFINITY;
  /** Why nothing can be answered; undefined while it works. `not-asked` only before the first lookup. */
  #fault: string | undefined = 'not asked yet';
  #isClosed = false;

  constructor(options: SqliteReaderOptions) {
    this.name = options.name;
    this.#path = options.path;
    this.#logger = options.logger;
    this.#clock = options.clock ?? systemClock;
  }

  findDomain(name: string): Promise<Lookup<Domain>> {
    return this.#ask((file) => ({ kept: file.domains, key: name, find: (q) => q.findDomain(name) }));
  }

  findAccount(address: string): Promise<Lookup<Account>> {
    return this.#ask((file) => ({ kept: file.accounts, key: address, find: (q) => q.findAccount(address) }));
  }

  findAlias(address: string): Promise<Lookup<Alias>> {
    return this.#ask((file) => ({ kept: file.aliases, key: address, find: (q) => q.findAlias(address) }));
  }

  findSenders(address: string): Promise<Lookup<readonly string[]>> {
    return this.#ask((file) => ({ kept: file.senders, key: address, find: (q) => q.findSenders(address) }));
  }

  /** Another one after each commit, and for each file. What is wrong with a file is said by the next lookup. */
  readVersion(): object | undefined {
    try {
      return this.#current()?.version.readToken();
    } catch {
      // The next lookup must not take this look for a good one.
      this.#checkedAt = Number.NEGATIVE_INFINITY;
      return undefined;
    }
  }

  /** False while it cannot be told: the login is not decided then either. */
  requiresAppPassword(domain: string): boolean {
    const name = parseDomain(domain);
    if (name === undefined) return false;
    const answer = this.#lookUp((file) => ({
      kept: file.requirements,
      key: name,
      find: (q) => (q.requiresAppPassword(name) ? true : undefined),
    }));
    return answer.kind === 'found';
  }

  find({ username }: PassdbQuery): Promise<Lookup<PassdbEntry>> {
    const name = normalizeLogin(username);
    return this.#ask((file) => ({ kept: file.logins, key: name, find: (q) => q.findLogin(name) }));
  }

  /** Lists every account, or those of a domain; throws when the database cannot be read to its end. */
  async *accounts(domain?: string): AsyncIterable<Account> {
    if (domain === undefined) {
      yield* this.#list((queries, after) => queries.listAccounts(after, LIST_CHUNK), {
        start: '',
        keyOf: ({ address }) => address,
      });
      return;
    }
    const rows = this.#list((queries, after: number) => queries.listAccountsOf(domain, after, LIST_CHUNK), {
      start: 0,
      keyOf: ({ id }) => id,
    });
    for await (const { account } of rows) yield account;
  }

  passwords(): AsyncIterable<ListedPassword> {
    return this.#list((queries, after) => queries.listPasswords(after, LIST_CHUNK), {
      start: '',
      keyOf: ({ user }) => user,
    });
  }

  /** Closes the file for good; later lookups are "unavailable". Twice is harmless. */
  close(): void {
    this.#isClosed = true;
    this.#release();
  }

  async *#list<T, Key>(
    read: (queries: DirectoryQueries, after: Key) => readonly T[],
    { start, keyOf }: { readonly start: Key; readonly keyOf: (row: T) => Key },
  ): AsyncIterable<T> {
    let after = start;
    for (;;) {
      // Other lookups have their turn between chunks.
      await nextTurn();
      const from = after;
      const chunk = this.#answer(({ queries }) => found(read(queries, from)));
      if (chunk.kind !== 'found') throw new Error(`Cannot list accounts of "${this.name}": database unavailable`);
      yield* chunk.value;
      const last = chunk.value.at(-1);
      if (last === undefined) return;
      after = keyOf(last);
    }
  }

  #ask<T>(pose: (file: OpenFile) => Question<T>): Promise<Lookup<T>> {
    return Promise.resolve(this.#lookUp(pose));
  }

  #lookUp<T>(pose: (file: OpenFile) => Question<T>): Lookup<T> {
    return this.#answer((file) => {
      const { kept, key, find } = pose(file);
      return kept.get(key, file.version.read(), () => {
        const value = find(file.queries);
        if (value !== undefined) return found(value);
        return file.queries.hasDomain() ? ABSENT : unavailable(EMPTY);
      });
    });
  }

  /** Runs one lookup on the open file; whatever goes wrong is "unavailable". */
  #answer<T>(lookUp: (file: OpenFile) => Lookup<T>): Lookup<T> {
    try {
      const file = this.#current();
      if (file === undefined) return unavailable(this.#fault ?? 'database closed');
      const lookup = lookUp(file);
      if (lookup.kind === 'unavailable') return this.#fail(new Error(lookup.reason));
      this.#recover();
      return lookup;
    } catch (error) {
      // A lock passes, and the file is still the right one; after anything else it is opened anew.
      if (!isLock(error)) this.#release();
      return this.#fail(error);
    }
  }

  /** The file that is at `path` now; undefined while a failed try is too fresh to repeat. */
  #current(): OpenFile | undefined {
    const now = this.#clock.now();
    const isFresh = Math.abs(now - this.#checkedAt) < CHECK_INTERVAL_MS;
    if (isFresh || this.#isClosed) return this.#file;
    this.#checkedAt = now;
    const { dev, ino } = statSync(this.#path, { bigint: true });
    const identity = `${dev}:${ino}`;
    if (this.#file !== undefined && this.#file.identity !== identity) this.#release();
    if (this.#file !== undefined) checkVersion(this.#file.database);
    this.#file ??= this.#open(identity);
    return this.#file;
  }

  #open(identity: string): OpenFile {
    const database = openForReading(this.#path);
    try {
      return {
        database,
        identity,
        queries: new DirectoryQueries(database, this.name),
        version: new DataVersion(database, this.#clock),
        domains: new KeptAnswers(),
        accounts: new KeptAnswers(),
        aliases: new KeptAnswers(),
        senders: new KeptAnswers(),
        logins: new KeptAnswers(),
        requirements: new KeptAnswers(),
      };
    } catch (error) {
      database.close();
      throw error;
    }
  }

  #release(): void {
    this.#file?.database.close();
    this.#file = undefined;
  }

  #recover(): void {
    if (this.#fault === undefined) return;
    this.#fault = undefined;
    this.#logger.info('store.opened', { source: this.name, path: this.#path });
  }

  #fail(error: unknown): Lookup<never> {
    const reason = describeError(error);
    if (this.#fault !== reason) {
      this.#logger.error('store.fault', { source: this.name, path: this.#path, err: error }, `Lookups wait: ${reason}`);
    }
    this.#fault = reason;
    return unavailable(reason);
  }
}

function isLock(error: unknown): boolean {
  const code = errorCode(error) ?? '';
  return code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED');
}
