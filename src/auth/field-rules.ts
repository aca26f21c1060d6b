/**
 * `default_fields` and `override_fields` of a passdb section: a passdb in front of another, whose entries are what the
 * fields make of them. Fields can take a login away and never give one: a suspended account stays suspended.
 */
import { describeError } from '../core/errors.ts';
import { expandFields } from '../core/field-templates.ts';
import { mergeFields, NO_FIELDS, type Fields, type FieldTemplate } from '../core/fields.ts';
import type { Logger } from '../core/logger.ts';
import { found, unavailable, type Lookup } from '../core/outcome.ts';
import { quotePeerText } from '../core/printable.ts';
import { readPassdbEntry } from './passdb-fields.ts';
import type { Passdb, PassdbEntry, PassdbQuery } from './passdb.ts';

export interface FieldRules {
  /** Name of the section. */
  readonly name: string;
  readonly defaultFields: readonly FieldTemplate[];
  readonly overrideFields: readonly FieldTemplate[];
  readonly logger: Logger;
}

/** Puts the fields of a section over the entries of its passdb, and its name before the passdb's. */
export function withFields(passdb: Passdb, rules: FieldRules): Passdb {
  const hasFields = rules.defaultFields.length + rules.overrideFields.length > 0;
  if (!hasFields && passdb.name === rules.name) return passdb;
  const wantsAppPassword = passdb.requiresAppPassword?.bind(passdb);
  return {
    name: rules.name,
    find: hasFields ? (query) => findWithFields(passdb, query, rules) : (query) => passdb.find(query),
    readVersion: () => passdb.readVersion(),
    ...(wantsAppPassword === undefined ? {} : { requiresAppPassword: wantsAppPassword }),
  };
}

async function findWithFields(passdb: Passdb, query: PassdbQuery, rules: FieldRules): Promise<Lookup<PassdbEntry>> {
  const lookup = await passdb.find(query);
  if (lookup.kind !== 'found') return lookup;
  try {
    return found(applyFields(lookup.value, query, rules));
  } catch (error) {
    rules.logger.error('auth.fault', { passdb: rules.name, err: error });
    return unavailable(`passdb ${rules.name}: ${describeError(error)}`);
  }
}

function applyFields(entry: PassdbEntry, query: PassdbQuery, rules: FieldRules): PassdbEntry {
  const defaults = mergeFields(NO_FIELDS, expand(rules.defaultFields, query));
  const own = mergeFields(defaults, [...describe(entry), ...entry.fields]);
  const fields = mergeFields(own, expand(rules.overrideFields, query));
  const { entry: read, faults } = readPassdbEntry({ user: entry.user, password: entry.password, fields });
  for (const reason of faults)
    rules.logger.warn('auth.fault', { passdb: rules.name, user: quotePeerText(entry.user), reason });
  const { appPasswords, appPasswordsRequired, isUpgradable } = entry;
  return { ...read, appPasswords, appPasswordsRequired, isUpgradable, canLogin: read.canLogin && entry.canLogin };
}

/** What an entry says of itself, as the fields it would be written with. */
function* describe(entry: PassdbEntry): Iterable<[name: string, value: string]> {
  if (entry.allowNets.length > 0) yield ['allow_nets', entry.allowNets.join(',')];
  if (entry.isPasswordless) yield ['nopassword', 'y'];
  if (entry.hasNoDelay) yield ['nodelay', 'y'];
  if (entry.isFieldsOnly) yield ['noauthenticate', 'y'];
}

function expand(templates: readonly FieldTemplate[], query: PassdbQuery): Fields {
  return expandFields(templates, { user: query.username, login: query });
}
