/**
 * A file of names that may not log in, one in a line, as a passdb (`driver = deny`): whoever is found there is refused by
 * the chain. A passwd-file will do, of which only the names count. An empty file keeps nobody out; one that is missing is
 * an outage, for nobody knows then whom it would have kept out.
 */
import type { Passdb, PassdbEntry, PassdbQuery } from '../../auth/passdb.ts';
import { NO_FIELDS } from '../../core/fields.ts';
import { normalizeLogin } from '../../core/address.ts';
import { describeError } from '../../core/errors.ts';
import { unavailable, type Lookup } from '../../core/outcome.ts';
import type { DriverReaders } from '../driver-readers.ts';
import { NameKey } from '../name-key.ts';
import type { PasswdFile } from './passwd-file.ts';

export interface DenyFileOptions {
  readonly name: string;
  readonly file: PasswdFile;
  readonly usernameFormat: string;
  readonly readers: DriverReaders;
}

export class DenyFile implements Passdb {
  readonly name: string;
  readonly #options: DenyFileOptions;
  readonly #key: NameKey;

  constructor(options: DenyFileOptions) {
    this.name = options.name;
    this.#options = options;
    this.#key = new NameKey(options.usernameFormat);
  }

  readVersion(): object | undefined {
    return this.#options.file.readVersion();
  }

  async find(query: PassdbQuery): Promise<Lookup<PassdbEntry>> {
    const { username } = query;
    const { file, readers } = this.#options;
    try {
      const key = normalizeLogin(this.#key.of({ user: username, login: query }));
      return await file.ask(({ table }) => {
        if (table.find(key) === undefined) return undefined;
        return readers.readLogin({ user: username, fields: NO_FIELDS, defaultScheme: 'CRYPT' }).entry;
      });
    } catch (error) {
      return unavailable(describeError(error));
    }
  }
}
