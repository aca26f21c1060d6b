/**
 * Readers of the values that belong to logins and to the places that know users: templates of names, sets and pairs of
 * characters, schemes, queries and fields. What a query means to its database is not judged here.
 */
import { parseCharacterSet } from '../core/character-set.ts';
import { formatFieldTemplates, parseFieldTemplates, type FieldTemplate } from '../core/fields.ts';
import { ACCOUNT_VARIABLES, checkVariables, type LOGIN_VARIABLES } from '../core/variables.ts';
import { createReader, type Reader } from './reader.ts';
import { choice, path, readOrThrow, text } from './readers.ts';

/** What templates of a passdb may use, and those of a userdb: mail and the tables know of no login. */
type Variables = readonly (typeof LOGIN_VARIABLES)[number][];

/** The home is known when mail comes, and these are expanded only then. */
const DEFERRED_FIELDS: ReadonlySet<string> = new Set(['mail', 'mail_location', 'userdb_mail', 'userdb_mail_location']);

/** Every scheme that a password can be verified with, aliases too. */
const VERIFIED_SCHEMES = [
  'PLAIN',
  'CLEAR',
  'CLEARTEXT',
  'PLAIN-TRUNC',
  'CRYPT',
  'DES-CRYPT',
  'MD5-CRYPT',
  'MD5',
  'SHA256-CRYPT',
  'SHA512-CRYPT',
  'BLF-CRYPT',
  'ARGON2',
  'ARGON2I',
  'ARGON2ID',
  'PBKDF2',
  'SHA',
  'SHA1',
  'SHA256',
  'SHA512',
  'SSHA',
  'SSHA256',
  'SSHA512',
  'SMD5',
  'LDAP-MD5',
  'PLAIN-MD5',
  'PLAIN-MD4',
  'CRAM-MD5',
  'HMAC-MD5',
  'DIGEST-MD5',
  'SCRAM-SHA-1',
  'SCRAM-SHA-256',
] as const;

const baseScheme = choice(VERIFIED_SCHEMES, 'scheme');

/** A scheme of stored passwords, upper case, with its encoding where one is given (`SHA256.HEX`). */
export const storedScheme: Reader<string> = createReader({
  parse: (value) => {
    const [whole, name = value, encoding = ''] = /^([^.]*)(\.(?:b64|base64|hex))$/i.exec(value) ?? [];
    const scheme = readOrThrow(baseScheme, whole === undefined ? value : name);
    return scheme + encoding.toUpperCase();
  },
  format: (value) => value,
  form: 'a scheme such as CRYPT, PLAIN, SSHA256, SHA256.HEX',
});

/** A set of characters with ranges; empty for no set. */
export const characterSet: Reader<string> = createReader({
  parse: (value) => {
    if (/[\s\p{C}]/u.test(value)) throw new SyntaxError(`Cannot use "${value}": white space cannot be in a login name`);
    parseCharacterSet(value);
    return value;
  },
  format: (value) => value,
  form: 'characters and ranges such as a-zA-Z0-9.-_@+; may be empty',
});

/** Pairs of characters: each first one becomes its second. */
export const translation: Reader<string> = createReader({
  parse: (value) => {
    if (!/^[!-~]*$/.test(value)) throw new SyntaxError(`Cannot use "${value}": write printable ASCII without spaces`);
    if (value.length % 2 !== 0) {
      throw new SyntaxError(`Cannot use "${value}": write pairs of characters, the second becomes of the first`);
    }
    return value;
  },
  format: (value) => value,
  form: 'pairs of characters such as "#@/@"; may be empty',
});

/** Parts `user*master`; a letter, a digit or a character of addresses would part other names as well. */
export const separator: Reader<string> = text({
  pattern: /^[!#$%&*/:;<=>?[\]^`{|}~]$/,
  form: 'one character that no login name has, such as *',
});

/** A name that stands for itself, in a log or as a user. */
export const plainName: Reader<string> = text({ pattern: /^[^\s\p{C}"\\]{1,255}$/u, form: 'a name without spaces' });

/** The name a database is asked for. */
export function lookupName(variables: Variables): Reader<string> {
  return createReader({
    parse: (value) => {
      checkVariables(value, variables);
      if (value === '') throw new SyntaxError('Cannot use an empty format: write %u for the whole name');
      return value;
    },
    format: (value) => value,
    form: 'text with variables',
  });
}

/** An absolute path in which variables stand for parts of the name. */
export const pathTemplate: Reader<string> = createReader({
  parse: (value) => {
    checkVariables(value, ACCOUNT_VARIABLES);
    return readOrThrow(path, value);
  },
  format: (value) => value,
  form: 'absolute path, with variables for passwd-file',
});

/** A query with variables, each of which becomes a bound parameter. */
export function query(variables: Variables): Reader<string> {
  return createReader({
    parse: (value) => {
      checkVariables(value, variables);
      return value;
    },
    format: (value) => value,
    form: 'SELECT with variables; may be empty',
  });
}

/** Fields between spaces; empty for none. One of them can be a password, so that no reason repeats a value. */
export function fields(variables: Variables): Reader<readonly FieldTemplate[]> {
  const reader = createReader<readonly FieldTemplate[]>({
    parse: (value) => {
      const templates = parseFieldTemplates(value);
      for (const template of templates) checkField(template, variables);
      return templates;
    },
    format: formatFieldTemplates,
    form: 'NAME=VALUE with variables, between spaces; may be empty',
  });
  return { ...reader, isSecret: true };
}

function checkField({ name, value }: FieldTemplate, variables: Variables): void {
  try {
    if (DEFERRED_FIELDS.has(name)) checkVariables(value, [...variables, 'home']);
    else checkVariables(value, variables);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const hint = `a variable of its value is not known here; write %% for a percent sign`;
    throw new SyntaxError(`Cannot use field "${name}": ${hint}`, { cause: error });
  }
}

/** A pattern of names with `*` and `?`; `!` before it excludes. */
export const namePattern: Reader<string> = text({
  pattern: /^!?[^\s,!\p{C}]+$/u,
  form: 'a pattern such as *@example.com, with ! before it to exclude',
});

/** Whether anything in a template is to be expanded. */
export function hasVariables(template: string): boolean {
  return template.replaceAll('%%', '').includes('%');
}
