/**
 * What the fields of a passdb entry mean (facts: Dovecot's extra fields): the one place for every driver. Pure. Fields
 * that mean nothing here are kept and ignored. Fields that restrict a login or rename its user and cannot be honoured
 * turn the login off, because ignoring them would let in what the administrator meant to keep out.
 */
import { normalizeLogin } from '../core/address.ts';
import { isSwitchedOn, mergeFields, NO_FIELDS, splitImport, type Fields } from '../core/fields.ts';
import { findNetworkPrefix } from './network-prefix.ts';
import { PLAIN_ENTRY, type PassdbEntry } from './passdb.ts';

export interface PassdbSource {
  /** The name that was looked up, as the driver knows it. */
  readonly user: string;
  /** `{SCHEME}data`; undefined when there is none. */
  readonly password: string | undefined;
  /** As the driver gave them, suffixes included. */
  readonly fields: Fields;
}

export interface PassdbReading {
  readonly entry: PassdbEntry;
  /** Sentences for the log about fields that cannot be honoured; nothing of their content. */
  readonly faults: readonly string[];
}

interface Draft {
  user: string;
  isPasswordless: boolean;
  canLogin: boolean;
  allowNets: readonly string[];
  hasNoDelay: boolean;
  isFieldsOnly: boolean;
}

/** Throws SyntaxError when the field cannot be honoured. */
type Effect = (draft: Draft, value: string) => void;

const EFFECTS: ReadonlyMap<string, Effect> = new Map<string, Effect>([
  ['user', (draft, value) => void (draft.user = value)],
  ['username', renameLocal],
  ['domain', renameDomain],
  ['nopassword', (draft, value) => void (draft.isPasswordless = isSurelyOn(value))],
  ['noauthenticate', (draft, value) => void (draft.isFieldsOnly = isSwitchedOn(value))],
  ['nodelay', (draft, value) => void (draft.hasNoDelay = isSwitchedOn(value))],
  ['nologin', turnLoginOff],
  ['fail', turnLoginOff],
  ['proxy', turnLoginOff],
  ['proxy_maybe', turnLoginOff],
  ['proxy_always', turnLoginOff],
  ['host', (draft) => void (draft.canLogin = false)],
  ['allow_nets', readNetworks],
  ['login_user', cannotHonour],
  ['password', cannotHonour],
  ['password_noscheme', cannotHonour],
  ['delay_until', cannotHonour],
  ['allow_real_nets', cannotHonour],
  ['check_client_fp', cannotHonour],
  ['check_client_cert_fp', cannotHonour],
  ['check_client_pubkey_fp', cannotHonour],
]);

/** Passwords, also the one a proxy would log in with. */
const SECRET: ReadonlySet<string> = new Set(['password', 'password_noscheme', 'pass']);
const IMPORT = 'passdb_import';
/** Sessions without an address. */
const LOCAL = 'local';
const IPV4_BITS = 32;
const IPV6_BITS = 128;
/** What no name may hold: it would forge a line of a protocol or a log. */
const FORBIDDEN_IN_NAME = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\uFFFD]/u;

/** Makes an entry of what a driver found. */
export function readPassdbEntry({ user, password, fields }: PassdbSource): PassdbReading {
  const draft: Draft = {
    user,
    isPasswordless: false,
    canLogin: true,
    allowNets: [],
    hasNoDelay: false,
    isFieldsOnly: false,
  };
  const faults: string[] = [];
  for (const [key, value] of settleFields(fields)) applyField(draft, { key, value, faults });
  const name = normalizeLogin(draft.user);
  if (draft.user !== user && (name === '' || FORBIDDEN_IN_NAME.test(name))) {
    draft.canLogin = false;
    faults.push('user is renamed to what is no name: login is off');
  }
  if (draft.isPasswordless && password !== undefined) {
    draft.isPasswordless = false;
    draft.canLogin = false;
    faults.push('nopassword beside a password: login is off');
  }
  // Every line of a users file comes by here: one literal, and no copy of what needs none.
  const entry: PassdbEntry = {
    user: name,
    password,
    isPasswordless: draft.isPasswordless,
    canLogin: draft.canLogin,
    allowNets: draft.allowNets,
    hasNoDelay: draft.hasNoDelay,
    isFieldsOnly: draft.isFieldsOnly,
    isUpgradable: PLAIN_ENTRY.isUpgradable,
    appPasswords: PLAIN_ENTRY.appPasswords,
    appPasswordsRequired: PLAIN_ENTRY.appPasswordsRequired,
    fields: withoutSecrets(fields),
  };
  return { entry, faults };
}

/** The fields with those of an import, and with every suffix done. */
function settleFields(fields: Fields): Fields {
  let needsMerge = false;
  for (const key of fields.keys()) needsMerge ||= key === IMPORT || key.includes(':');
  if (!needsMerge) return fields;
  const all = [...fields].flatMap(([key, value]) => (key === IMPORT ? splitImport(value) : [[key, value] as const]));
  return mergeFields(NO_FIELDS, all);
}

/** Makes an entry of fields with the password among them, as most drivers have it. */
export function readPassdbFields({
  user,
  fields,
  defaultScheme,
}: {
  readonly user: string;
  readonly fields: Fields;
  readonly defaultScheme: string;
}): PassdbReading {
  return readPassdbEntry({ user, ...takePassword(fields, defaultScheme) });
}

/**
 * Splits what a driver found into the stored password and the other fields: `password` takes `defaultScheme` when it
 * names none, `password_noscheme` is taken as it stands, also when it begins with a brace. An empty one is none.
 */
export function takePassword(
  fields: Fields,
  defaultScheme: string,
): { readonly password: string | undefined; readonly fields: Fields } {
  const rest = new Map(fields);
  rest.delete('password');
  rest.delete('password_noscheme');
  const literal = fields.get('password_noscheme');
  if (literal !== undefined && literal !== '') return { password: `{${defaultScheme}}${literal}`, fields: rest };
  const text = fields.get('password');
  return { password: text === undefined ? undefined : withScheme(text, defaultScheme), fields: rest };
}

/** Adds the scheme to a stored password that names none: the default, or MD5-CRYPT for what begins as one. */
export function withScheme(text: string, defaultScheme: string): string | undefined {
  if (/^\{[^}]+\}/.test(text)) return text;
  // Without a password nobody logs in: an empty column is no empty password.
  if (text === '') return undefined;
  return text.startsWith('$1$') ? `{MD5-CRYPT}${text}` : `{${defaultScheme}}${text}`;
}

function applyField(draft: Draft, field: { key: string; value: string; faults: string[] }): void {
  const { key, value, faults } = field;
  // A suffix nobody knows must not hide what is before it.
  const name = baseName(key);
  const effect = EFFECTS.get(name);
  if (effect === undefined) return;
  try {
    if (name !== key) throw new SyntaxError('unknown suffix');
    effect(draft, value);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    draft.canLogin = false;
    faults.push(`field ${name} cannot be used: login is off`);
  }
}

function renameLocal(draft: Draft, value: string): void {
  const at = draft.user.indexOf('@');
  draft.user = value.includes('@') || at === -1 ? value : value + draft.user.slice(at);
}

function renameDomain(draft: Draft, value: string): void {
  const [local = ''] = draft.user.split('@', 1);
  draft.user = `${local}@${value}`;
}

function turnLoginOff(draft: Draft, value: string): void {
  if (isSwitchedOn(value)) draft.canLogin = false;
}

function cannotHonour(): never {
  throw new SyntaxError('not supported');
}

/** An empty list allows nobody with Dovecot, and everybody here: it cannot be meant. */
function readNetworks(draft: Draft, value: string): void {
  const networks = value.split(/[\s,]+/).filter((network) => network !== '');
  if (networks.length === 0) throw new SyntaxError('no network');
  if (!networks.every(isNetwork)) throw new SyntaxError('no network');
  draft.allowNets = networks;
}

/** Microseconds: every line of a users file comes by here. What the list means is in `networks.ts`. */
function isNetwork(text: string): boolean {
  if (text === LOCAL) return true;
  const [address = '', bits, ...rest] = text.split('/');
  if (rest.length > 0 || address.includes('%') || findNetworkPrefix(address) === undefined) return false;
  return (
    bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (address.includes(':') ? IPV6_BITS : IPV4_BITS))
  );
}

/** A column of truths says 0 for no, and Dovecot would take that for yes: with no password asked for, never guess. */
function isSurelyOn(value: string): boolean {
  return isSwitchedOn(value) && !/^(?:0|false|f)$/i.test(value);
}

function withoutSecrets(fields: Fields): Fields {
  let kept: Map<string, string> | undefined;
  for (const key of fields.keys()) {
    if (!SECRET.has(baseName(key))) continue;
    kept ??= new Map(fields);
    kept.delete(key);
  }
  return kept ?? fields;
}

/** A field without its suffix. */
function baseName(key: string): string {
  const colon = key.indexOf(':');
  return colon === -1 ? key : key.slice(0, colon);
}
