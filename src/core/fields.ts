/**
 * Fields of a passdb or userdb entry by name, as a driver gives them: text, already expanded, a bare word with an empty
 * value. What they mean is decided in `auth/passdb-fields.ts` and `directory/userdb-fields.ts`. facts: Dovecot's extra
 * fields.
 */

export type Fields = ReadonlyMap<string, string>;

export const NO_FIELDS: Fields = new Map();

/** A field as it is configured: its value may hold variables. */
export interface FieldTemplate {
  readonly name: string;
  readonly value: string;
}

/** A value ends at white space, so that one with a space in it cannot be written; Dovecot has the same rule. */
const FIELD = /^([^\s=]+)(?:=(.*))?$/s;

/** Parses `key=value` and bare words between white space; throws SyntaxError, which repeats no value, for one without a name. */
export function parseFieldTemplates(text: string): FieldTemplate[] {
  const words = text.split(/\s+/).filter((word) => word !== '');
  return words.map((word) => {
    const [whole, name = '', value = ''] = FIELD.exec(word) ?? [];
    if (whole === undefined)
      throw new SyntaxError('Cannot read a field without a name: write NAME=VALUE or a bare NAME');
    return { name, value };
  });
}

/** Formats fields as they are configured. */
export function formatFieldTemplates(templates: readonly FieldTemplate[]): string {
  return templates.map(({ name, value }) => (value === '' ? name : `${name}=${value}`)).join(' ');
}

/** Joins several fields in the value of one, where spaces belong to values. */
const IMPORT_SEPARATOR = '\t';

/**
 * Puts fields over those that were there before. `name:protected` (Dovecot 2.4: `:default`) keeps what was there,
 * `name:remove` takes it away.
 */
export function mergeFields(earlier: Fields, later: Iterable<readonly [name: string, value: string]>): Fields {
  const merged = new Map(earlier);
  for (const [key, value] of later) {
    const [, name = key, suffix] = /^(.+):(protected|default|remove)$/s.exec(key) ?? [];
    if (suffix === 'remove') merged.delete(name);
    else if (suffix === undefined || !merged.has(name)) merged.set(name, value);
  }
  return merged;
}

/** Reads `passdb_import` and `userdb_import`: further fields between tabs. */
export function splitImport(value: string): [name: string, value: string][] {
  const parts = value.split(IMPORT_SEPARATOR).filter((part) => part !== '');
  return parts.map((part) => {
    const equals = part.indexOf('=');
    return equals === -1 ? [part, ''] : [part.slice(0, equals), part.slice(equals + 1)];
  });
}

/** Whether a switch is on: a bare field is, `=n` and `=no` are how it is written away. */
export function isSwitchedOn(value: string): boolean {
  return !/^no?$/i.test(value);
}

const USERDB_PREFIX = 'userdb_';

/** The fields of a passdb that are meant for a userdb, under their names there. */
export function selectUserdbFields(fields: Fields): Fields {
  const selected = new Map<string, string>();
  for (const [key, value] of fields) {
    if (key.startsWith(USERDB_PREFIX)) selected.set(key.slice(USERDB_PREFIX.length), value);
  }
  return selected;
}
