/**
 * A foreign database as a userdb (`driver = sql`): one row of `user_query` is an account, its columns are the fields. Its
 * domains come from `domain_query`, or are those of the users that `iterate_query` lists; then a database without users
 * is an outage (RULES 7). With neither it knows no domain, and another userdb has to. It has no aliases.
 */
import { domainOf, normalizeLogin, parseDomain, parseNormalized } from '../../core/address.ts';
import { systemClock, type Clock } from '../../core/clock.ts';
import { describeError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import { ABSENT, found, unavailable, type Lookup } from '../../core/outcome.ts';
import { quotePeerText } from '../../core/printable.ts';
import type { Account, Alias, DirectorySource, Domain } from '../../directory/source.ts';
import type { SystemIds } from '../../directory/userdb-fields.ts';
import type { DriverReaders } from '../driver-readers.ts';
import { FaultLog } from '../fault-log.ts';
import { NameKey } from '../name-key.ts';
import type { SqlEngine } from './engine.ts';
import { SqlQuery } from './query.ts';

export interface SqlUserdbOptions {
  readonly name: string;
  readonly engine: SqlEngine;
  readonly userQuery: string;
  /** Empty when users cannot be listed. */
  readonly iterateQuery: string;
  /** Empty when the users tell the domains. */
  readonly domainQuery: string;
  /** What `%u` and its parts stand for in `user_query`. */
  readonly usernameFormat: string;
  readonly ids: SystemIds;
  readonly readers: DriverReaders;
  readonly logger: Logger;
  readonly clock?: Clock | undefined;
}

/** A change is seen within a second. */
const KEEP_DOMAINS_MS = 900;
/** Accounts asked for at once while listing: the thread has work, and lookups their turn. */
const LIST_BATCH = 100;

export class SqlUserdb implements DirectorySource {
  readonly name: string;
  readonly cannotList: string | undefined;
  readonly knowsDomains: boolean;
  readonly #options: SqlUserdbOptions;
  readonly #clock: Clock;
  readonly #key: NameKey;
  readonly #userQuery: SqlQuery;
  readonly #iterateQuery: SqlQuery | undefined;
  readonly #domainQuery: SqlQuery | undefined;
  readonly #faults: FaultLog;
  #domains: { readonly askedAt: number; readonly names: Promise<Lookup<ReadonlySet<string>>> } | undefined;

  constructor(options: SqlUserdbOptions) {
    const { name, engine, userQuery, iterateQuery, domainQuery } = options;
    const logger = options.logger.child({ userdb: name });
    const make = (key: string, { text, needs = [] }: { text: string; needs?: readonly string[] }) =>
      text === '' ? undefined : new SqlQuery({ engine, key, text, needs, logger });
    this.name = name;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#key = new NameKey(options.usernameFormat);
    this.#userQuery = new SqlQuery({ engine, key: 'user_query', text: userQuery, needs: [], logger });
    this.#iterateQuery = make('iterate_query', { text: iterateQuery, needs: ['user', 'username'] });
    this.#domainQuery = make('domain_query', { text: domainQuery });
    this.#faults = new FaultLog(logger);
    this.cannotList = this.#iterateQuery === undefined ? 'it has no iterate_query' : undefined;
    this.knowsDomains = this.#domainQuery !== undefined || this.#iterateQuery !== undefined;
  }

  async findDomain(name: string): Promise<Lookup<Domain>> {
    const answer = this.#domainQuery === undefined ? await this.#isListed(name) : await this.#askDomain(name);
    return answer.kind === 'found' ? found({ name, catchAll: [] }) : answer;
  }

  async findAccount(address: string): Promise<Lookup<Account>> {
    try {
      const user = normalizeLogin(this.#key.of({ user: address }));
      const row = await this.#userQuery.findFields({ user });
      if (row.kind === 'unavailable') return row;
      if (row.kind === 'absent') return await this.#confirmAbsent();
      const { ids, readers } = this.#options;
      const { account, faults } = readers.readAccount({ address, source: this.name, fields: row.value, ids });
      for (const reason of faults) this.#faults.warn('store.fault', { subject: quotePeerText(address), reason });
      return account === undefined ? ABSENT : found(account);
    } catch (error) {
      return unavailable(describeError(error));
    }
  }

  /** There are none; while the database is gone, not even that is known. */
  findAlias(address: string): Promise<Lookup<Alias>> {
    return this.#findNothing(address);
  }

  findSenders(address: string): Promise<Lookup<readonly string[]>> {
    return this.#findNothing(address);
  }

  /** Every user of `iterate_query` whom `user_query` knows; throws when either cannot be asked to its end. */
  async *accounts(domain?: string): AsyncIterable<Account> {
    if (this.#iterateQuery === undefined) return;
    const names = await this.#iterateQuery.listNames();
    const listed = names.kind === 'found' ? names.value : this.#refuseList(names);
    if (listed.length === 0) this.#refuseList(unavailable(EMPTY));
    const seen = new Set<string>();
    for (let at = 0; at < listed.length; at += LIST_BATCH) {
      const addresses = listed.slice(at, at + LIST_BATCH).flatMap((name) => this.#toAddress(name));
      const batch = addresses.filter((address) => domain === undefined || domainOf(address) === domain);
      for (const lookup of await Promise.all(batch.map((address) => this.findAccount(address)))) {
        if (lookup.kind === 'unavailable') this.#refuseList(lookup);
        if (lookup.kind !== 'found' || seen.has(lookup.value.address)) continue;
        seen.add(lookup.value.address);
        yield lookup.value;
      }
    }
  }

  /** What is wrong with the queries, in sentences for an administrator. */
  async examine(): Promise<readonly string[]> {
    const queries = [this.#userQuery, this.#iterateQuery, this.#domainQuery];
    const faults = await Promise.all(queries.map((query) => query?.examine() ?? Promise.resolve(undefined)));
    return faults.filter((fault) => fault !== undefined);
  }

  async #findNothing(address: string): Promise<Lookup<never>> {
    const domain = await this.findDomain(domainOf(address));
    return domain.kind === 'unavailable' ? domain : ABSENT;
  }

  #toAddress(name: string): string[] {
    const address = parseNormalized(name);
    if (address !== undefined) return [address];
    this.#faults.warn('store.fault', {
      subject: quotePeerText(name),
      reason: 'iterate_query lists what is no address',
    });
    return [];
  }

  #refuseList(names: Lookup<unknown>): never {
    const reason = names.kind === 'unavailable' ? names.reason : names.kind;
    throw new Error(`Cannot list accounts of "${this.name}": ${reason}`);
  }

  /** A name that no row has, in a database that has none at all, may well be somebody's. */
  async #confirmAbsent(): Promise<Lookup<never>> {
    if (this.#domainQuery !== undefined || this.#iterateQuery === undefined) return ABSENT;
    const domains = await this.#listDomains(this.#iterateQuery);
    return domains.kind === 'unavailable' ? domains : ABSENT;
  }

  #askDomain(name: string): Promise<Lookup<true>> {
    // `%d` is what the query is about; the local part is there because templates want a name.
    return this.#domainQuery?.hasRow({ user: `postmaster@${name}` }) ?? Promise.resolve(ABSENT);
  }

  async #isListed(name: string): Promise<Lookup<true>> {
    if (this.#iterateQuery === undefined) return ABSENT;
    const domains = await this.#listDomains(this.#iterateQuery);
    if (domains.kind !== 'found') return domains;
    return domains.value.has(name) ? found(true) : ABSENT;
  }

  #listDomains(query: SqlQuery): Promise<Lookup<ReadonlySet<string>>> {
    const now = this.#clock.now();
    if (this.#domains !== undefined && Math.abs(now - this.#domains.askedAt) < KEEP_DOMAINS_MS) {
      return this.#domains.names;
    }
    const names = query.listDomains().then((listed) => {
      const answer = readDomains(listed);
      // What is wrong is asked again at once, so that an outage ends when it is over.
      if (answer.kind !== 'found' && this.#domains?.askedAt === now) this.#domains = undefined;
      return answer;
    });
    this.#domains = { askedAt: now, names };
    return names;
  }
}

/** An empty directory is an outage (RULES 7). */
const EMPTY = 'no user in the database';

function readDomains(listed: Lookup<readonly string[]>): Lookup<ReadonlySet<string>> {
  if (listed.kind !== 'found') return listed;
  const names = new Set(listed.value.flatMap((text) => parseDomain(text) ?? []));
  return names.size === 0 ? unavailable(EMPTY) : found(names);
}
