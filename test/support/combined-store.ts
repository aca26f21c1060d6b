/** A passdb and a userdb over the same users as one object, the way the embedded database is one. */
import type { Passdb } from '../../src/auth/passdb.ts';
import { createSystemIds, driverReaders } from '../../src/app-readers.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { Logger } from '../../src/core/logger.ts';
import type { DirectorySource } from '../../src/directory/source.ts';
import { PasswdFileSet } from '../../src/store/passwd-file/file-set.ts';
import { PasswdFilePassdb } from '../../src/store/passwd-file/passdb.ts';
import type { PasswdFileOptions } from '../../src/store/passwd-file/passwd-file.ts';
import { PasswdFileUserdb } from '../../src/store/passwd-file/userdb.ts';
import { SqlPassdb } from '../../src/store/sql/passdb.ts';
import { SqliteEngine } from '../../src/store/sql/sqlite-engine.ts';
import { SqlUserdb } from '../../src/store/sql/userdb.ts';

export type CombinedStore = DirectorySource & Passdb;

export function combine(passdb: Passdb, userdb: DirectorySource): CombinedStore {
  return {
    name: userdb.name,
    cannotList: userdb.cannotList,
    find: (query) => passdb.find(query),
    readVersion: () => passdb.readVersion(),
    findDomain: (name) => userdb.findDomain(name),
    findAccount: (address, login) => userdb.findAccount(address, login),
    findAlias: (address) => userdb.findAlias(address),
    findSenders: (address) => userdb.findSenders(address),
    accounts: (domain) => userdb.accounts(domain),
  };
}

export interface PasswdStoreOptions extends Omit<PasswdFileOptions, 'readers'> {
  readonly defaultScheme?: string;
  readonly usernameFormat?: string;
}

/** A passwd-file as both, with the files it is made of. */
export function openPasswdStore(options: PasswdStoreOptions): CombinedStore & { readonly files: PasswdFileSet } {
  const { name, defaultScheme = 'CRYPT', usernameFormat = '%u' } = options;
  const files = new PasswdFileSet({ ...options, readers: driverReaders });
  const common = { name, files, usernameFormat, readers: driverReaders };
  return { ...combine(new PasswdFilePassdb({ ...common, defaultScheme }), new PasswdFileUserdb(common)), files };
}

export interface SqlStoreOptions {
  readonly path: string;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** A foreign database as both: a table `users` with `local`, `domain` and `password`. */
export function openSqlStore(options: SqlStoreOptions): CombinedStore & { close(): void } {
  const { logger, clock } = options;
  const engine = new SqliteEngine(options);
  const common = { name: 'main', engine, usernameFormat: '%u', readers: driverReaders, logger, clock };
  const passwordQuery = "SELECT password FROM users WHERE local = '%n' AND domain = '%d'";
  const passdb = new SqlPassdb({ ...common, defaultScheme: 'CRYPT', passwordQuery });
  const userdb = new SqlUserdb({
    ...common,
    ids: createSystemIds(),
    userQuery: "SELECT '/srv/' || domain || '/x' AS home FROM users WHERE local = '%n' AND domain = '%d'",
    iterateQuery: "SELECT local || '@' || domain AS user FROM users",
    domainQuery: '',
  });
  return { ...combine(passdb, userdb), close: () => engine.close() };
}
