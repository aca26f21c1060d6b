/**
 * The same fields for everybody (`driver = static`), as a userdb: accounts in the domains it is given, all of them or
 * those that a passdb knows. It has no aliases, and cannot list anybody.
 */
import { domainOf } from '../../core/address.ts';
import { describeError } from '../../core/errors.ts';
import { expandFields } from '../../core/field-templates.ts';
import type { FieldTemplate } from '../../core/fields.ts';
import type { Logger } from '../../core/logger.ts';
import { ABSENT, found, unavailable, type Lookup } from '../../core/outcome.ts';
import type { Account, Alias, DirectorySource, Domain } from '../../directory/source.ts';
import type { SystemIds } from '../../directory/userdb-fields.ts';
import type { DriverReaders } from '../driver-readers.ts';
import { FaultLog } from '../fault-log.ts';
import { NameKey } from '../name-key.ts';

export interface StaticUserdbOptions {
  readonly name: string;
  readonly fields: readonly FieldTemplate[];
  /** Domains it has; none leaves that to other userdbs. */
  readonly domains: readonly string[];
  /** What `%u` and its parts stand for. */
  readonly usernameFormat: string;
  /** Whether a passdb knows the address; undefined when every address in the domains exists. */
  readonly proveExistence: ((address: string) => Promise<Lookup<unknown>>) | undefined;
  readonly ids: SystemIds;
  readonly readers: DriverReaders;
  readonly logger: Logger;
}

export class StaticUserdb implements DirectorySource {
  readonly name: string;
  readonly cannotList = 'driver static has no list of names';
  readonly knowsDomains: boolean;
  readonly #options: StaticUserdbOptions;
  readonly #domains: ReadonlySet<string>;
  readonly #key: NameKey;
  readonly #faults: FaultLog;

  constructor(options: StaticUserdbOptions) {
    this.name = options.name;
    this.#options = options;
    this.#domains = new Set(options.domains);
    this.knowsDomains = options.domains.length > 0;
    this.#key = new NameKey(options.usernameFormat);
    this.#faults = new FaultLog(options.logger.child({ userdb: options.name }));
  }

  findDomain(name: string): Promise<Lookup<Domain>> {
    return Promise.resolve(this.#domains.has(name) ? found({ name, catchAll: [] }) : ABSENT);
  }

  async findAccount(address: string): Promise<Lookup<Account>> {
    if (this.#domains.size > 0 && !this.#domains.has(domainOf(address))) return ABSENT;
    const proof = await this.#options.proveExistence?.(address);
    return proof === undefined || proof.kind === 'found' ? this.#read(address) : proof;
  }

  findAlias(): Promise<Lookup<Alias>> {
    return Promise.resolve(ABSENT);
  }

  findSenders(): Promise<Lookup<readonly string[]>> {
    return Promise.resolve(ABSENT);
  }

  // Listing nobody is all there is to do.
  // oxlint-disable-next-line require-yield
  async *accounts(): AsyncIterable<Account> {
    await Promise.resolve();
  }

  #read(address: string): Lookup<Account> {
    const { fields: templates, ids, readers } = this.#options;
    try {
      const fields = expandFields(templates, { user: this.#key.of({ user: address }) });
      const { account, faults } = readers.readAccount({ address, source: this.name, fields, ids });
      for (const reason of faults) this.#faults.warn('store.fault', { subject: this.name, reason });
      return account === undefined ? ABSENT : found(account);
    } catch (error) {
      return unavailable(describeError(error));
    }
  }
}
