/** A directory in memory that fits the port, for tests that need addresses and no store. */
import { ABSENT, found, unavailable, type Lookup } from '../../src/core/outcome.ts';
import { domainOf } from '../../src/core/address.ts';
import type { Account, Alias, DirectorySource, Domain } from '../../src/directory/source.ts';

export interface MemoryContent {
  readonly domains?: readonly (string | Domain)[];
  readonly accounts?: readonly (string | (Partial<Account> & { readonly address: string }))[];
  readonly aliases?: Readonly<Record<string, readonly string[]>>;
  /** Aliases that carry *send as*. */
  readonly sendAs?: readonly string[];
  /** Address or `@domain` -> accounts. */
  readonly rights?: Readonly<Record<string, readonly string[]>>;
}

/** An account with everything on and no limits. */
export function makeAccount(account: string | (Partial<Account> & { readonly address: string })): Account {
  const given = typeof account === 'string' ? { address: account } : account;
  return { source: 'memory', canLogin: true, canSend: true, receive: 'accept', quota: [], ...given };
}

export class MemorySource implements DirectorySource {
  readonly name: string;
  /** Set to make every answer "unavailable". */
  outage: string | undefined;
  readonly #domains: ReadonlyMap<string, Domain>;
  readonly #accounts: ReadonlyMap<string, Account>;
  readonly #aliases: ReadonlyMap<string, Alias>;
  readonly #rights: ReadonlyMap<string, readonly string[]>;

  constructor(content: MemoryContent, name = 'memory') {
    this.name = name;
    const domains = (content.domains ?? []).map((d) => (typeof d === 'string' ? { name: d, catchAll: [] } : d));
    this.#domains = new Map(domains.map((domain) => [domain.name, domain]));
    this.#accounts = new Map((content.accounts ?? []).map(makeAccount).map((account) => [account.address, account]));
    this.#aliases = new Map(
      Object.entries(content.aliases ?? {}).map(([address, targets]) => [
        address,
        { address, targets, sendAs: content.sendAs?.includes(address) ?? false },
      ]),
    );
    this.#rights = new Map(Object.entries(content.rights ?? {}));
  }

  findDomain(name: string): Promise<Lookup<Domain>> {
    return this.#answer(this.#domains.get(name));
  }
  findAccount(address: string): Promise<Lookup<Account>> {
    return this.#answer(this.#accounts.get(address));
  }
  findAlias(address: string): Promise<Lookup<Alias>> {
    return this.#answer(this.#aliases.get(address));
  }
  findSenders(address: string): Promise<Lookup<readonly string[]>> {
    const keys = [address, `@${domainOf(address)}`];
    const senders = keys.flatMap((key) => this.#rights.get(key) ?? []);
    return this.#answer(senders.length === 0 ? undefined : senders);
  }
  async *accounts(domain?: string): AsyncIterable<Account> {
    await Promise.resolve();
    if (this.outage !== undefined) throw new Error(this.outage);
    for (const account of this.#accounts.values()) {
      if (domain === undefined || domainOf(account.address) === domain) yield account;
    }
  }

  #answer<T>(value: T | undefined): Promise<Lookup<T>> {
    if (this.outage !== undefined) return Promise.resolve(unavailable(this.outage));
    return Promise.resolve(value === undefined ? ABSENT : found(value));
  }
}
