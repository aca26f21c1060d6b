/** A passwd-file as a passdb: every section has its own default scheme and format of names, whoever shares the file. */
import type { Passdb, PassdbEntry, PassdbQuery } from '../../auth/passdb.ts';
import { normalizeLogin } from '../../core/address.ts';
import { describeError } from '../../core/errors.ts';
import { unavailable, type Lookup } from '../../core/outcome.ts';
import type { DriverReaders } from '../driver-readers.ts';
import { NameKey } from '../name-key.ts';
import type { PasswdFileSet } from './file-set.ts';
import { readLogin } from './line.ts';
import type { PasswdTable } from './table.ts';

/** Entries made of the present version; all are forgotten together. */
const MAX_KEPT = 10_000;

export interface PasswdFilePassdbOptions {
  readonly name: string;
  readonly files: PasswdFileSet;
  /** Scheme of passwords without one. */
  readonly defaultScheme: string;
  /** The name a user stands under in the file. */
  readonly usernameFormat: string;
  readonly readers: DriverReaders;
}

interface Kept {
  readonly table: PasswdTable;
  /** The same name can stand under another key at another login. */
  readonly key: string;
  readonly entry: PassdbEntry;
}

export class PasswdFilePassdb implements Passdb {
  readonly name: string;
  readonly #options: PasswdFilePassdbOptions;
  readonly #key: NameKey;
  readonly #kept = new Map<string, Kept>();

  constructor(options: PasswdFilePassdbOptions) {
    this.name = options.name;
    this.#options = options;
    this.#key = new NameKey(options.usernameFormat);
  }

  readVersion(): object | undefined {
    return this.#options.files.fixed?.readVersion();
  }

  async find(query: PassdbQuery): Promise<Lookup<PassdbEntry>> {
    const { username } = query;
    try {
      const key = normalizeLogin(this.#key.of({ user: username, login: query }));
      return await this.#options.files.ask(username, ({ table }) => this.#read(table, { query, key }));
    } catch (error) {
      return unavailable(describeError(error));
    }
  }

  #read(table: PasswdTable, { query, key }: { query: PassdbQuery; key: string }): PassdbEntry | undefined {
    const { username } = query;
    const kept = this.#kept.get(username);
    if (kept?.table === table && kept.key === key) return kept.entry;
    const raw = table.find(key);
    if (raw === undefined) return undefined;
    const { defaultScheme, readers } = this.#options;
    const { entry } = readLogin(raw, { username, login: query, defaultScheme, readers });
    // What stands in it may depend on the login.
    if (raw.extra.includes('%')) return entry;
    if (this.#kept.size >= MAX_KEPT) this.#kept.clear();
    this.#kept.set(username, { table, key, entry });
    return entry;
  }
}
