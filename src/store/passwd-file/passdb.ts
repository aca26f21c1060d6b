/** A passwd-file as a passdb: every section has its own default scheme and format of names, whoever shares the file. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ListedPassword, Passdb, PassdbEntry, PassdbQuery } from '../../auth/passdb.ts';
import { normalizeLogin } from '../../core/address.ts';
import { describeError } from '../../core/errors.ts';
import { unavailable, type Lookup } from '../../core/outcome.ts';
import type { DriverReaders } from '../driver-readers.ts';
import { NameKey } from '../name-key.ts';
import type { PasswdFileSet } from './file-set.ts';
import { readLogin } from './line.ts';
import type { PasswdFile } from './passwd-file.ts';
import type { PasswdTable } from './table.ts';

/** Entries made of the present version; all are forgotten together. */
const MAX_KEPT = 10_000;
/** About a millisecond of reading lines. */
const LINES_PER_TURN = 100;

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
  /** With variables in the path, which files there are is not known. */
  readonly passwords: (() => AsyncIterable<ListedPassword>) | undefined;
  readonly #options: PasswdFilePassdbOptions;
  readonly #key: NameKey;
  readonly #kept = new Map<string, Kept>();

  constructor(options: PasswdFilePassdbOptions) {
    this.name = options.name;
    this.#options = options;
    this.#key = new NameKey(options.usernameFormat);
    const { fixed } = options.files;
    this.passwords = fixed === undefined ? undefined : () => this.#list(fixed);
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

  async *#list(file: PasswdFile): AsyncIterable<ListedPassword> {
    const answer = await file.ask(({ table }) => table);
    if (answer.kind !== 'found') {
      const reason = answer.kind === 'unavailable' ? answer.reason : 'not read yet';
      throw new Error(`Cannot list users of "${this.name}": ${reason}`);
    }
    const { defaultScheme, readers } = this.#options;
    let number = 0;
    for (const { name, raw } of answer.value.users()) {
      number += 1;
      if (number % LINES_PER_TURN === 0) await nextTurn();
      const { entry } = readLogin(raw, { username: name, defaultScheme, readers });
      yield { user: name, password: entry.password };
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
