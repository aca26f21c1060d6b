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
