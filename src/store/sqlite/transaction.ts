/**
 * What the three writers share: one transaction a change, begun at once so that a second command waits its turn,
 * and the refusals that roll it back. The resolver sees what the open transaction has changed, so that a loop is
 * found before it is committed.
 */
import type Database from 'better-sqlite3';
import { parseDomain, parseNormalized } from '../../core/address.ts';
import type { Clock } from '../../core/clock.ts';
import { ABSENT, found, type Lookup } from '../../core/outcome.ts';
import type { AdminOutcome, Refusal } from '../../directory/admin.ts';
import type { Directory } from '../../directory/directory.ts';
import type { Account, Alias, DirectorySource, Domain } from '../../directory/source.ts';
import type { DirectoryQueries } from './queries.ts';

/** Leaves a transaction without committing it; becomes the outcome `refused`. */
export class Refused extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal, reason: string) {
    super(reason);
    this.refusal = refusal;
  }
}

/** Where homes are and which are safe (`directory/home.ts`). */
export interface HomeRules {
  /** Throws RangeError for an address that makes no safe path (RULES 14). */
  expand(address: string): string;
  /** Throws RangeError for a path that must not be a home. */
  check(home: string): void;
}

/** What every writer works with. */
export interface WriterContext {
  readonly database: Database.Database;
  readonly queries: DirectoryQueries;
  readonly directory: Directory;
  readonly homes: HomeRules;
  readonly clock: Clock;
}

/** Runs `change` in a transaction; what it returns are notes for the administrator. */
export async function transact(
  { database }: WriterContext,
  change: () => Promise<readonly string[]>,
): Promise<AdminOutcome> {
  database.exec('BEGIN IMMEDIATE');
  try {
    const notes = await change();
    database.exec('COMMIT');
    return { kind: 'done', notes };
  } catch (error) {
    if (database.inTransaction) database.exec('ROLLBACK');
    if (error instanceof Refused) return { kind: 'refused', refusal: error.refusal, reason: error.message };
    throw error;
  }
}

/** Normalises an address an administrator wrote. */
export function requireAddress(text: string): string {
  const address = parseNormalized(text);
  // A local part that itself begins and ends with quotes reads as another address the next time.
  if (address === undefined || parseNormalized(address) !== address) {
    throw new Refused('bad-value', `${JSON.stringify(text)} is no address`);
  }
  return address;
}

/** Normalises the addresses of a list and leaves out repeated ones. */
export function requireAddresses(texts: readonly string[], max: number): string[] {
  const addresses = [...new Set(texts.map(requireAddress))];
  if (addresses.length > max) throw new Refused('bad-value', `More than ${max} targets`);
  return addresses;
}

/** Normalises a domain an administrator wrote. */
export function requireDomainName(text: string): string {
  const name = parseDomain(text);
  if (name === undefined) throw new Refused('bad-value', `${JSON.stringify(text)} is no domain`);
  return name;
}

/** The domain `name` if it can hold addresses: it is ours and stands for no other. */
export function requireHoldingDomain({ queries }: WriterContext, name: string): Domain {
  const domain = queries.findDomain(name);
  if (domain === undefined) throw new Refused('missing', `Domain ${name} is not ours: add it first`);
  if (domain.standsFor !== undefined) {
    throw new Refused('in-use', `Domain ${name} stands for ${domain.standsFor}: add it there`);
  }
  return domain;
}

/** Refuses an address that an account or alias already has. */
export function requireFree({ queries }: WriterContext, address: string): void {
  if (queries.findAccount(address) !== undefined) throw new Refused('exists', `${address} is an account`);
  if (queries.findAlias(address) !== undefined) throw new Refused('exists', `${address} is an alias`);
}

/** Follows `address` as mail would go; refuses circles, and notes what leads nowhere. */
export async function checkRoute({ directory }: WriterContext, address: string): Promise<string[]> {
  const lookup = await directory.resolve(address);
  if (lookup.kind === 'unavailable') throw new Error(`Cannot follow ${address}: ${lookup.reason}`);
  if (lookup.kind === 'absent') return ['Nothing it leads to exists: mail for it is refused as for an unknown user'];
  const { fault, targets } = lookup.value;
  if (fault === 'loop') throw new Refused('loop', `Mail for ${address} would run in a circle`);
  if (fault === 'limit')
    throw new Refused('loop', `${address} leads to too many addresses, or through too many aliases`);
  return targets.flatMap((target) =>
    target.kind === 'missing' ? [`It leads to ${target.address}, which does not exist`] : [],
  );
}

/** The open transaction as a source for the resolver. It throws where a daemon's source says "unavailable". */
export class TransactionSource implements DirectorySource {
  readonly name: string;
  readonly #queries: DirectoryQueries;

  constructor(queries: DirectoryQueries, name: string) {
    this.#queries = queries;
    this.name = name;
  }

  findDomain(name: string): Promise<Lookup<Domain>> {
    return Promise.resolve(toLookup(this.#queries.findDomain(name)));
  }
  findAccount(address: string): Promise<Lookup<Account>> {
    return Promise.resolve(toLookup(this.#queries.findAccount(address)));
  }
  findAlias(address: string): Promise<Lookup<Alias>> {
    return Promise.resolve(toLookup(this.#queries.findAlias(address)));
  }
  findSenders(address: string): Promise<Lookup<readonly string[]>> {
    return Promise.resolve(toLookup<readonly string[]>(this.#queries.findSenders(address)));
  }
  async *accounts(domain?: string): AsyncIterable<Account> {
    if (domain === undefined) yield* this.#queries.listAccounts('', Number.MAX_SAFE_INTEGER);
    else for (const { account } of this.#queries.listAccountsOf(domain, 0, Number.MAX_SAFE_INTEGER)) yield account;
  }
}

function toLookup<T>(value: T | undefined): Lookup<T> {
  return value === undefined ? ABSENT : found(value);
}
