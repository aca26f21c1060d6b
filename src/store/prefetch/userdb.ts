/**
 * The userdb that takes its fields from the passdb (`driver = prefetch`): `userdb_home` there is `home` here. Without a
 * login, or when the passdb gave no such field, it knows nobody, and a userdb after it has to.
 */
import { selectUserdbFields, type Fields } from '../../core/fields.ts';
import type { Logger } from '../../core/logger.ts';
import { ABSENT, found, type Lookup } from '../../core/outcome.ts';
import type { Account, Alias, DirectorySource, Domain } from '../../directory/source.ts';
import type { SystemIds } from '../../directory/userdb-fields.ts';
import type { DriverReaders } from '../driver-readers.ts';
import { FaultLog } from '../fault-log.ts';

export interface PrefetchUserdbOptions {
  readonly name: string;
  readonly ids: SystemIds;
  readonly readers: DriverReaders;
  readonly logger: Logger;
}

export class PrefetchUserdb implements DirectorySource {
  readonly name: string;
  readonly cannotList = 'driver prefetch knows those who log in, and only then';
  readonly knowsDomains = false;
  readonly #options: PrefetchUserdbOptions;
  readonly #faults: FaultLog;

  constructor(options: PrefetchUserdbOptions) {
    this.name = options.name;
    this.#options = options;
    this.#faults = new FaultLog(options.logger.child({ userdb: options.name }));
  }

  findDomain(): Promise<Lookup<Domain>> {
    return Promise.resolve(ABSENT);
  }

  findAccount(address: string, login?: Fields): Promise<Lookup<Account>> {
    const fields = login === undefined ? undefined : selectUserdbFields(login);
    if (fields === undefined || fields.size === 0) return Promise.resolve(ABSENT);
    const { ids, readers } = this.#options;
    const { account, faults } = readers.readAccount({ address, source: this.name, fields, ids });
    for (const reason of faults) this.#faults.warn('store.fault', { subject: this.name, reason });
    return Promise.resolve(account === undefined ? ABSENT : found(account));
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
}
