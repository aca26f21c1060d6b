/**
 * One line of a passwd-file: `user:password:uid:gid:gecos:home:shell:extra_fields`, as Dovecot reads it
 * (facts/dovecot.md E.1, E.3). Pure. A line that is wrong somewhere still names a user: nobody vanishes for a typing
 * error, because "no such user" refuses mail for good. What is wrong with logins turns the login off, what is wrong
 * with the mailbox makes mail wait, and both are reported.
 */
import type { PassdbReading } from '../../auth/passdb-fields.ts';
import type { PassdbEntry } from '../../auth/passdb.ts';
import { normalizeLogin, parseNormalized } from '../../core/address.ts';
import { expandField } from '../../core/field-templates.ts';
import { selectUserdbFields } from '../../core/fields.ts';
import type { LoginFacts, Variables } from '../../core/variables.ts';
import type { Account } from '../../directory/source.ts';
import type { SystemIds, UserdbReading } from '../../directory/userdb-fields.ts';
import type { DriverReaders } from '../driver-readers.ts';

/** A line taken apart, nothing of it judged. */
export interface RawLine {
  /** As it is written. */
  readonly name: string;
  /** Undefined when the line ends before it. */
  readonly password: string | undefined;
  readonly uid: string;
  readonly gid: string;
  readonly home: string;
  readonly extra: string;
}

export interface LineOptions {
  /** Name of the section, for `Account.source`. */
  readonly source: string;
  /** Scheme of a password without `{SCHEME}`. */
  readonly defaultScheme: string;
  readonly ids: SystemIds;
  readonly readers: DriverReaders;
}

export interface PasswdUser {
  /** Normalised name: the key. */
  readonly name: string;
  readonly login: PassdbEntry;
  /** Undefined for a name without a domain, which is no mail address. */
  readonly account: Account | undefined;
  /** What is wrong with the line; no content of it. */
  readonly faults: readonly string[];
}

/** Suffix of a field that must not be taken as it is: whoever knows the field says that it cannot be used. */
const UNUSABLE = ':unusable';
const PASSWORD_FIELDS = ['password', 'password_noscheme'] as const;

/** Takes a line apart, without its line feed; undefined for comments, empty lines and lines without a name. */
export function splitLine(text: string): RawLine | undefined {
  const line = text.endsWith('\r') ? text.slice(0, -1) : text;
  if (line === '' || line.startsWith('#') || line.startsWith(':')) return undefined;
  const [name = '', password, uid = '', gid = '', , home = '', , ...rest] = line.split(':');
  return { name, password, uid, gid, home, extra: joinExtra(rest) };
}

/** Parses one line as passdb and userdb at once, for whom there is no login; undefined as `splitLine` says. */
export function parseLine(text: string, options: LineOptions): PasswdUser | undefined {
  const raw = splitLine(text);
  return raw === undefined ? undefined : readBothSides(raw, options);
}

/** Reads both sides of a line. */
export function readBothSides(raw: RawLine, options: LineOptions & { readonly login?: LoginFacts }): PasswdUser {
  const name = normalizeLogin(raw.name);
  const login = readLogin(raw, { ...options, username: name });
  // Only the normalised form of an address can be one.
  const address = name.includes('@') ? parseNormalized(raw.name) : undefined;
  if (address === undefined) return { name, login: login.entry, account: undefined, faults: login.faults };
  const { account, faults } = readUserdbSide(raw, { ...options, address, canLogin: login.entry.canLogin });
  return { name, login: login.entry, account, faults: [...login.faults, ...faults] };
}

/** Reads the passdb side of a line. */
export function readLogin(
  raw: RawLine,
  options: Pick<LineOptions, 'defaultScheme' | 'readers'> & {
    /** The name that was looked up. */
    readonly username: string;
    readonly login?: LoginFacts | undefined;
  },
): PassdbReading {
  const { username, login, defaultScheme, readers } = options;
  const fields = readExtra(raw, { user: username, login });
  for (const name of PASSWORD_FIELDS) {
    // Dovecot takes the password of the column all the same: nobody can have meant that.
    const value = fields.get(name);
    if (fields.delete(name)) fields.set(name + UNUSABLE, value ?? '');
  }
  const password = readPassword(raw.password ?? '', defaultScheme);
  if (password !== undefined) fields.set('password', password);
  return readers.readLogin({ user: username, fields, defaultScheme });
}

/** Reads the userdb side of a line. */
export function readLineAccount(
  raw: RawLine,
  options: LineOptions & {
    /** The address that was looked up. */
    readonly address: string;
  },
): UserdbReading {
  // The line is one user to an administrator: a login that is off there is off wherever the account is looked at.
  const { canLogin } = readLogin(raw, { ...options, username: options.address }).entry;
  return readUserdbSide(raw, { ...options, canLogin });
}

function readUserdbSide(
  raw: RawLine,
  { address, canLogin, source, ids, readers }: LineOptions & { readonly address: string; readonly canLogin: boolean },
): UserdbReading {
  const extra = readExtra(raw, { user: address });
  const fields = new Map<string, string>([
    ['uid', raw.uid],
    ['gid', raw.gid],
    ['home', raw.home],
  ]);
  const host = extra.get('host');
  if (host !== undefined) fields.set('host', host);
  if (!canLogin) fields.set('nologin', '');
  for (const [key, value] of selectUserdbFields(extra)) fields.set(key, value);
  return readers.readAccount({ address, source, fields, ids });
}

/** Adds the scheme that a password field without one has: that of its `[13]` ending, or the default. */
export function readPassword(field: string, defaultScheme: string): string | undefined {
  if (field === '') return undefined;
  if (/^\{[^}]+\}/.test(field)) return field;
  if (field.startsWith('$1$')) return `{MD5-CRYPT}${field}`;
  const typed = field.startsWith('$') ? null : /^([^[]*)\[(\d+)\]?/.exec(field);
  if (typed === null) return `{${defaultScheme}}${field}`;
  const [, data = '', type] = typed;
  // libpam-pwdfile's notation: 13 is DES crypt, 34 MD5; 56 is Dovecot's own.
  const scheme = type === '34' ? 'PLAIN-MD5' : type === '56' ? 'DIGEST-MD5' : 'CRYPT';
  return `{${scheme}}${data}`;
}

/** Fields from the 8th on; an empty 8th is the old layout, with the mail location behind it. */
function joinExtra(rest: readonly string[]): string {
  const [first, ...others] = rest;
  if (first !== '') return rest.join(':');
  const mail = others.join(':');
  return mail === '' ? '' : `userdb_mail=${mail}`;
}

function readExtra({ extra }: RawLine, variables: Variables): Map<string, string> {
  const fields = new Map<string, string>();
  if (extra === '') return fields;
  for (const word of extra.split(' ')) {
    if (word === '') continue;
    const equals = word.indexOf('=');
    const name = equals === -1 ? word : word.slice(0, equals);
    const value = equals === -1 ? '' : word.slice(equals + 1);
    try {
      fields.set(name, value.includes('%') ? expandField({ name, value }, variables) : value);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      fields.set(name + UNUSABLE, value);
    }
  }
  return fields;
}
