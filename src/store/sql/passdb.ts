/** A foreign database as a passdb (`driver = sql`): one row of `password_query` is an entry, its columns are the fields. */
import type { Passdb, PassdbEntry, PassdbQuery } from '../../auth/passdb.ts';
import { normalizeLogin } from '../../core/address.ts';
import { describeError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import { quotePeerText } from '../../core/printable.ts';
import { found, unavailable, type Lookup } from '../../core/outcome.ts';
import type { DriverReaders } from '../driver-readers.ts';
import { FaultLog } from '../fault-log.ts';
import { NameKey } from '../name-key.ts';
import type { SqlEngine } from './engine.ts';
import { SqlQuery } from './query.ts';

export interface SqlPassdbOptions {
  readonly name: string;
  readonly engine: SqlEngine;
  readonly passwordQuery: string;
  /** Scheme of passwords without one. */
  readonly defaultScheme: string;
  /** What `%u` and its parts stand for. */
  readonly usernameFormat: string;
  readonly readers: DriverReaders;
  readonly logger: Logger;
}

/** A row without any of these could let nobody in. */
const PASSWORD_COLUMNS = ['password', 'password_noscheme', 'nopassword', 'noauthenticate'];

export class SqlPassdb implements Passdb {
  readonly name: string;
  readonly #options: SqlPassdbOptions;
  readonly #key: NameKey;
  readonly #query: SqlQuery;
  readonly #faults: FaultLog;

  constructor(options: SqlPassdbOptions) {
    const { name, engine, passwordQuery: text } = options;
    const logger = options.logger.child({ passdb: name });
    this.name = name;
    this.#options = options;
    this.#key = new NameKey(options.usernameFormat);
    this.#query = new SqlQuery({ engine, key: 'password_query', text, needs: PASSWORD_COLUMNS, logger });
    this.#faults = new FaultLog(logger);
  }

  /** Anybody may write to the database at any time: only asking tells. */
  readVersion(): undefined {
    return undefined;
  }

  async find(query: PassdbQuery): Promise<Lookup<PassdbEntry>> {
    const { username } = query;
    const { defaultScheme, readers } = this.#options;
    try {
      const user = normalizeLogin(this.#key.of({ user: username, login: query }));
      const row = await this.#query.findFields({ user, login: query });
      if (row.kind !== 'found') return row;
      const { entry, faults } = readers.readLogin({ user: username, fields: row.value, defaultScheme });
      for (const reason of faults) this.#faults.warn('store.fault', { subject: quotePeerText(username), reason });
      return found(entry);
    } catch (error) {
      return unavailable(describeError(error));
    }
  }

  /** What is wrong with the query, in sentences for an administrator. */
  async examine(): Promise<readonly string[]> {
    const fault = await this.#query.examine();
    return fault === undefined ? [] : [fault];
  }
}
