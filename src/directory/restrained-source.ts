/**
 * A directory in which accounts take no mail that Postern itself restrains, whatever the store behind it says and whether it
 * can be written or not. What an administrator switched off stays as it is.
 */
import type { Fields } from '../core/fields.ts';
import { found, type Lookup } from '../core/outcome.ts';
import type { Account, Alias, DirectorySource, Domain, Receive } from './source.ts';

export interface Restraint {
  /** What happens to mail for a restrained account. */
  readonly receive: Receive;
  readonly isRestrained: (address: string) => boolean;
}

export class RestrainedSource implements DirectorySource {
  readonly #source: DirectorySource;
  readonly #restraint: Restraint;

  constructor(source: DirectorySource, restraint: Restraint) {
    this.#source = source;
    this.#restraint = restraint;
  }

  get name(): string {
    return this.#source.name;
  }

  get cannotList(): string | undefined {
    return this.#source.cannotList;
  }

  get knowsDomains(): boolean | undefined {
    return this.#source.knowsDomains;
  }

  findDomain(name: string): Promise<Lookup<Domain>> {
    return this.#source.findDomain(name);
  }

  async findAccount(address: string, login?: Fields): Promise<Lookup<Account>> {
    const lookup = await this.#source.findAccount(address, login);
    return lookup.kind === 'found' ? found(this.#restrain(lookup.value)) : lookup;
  }

  findAlias(address: string): Promise<Lookup<Alias>> {
    return this.#source.findAlias(address);
  }

  findSenders(address: string): Promise<Lookup<readonly string[]>> {
    return this.#source.findSenders(address);
  }

  async *accounts(domain?: string): AsyncIterable<Account> {
    for await (const account of this.#source.accounts(domain)) yield this.#restrain(account);
  }

  #restrain(account: Account): Account {
    const { receive, isRestrained } = this.#restraint;
    return account.receive === 'accept' && isRestrained(account.address) ? { ...account, receive } : account;
  }
}
