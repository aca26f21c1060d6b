/**
 * What the fields of a userdb entry mean (facts: Dovecot's extra fields): the one place for every driver. Pure. Fields
 * that mean nothing here are ignored. Fields that say where mail goes, or how much of it, and cannot be honoured make
 * mail wait, because ignoring them would put it where it does not belong.
 */
import { parseNormalized } from '../core/address.ts';
import { isSwitchedOn, mergeFields, NO_FIELDS, splitImport, type Fields } from '../core/fields.ts';
import { MAX_QUOTA_RULES, NO_USER_RULES, parseQuotaRule, type UserQuotaRule } from '../core/quota-rule.ts';
import type { Account, Receive } from './source.ts';

/** Looks system names up; undefined when there is no such user or group. */
export interface SystemIds {
  readonly findUid: (name: string) => number | undefined;
  readonly findGid: (name: string) => number | undefined;
}

export interface UserdbSource {
  /** The address that was looked up, normalised. */
  readonly address: string;
  /** Name of the userdb, for `Account.source`. */
  readonly source: string;
  /** Without the prefix `userdb_`; suffixes included. `mail` still holds its variables, `quota_rule` its `%`. */
  readonly fields: Fields;
  readonly ids: SystemIds;
}

export interface UserdbReading {
  /** Undefined when the entry is for a name that is no mail address. */
  readonly account: Account | undefined;
  /** Sentences for the log about fields that cannot be honoured; nothing of their content. */
  readonly faults: readonly string[];
  /** Fields that mean something to Dovecot and nothing to Postern. */
  readonly ignored: readonly string[];
}

interface Draft {
  name: string;
  canLogin: boolean;
  receive: Receive;
  readonly quota: UserQuotaRule[];
  home?: string | undefined;
  mail?: string | undefined;
  host?: string | undefined;
  uid?: number | undefined;
  gid?: number | undefined;
  readonly ids: SystemIds;
  readonly faults: string[];
}

/** Throws SyntaxError when the field cannot be honoured. */
type Effect = (draft: Draft, value: string) => void;

const EFFECTS: ReadonlyMap<string, Effect> = new Map<string, Effect>([
  ['user', (draft, value) => void (draft.name = value)],
  ['username', renameLocal],
  ['domain', renameDomain],
  ['home', readHome],
  ['mail', (draft, value) => void (draft.mail = value === '' ? undefined : value)],
  ['mail_location', (draft, value) => void (draft.mail = value === '' ? undefined : value)],
  ['uid', (draft, text) => void (draft.uid = readId(draft, { text, kind: 'uid' }))],
  ['gid', (draft, text) => void (draft.gid = readId(draft, { text, kind: 'gid' }))],
  ['tempfail', (draft, value) => void (draft.receive = isSwitchedOn(value) ? 'hold' : draft.receive)],
  ['nologin', (draft, value) => void (draft.canLogin = draft.canLogin && !isSwitchedOn(value))],
  ['proxy', (draft, value) => void (draft.canLogin = draft.canLogin && !isSwitchedOn(value))],
  ['host', readHost],
]);

/** `quota_rule`, `quota_rule2`, and those of further roots: `quota2_rule`. Dovecot looks for no other numbers. */
const QUOTA_RULE = /^quota([2-9]|[1-9]\d+)?_rule([2-9]|[1-9]\d+)?$/;

/** RULES 13: read by Dovecot, and of no effect here; `check` says so once. */
const IGNORED: ReadonlySet<string> = new Set(['mail_plugins', 'nice', 'chroot', 'system_groups_user', 'uidgid_file']);
/** In a userdb, and as `userdb_import` of a passdb. */
const IMPORTS: ReadonlySet<string> = new Set(['userdb_import', 'import']);
/** The uid or gid of a name nobody knows: never ours, so delivery waits (RULES 13). */
const UNKNOWN_ID = -1;

/** Makes an account of what a driver found. */
export function readAccount({ address, source, fields, ids }: UserdbSource): UserdbReading {
  const draft: Draft = { name: address, canLogin: true, receive: 'accept', quota: [], ids, faults: [] };
  const ignored: string[] = [];
  for (const [key, value] of settleFields(fields)) {
    applyField(draft, key, value);
    if (IGNORED.has(key)) ignored.push(key);
  }
  return { account: makeAccount(draft, { address, source }), faults: draft.faults, ignored };
}

/** The fields with those of an import, and with every suffix done. */
function settleFields(fields: Fields): Fields {
  let needsMerge = false;
  for (const key of fields.keys()) needsMerge ||= IMPORTS.has(key) || key.includes(':');
  if (!needsMerge) return fields;
  const all = [...fields].flatMap(([key, value]) => (IMPORTS.has(key) ? splitImport(value) : [[key, value] as const]));
  return mergeFields(NO_FIELDS, all);
}

function applyField(draft: Draft, ...[key, value]: [key: string, value: string]): void {
  // A suffix nobody knows must not hide what is before it.
  const colon = key.indexOf(':');
  const name = colon === -1 ? key : key.slice(0, colon);
  const effect = EFFECTS.get(name) ?? findQuotaEffect(name);
  if (effect === undefined) return;
  try {
    if (name !== key) throw new SyntaxError('unknown suffix');
    effect(draft, value);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    draft.receive = 'hold';
    draft.faults.push(`field ${name} cannot be used: mail waits`);
  }
}

function makeAccount(draft: Draft, { address, source }: { address: string; source: string }): Account | undefined {
  const { name, canLogin, quota, home, mail, host, uid, gid, faults } = draft;
  const renamed = parseNormalized(name);
  if (renamed === undefined && name !== address) faults.push('user is renamed to what is no address: mail waits');
  const own = renamed ?? parseNormalized(address);
  if (own === undefined) return undefined;
  const receive = renamed === undefined ? 'hold' : draft.receive;
  const rules = quota.length === 0 ? NO_USER_RULES : quota;
  return { address: own, source, canLogin, canSend: true, receive, host, home, mail, uid, gid, quota: rules };
}

function findQuotaEffect(name: string): Effect | undefined {
  const [whole, root = '1', place = '1'] = QUOTA_RULE.exec(name) ?? [];
  if (whole === undefined) return undefined;
  return (draft, value) => {
    if (Math.max(Number(root), Number(place)) > MAX_QUOTA_RULES) throw new SyntaxError('too many rules');
    draft.quota.push({ root: Number(root), place: Number(place), rule: parseQuotaRule(value) });
  };
}

function renameLocal(draft: Draft, value: string): void {
  const at = draft.name.lastIndexOf('@');
  draft.name = value.includes('@') || at === -1 ? value : value + draft.name.slice(at);
}

function renameDomain(draft: Draft, value: string): void {
  const at = draft.name.lastIndexOf('@');
  draft.name = `${at === -1 ? draft.name : draft.name.slice(0, at)}@${value}`;
}

function readHome(draft: Draft, value: string): void {
  if (value === '') return;
  if (!value.startsWith('/') || value.includes('\0')) throw new SyntaxError('no absolute path');
  draft.home = value;
}

function readHost(draft: Draft, value: string): void {
  if (value === '') throw new SyntaxError('no host');
  draft.host = value;
  draft.canLogin = false;
}

/** Reads a uid or gid, given as a number or a system name. Never dropped: what is not ours defers mail (RULES 13). */
function readId(draft: Draft, id: { readonly text: string; readonly kind: 'uid' | 'gid' }): number | undefined {
  const { text, kind } = id;
  if (text === '') return undefined;
  const number = /^\d{1,10}$/.test(text)
    ? Number(text)
    : kind === 'uid'
      ? draft.ids.findUid(text)
      : draft.ids.findGid(text);
  if (number === undefined) draft.faults.push(`unknown name as ${kind}: mail waits`);
  if (number === 0) draft.faults.push(`${kind} 0 is root's: mail waits`);
  return number ?? UNKNOWN_ID;
}
