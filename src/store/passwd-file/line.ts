/**
 * One line of a passwd-file: `user:password:uid:gid:gecos:home:shell:extra_fields`, as Dovecot reads it
 * (facts/dovecot.md E.1, E.3). Pure. A line that is wrong somewhere still names a user: nobody vanishes for a typing
 * error, because "no such user" refuses mail for good. What is wrong with logins turns the login off, what is wrong
 * with the mailbox makes mail wait, and both are reported.
 */
import { PLAIN_ENTRY, type PassdbEntry } from '../../auth/passdb.ts';
import { foldCase, parseNormalized } from '../../core/address.ts';
import type { Account } from '../../directory/source.ts';
import { applyExtraFields } from './extra-fields.ts';
import { readId, type LineDraft, type SystemIds } from './line-draft.ts';

export interface LineOptions {
  /** Name of the section, for `Account.source`. */
  readonly source: string;
  /** Scheme of a password without `{SCHEME}`. */
  readonly defaultScheme: string;
  readonly ids: SystemIds;
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

/** Parses one line without its line feed; undefined for comments, empty lines and lines without a name. */
export function parseLine(text: string, options: LineOptions): PasswdUser | undefined {
  const line = text.endsWith('\r') ? text.slice(0, -1) : text;
  if (line === '' || line.startsWith('#') || line.startsWith(':')) return undefined;
  const [user = '', password = '', uid = '', gid = '', , home = '', , ...rest] = line.split(':');
  const address = parseNormalized(user);
  const name = address ?? foldCase(user);
  const draft = makeDraft(home, options.ids);
  readIds(draft, { uid, gid });
  applyExtraFields(draft, joinExtra(rest), name);
  checkHome(draft);
  const login = makeLogin(draft, { name, stored: readPassword(password, options.defaultScheme) });
  return {
    name,
    login,
    account: address === undefined ? undefined : makeAccount(draft, address, options),
    faults: draft.faults,
  };
}

function makeDraft(home: string, ids: SystemIds): LineDraft {
  return {
    canLogin: true,
    receive: 'accept',
    isPasswordless: false,
    allowNets: [],
    quota: {},
    ids,
    home: home === '' ? undefined : home,
    faults: [],
  };
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

function readIds(draft: LineDraft, { uid, gid }: { uid: string; gid: string }): void {
  draft.uid = readId(draft, { text: uid, kind: 'uid' });
  draft.gid = readId(draft, { text: gid, kind: 'gid' });
}

function checkHome(draft: LineDraft): void {
  if (draft.home === undefined || (draft.home.startsWith('/') && !draft.home.includes('\0'))) return;
  draft.faults.push('home is no absolute path: mail waits');
  draft.home = undefined;
  draft.receive = 'hold';
}

function makeLogin(draft: LineDraft, { name, stored }: { name: string; stored: string | undefined }): PassdbEntry {
  if (draft.isPasswordless && stored !== undefined) {
    draft.faults.push('nopassword beside a password: login is off');
    draft.isPasswordless = false;
    draft.canLogin = false;
  }
  const { isPasswordless, canLogin, allowNets } = draft;
  return { ...PLAIN_ENTRY, user: name, password: stored, isPasswordless, canLogin, allowNets };
}

function makeAccount(draft: LineDraft, address: string, { source }: LineOptions): Account {
  const { canLogin, receive, host, home, mail, uid, gid, quota } = draft;
  return { address, source, canLogin, canSend: true, receive, host, home, mail, uid, gid, quota };
}
