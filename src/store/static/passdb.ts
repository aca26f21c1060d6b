/**
 * The same fields for everybody (`driver = static`): a passdb that finds every name. With a password in it everybody has
 * that one; it is most useful with `nopassword` and `allow_nets`, for masters, or before another passdb.
 */
import type { Passdb, PassdbEntry, PassdbQuery } from '../../auth/passdb.ts';
import { describeError } from '../../core/errors.ts';
import { expandFields } from '../../core/field-templates.ts';
import type { FieldTemplate } from '../../core/fields.ts';
import type { Logger } from '../../core/logger.ts';
import { found, unavailable, type Lookup } from '../../core/outcome.ts';
import type { DriverReaders } from '../driver-readers.ts';
import { FaultLog } from '../fault-log.ts';
import { NameKey } from '../name-key.ts';

export interface StaticPassdbOptions {
  readonly name: string;
  readonly fields: readonly FieldTemplate[];
  readonly defaultScheme: string;
  /** What `%u` and its parts stand for. */
  readonly usernameFormat: string;
  readonly readers: DriverReaders;
  readonly logger: Logger;
}

export class StaticPassdb implements Passdb {
  readonly name: string;
  readonly #options: StaticPassdbOptions;
  readonly #key: NameKey;
  readonly #faults: FaultLog;
  readonly #version = {};

  constructor(options: StaticPassdbOptions) {
    this.name = options.name;
    this.#options = options;
    this.#key = new NameKey(options.usernameFormat);
    this.#faults = new FaultLog(options.logger.child({ passdb: options.name }));
  }

  /** Nothing but the configuration can change an answer. */
  readVersion(): object {
    return this.#version;
  }

  find(query: PassdbQuery): Promise<Lookup<PassdbEntry>> {
    return Promise.resolve(this.#read(query));
  }

  #read(query: PassdbQuery): Lookup<PassdbEntry> {
    const { fields: templates, defaultScheme, readers } = this.#options;
    try {
      const user = this.#key.of({ user: query.username, login: query });
      const fields = expandFields(templates, { user, login: query });
      const { entry, faults } = readers.readLogin({ user: query.username, fields, defaultScheme });
      for (const reason of faults) this.#faults.warn('store.fault', { subject: this.name, reason });
      return found(entry);
    } catch (error) {
      return unavailable(describeError(error));
    }
  }
}
