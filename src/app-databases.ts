/**
 * The part of `app.ts` that builds the passdbs and userdbs of the configuration: one object of a driver for each section,
 * one file or database for all sections that name it.
 */
import type { Config, PassdbConfig, UserdbConfig } from './config/config.ts';
import type { Passdb, PassdbQuery } from './auth/passdb.ts';
import { normalizeLogin } from './core/address.ts';
import { matchesPattern } from './core/modify.ts';
import type { Logger } from './core/logger.ts';
import { ABSENT, type Lookup } from './core/outcome.ts';
import { createSystemIds, driverReaders } from './app-readers.ts';
import type { UserdbStep } from './directory/chain.ts';
import type { DirectorySource } from './directory/source.ts';
import type { SystemIds } from './directory/userdb-fields.ts';
import { NameKey } from './store/name-key.ts';
import { DenyFile } from './store/passwd-file/deny-file.ts';
import { PasswdFileSet } from './store/passwd-file/file-set.ts';
import { PasswdFilePassdb } from './store/passwd-file/passdb.ts';
import { PasswdFile } from './store/passwd-file/passwd-file.ts';
import { PasswdFileUserdb } from './store/passwd-file/userdb.ts';
import { PrefetchUserdb } from './store/prefetch/userdb.ts';
import type { SqlEngine } from './store/sql/engine.ts';
import { SqlPassdb } from './store/sql/passdb.ts';
import { SqliteEngine } from './store/sql/sqlite-engine.ts';
import { SqlUserdb } from './store/sql/userdb.ts';
import type { SqliteReader } from './store/sqlite/reader.ts';
import { StaticPassdb } from './store/static/passdb.ts';
import { StaticUserdb } from './store/static/userdb.ts';

/** The name as it is. */
const WHOLE = '%u';
const LOAD_WORKER_URL = new URL('./app-load-worker.js', import.meta.url);

export interface Databases {
  /** One for each section, in the order of the configuration. */
  readonly passdbs: readonly Passdb[];
  readonly userdbs: readonly UserdbStep[];
  /** What the fields of a section may name. */
  readonly ids: SystemIds;
  /** Users files that were read or are named by a section. */
  readonly files: () => readonly PasswdFile[];
  /** What is wrong with them, in sentences for an administrator. */
  readonly examine: () => Promise<readonly string[]>;
  /** Ends what belongs to foreign databases. */
  readonly close: () => void;
}

/** `embedded` is the database of the driver sqlite. */
export function createDatabases(config: Config, ports: { embedded: SqliteReader; logger: Logger }): Databases {
  return new DatabaseBuilder(ports).build(config);
}

class DatabaseBuilder {
  readonly #ports: { readonly embedded: SqliteReader; readonly logger: Logger };
  readonly #ids: SystemIds = createSystemIds();
  readonly #sets = new Map<string, PasswdFileSet>();
  readonly #denyFiles = new Map<string, PasswdFile>();
  readonly #engines = new Map<string, SqlEngine>();

  constructor(ports: { readonly embedded: SqliteReader; readonly logger: Logger }) {
    this.#ports = ports;
  }

  build(config: Config): Databases {
    const passdbs = config.passdbs.map((db) => this.#makePassdb(db));
    const proveExistence = createProof(config.passdbs, passdbs);
    const userdbs = config.userdbs.map((db) => ({ source: this.#makeUserdb(db, proveExistence), rules: db.rules }));
    const files = (): PasswdFile[] => [
      ...[...this.#sets.values()].flatMap((set) => set.files),
      ...this.#denyFiles.values(),
    ];
    const examine = async (): Promise<string[]> => [
      ...(await examineFiles(files())),
      ...(await examineQueries(config, [...passdbs, ...userdbs.map(({ source }) => source)])),
    ];
    const close = (): void => {
      for (const engine of this.#engines.values()) engine.close();
    };
    return { passdbs, userdbs, ids: this.#ids, files, examine, close };
  }

  #makePassdb(db: PassdbConfig): Passdb {
    const { name, rules } = db;
    const { usernameFormat } = rules;
    const common = { name, usernameFormat, readers: driverReaders, logger: this.#ports.logger };
    switch (db.driver) {
      case 'sqlite':
        return usernameFormat === WHOLE ? this.#ports.embedded : askPassdbFor(this.#ports.embedded, usernameFormat);
      case 'passwd-file':
        return new PasswdFilePassdb({ ...common, files: this.#openSet(db), defaultScheme: db.defaultScheme });
      case 'static':
        return new StaticPassdb({ ...common, fields: db.fields, defaultScheme: db.defaultScheme });
      case 'deny':
        return new DenyFile({ ...common, file: this.#openDenyFile(db) });
      case 'sql': {
        const { passwordQuery, defaultScheme } = db;
        return new SqlPassdb({ ...common, engine: this.#openEngine(db), passwordQuery, defaultScheme });
      }
    }
  }

  #makeUserdb(db: UserdbConfig, proveExistence: Proof): DirectorySource {
    const { name, rules } = db;
    const { usernameFormat } = rules;
    const common = { name, usernameFormat, ids: this.#ids, readers: driverReaders, logger: this.#ports.logger };
    switch (db.driver) {
      case 'sqlite':
        return usernameFormat === WHOLE ? this.#ports.embedded : askUserdbFor(this.#ports.embedded, usernameFormat);
      case 'passwd-file':
        return new PasswdFileUserdb({ ...common, files: this.#openSet(db) });
      case 'static': {
        const proof = db.allowAllUsers ? undefined : proveExistence;
        return new StaticUserdb({ ...common, fields: db.fields, domains: db.domains, proveExistence: proof });
      }
      case 'sql': {
        const { userQuery, iterateQuery, domainQuery } = db;
        return new SqlUserdb({ ...common, engine: this.#openEngine(db), userQuery, iterateQuery, domainQuery });
      }
      case 'prefetch':
        return new PrefetchUserdb(common);
    }
  }

  #openSet({ name, path }: { readonly name: string; readonly path: string }): PasswdFileSet {
    const set = this.#sets.get(path) ?? new PasswdFileSet(this.#fileOptions(name, path));
    this.#sets.set(path, set);
    return set;
  }

  #openDenyFile({ name, path }: { readonly name: string; readonly path: string }): PasswdFile {
    const file = this.#denyFiles.get(path) ?? new PasswdFile({ ...this.#fileOptions(name, path), isBlockList: true });
    this.#denyFiles.set(path, file);
    return file;
  }

  #openEngine({ path }: { readonly path: string }): SqlEngine {
    const engine = this.#engines.get(path) ?? new SqliteEngine({ path, logger: this.#ports.logger });
    this.#engines.set(path, engine);
    return engine;
  }

  #fileOptions(name: string, path: string) {
    const { logger } = this.#ports;
    return { name, path, ids: this.#ids, readers: driverReaders, workerUrl: LOAD_WORKER_URL, logger };
  }
}

/** Asks the embedded database for what a section's format makes of a name; its answers carry the account's own name. */
function askPassdbFor(passdb: Passdb, format: string): Passdb {
  const key = new NameKey(format);
  return {
    name: passdb.name,
    readVersion: () => passdb.readVersion(),
    requiresAppPassword: (domain) => passdb.requiresAppPassword?.(domain) ?? false,
    find: (query) => passdb.find({ ...query, username: key.of({ user: query.username, login: query }) }),
  };
}

function askUserdbFor(source: DirectorySource, format: string): DirectorySource {
  const key = new NameKey(format);
  return {
    name: source.name,
    findDomain: (name) => source.findDomain(name),
    findAccount: (address) => source.findAccount(normalizeLogin(key.of({ user: address }))),
    findAlias: (address) => source.findAlias(address),
    findSenders: (address) => source.findSenders(address),
    accounts: (domain) => source.accounts(domain),
  };
}

type Proof = (address: string) => Promise<Lookup<unknown>>;

/** Whether a passdb that has a list of names knows an address: what makes it exist for a static userdb. */
function createProof(configs: readonly PassdbConfig[], passdbs: readonly Passdb[]): Proof {
  const asked = configs.flatMap((db, i) => {
    const passdb = passdbs[i];
    const { isMaster, isDeny, mechanisms } = db.rules;
    const isSilent = mechanisms.length > 0 && !mechanisms.includes('none');
    return passdb === undefined || isMaster || isDeny || isSilent || db.driver === 'static' ? [] : [{ db, passdb }];
  });
  return async (address) => {
    let outage: Lookup<unknown> | undefined;
    for (const { db, passdb } of asked) {
      if (!passesFilter(address, db.rules.usernameFilter)) continue;
      const lookup = await passdb.find(lookupOf(address));
      if (lookup.kind === 'found') return lookup;
      if (lookup.kind === 'unavailable') outage ??= lookup;
    }
    return outage ?? ABSENT;
  };
}

function lookupOf(address: string): PassdbQuery {
  const context = { service: '', mechanism: '', remoteAddress: '', localAddress: '', isSecured: false };
  return { username: address, typedName: address, context };
}

/** One `!` pattern that matches excludes; without any positive pattern everybody else is meant. */
function passesFilter(name: string, patterns: readonly string[]): boolean {
  if (patterns.some((pattern) => pattern.startsWith('!') && matchesPattern(name, pattern.slice(1)))) return false;
  const wanted = patterns.filter((pattern) => !pattern.startsWith('!'));
  return wanted.length === 0 || wanted.some((pattern) => matchesPattern(name, pattern));
}

/** Each fault once: a file that is gone is the same to all who name it. */
async function examineQueries(config: Config, databases: readonly unknown[]): Promise<string[]> {
  const paths = [...config.passdbs, ...config.userdbs].map((db) => (db.driver === 'sql' ? db.path : ''));
  const reports = databases.map(async (database, i) => {
    const isSql = database instanceof SqlPassdb || database instanceof SqlUserdb;
    return isSql ? (await database.examine()).map((fault) => `${paths[i]}: ${fault}`) : [];
  });
  return [...new Set((await Promise.all(reports)).flat())];
}

async function examineFiles(files: readonly PasswdFile[]): Promise<string[]> {
  const reports = files.map(async (file) => {
    const { path } = file;
    const outcome = await file.reload({ accept: false });
    if (outcome.kind === 'kept') return [`${path}: ${outcome.reason}`];
    const { listed, more } = file.faults;
    const lines = listed.map(({ line, reason }) => `${path}:${line}: ${reason}`);
    return more > 0 ? [...lines, `${path}: ${more} faults more`] : lines;
  });
  return (await Promise.all(reports)).flat();
}
