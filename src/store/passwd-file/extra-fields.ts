/**
 * The extra fields of a passwd-file line (facts/dovecot.md E.3): space separated, `key=value` or a bare key. Fields
 * that mean nothing here are ignored; fields that restrict or rewrite and are not understood turn off what they
 * would have changed, because ignoring them would let in, or deliver, what the administrator meant to prevent.
 */
import { parseQuotaRule } from '../../core/quota-rule.ts';
import { expandVariables } from '../../core/variables.ts';
import { readId, type LineDraft } from './line-draft.ts';

type Effect = (draft: LineDraft, value: string) => void;

/** Fields whose value is taken as it stands: `%` is expanded later, or means percent (RULES 44). */
const RAW: ReadonlyMap<string, Effect> = new Map<string, Effect>([
  ['userdb_mail', (draft, value) => void (draft.mail = value)],
  ['userdb_quota_rule', readQuota],
]);

const EXPANDED: ReadonlyMap<string, Effect> = new Map<string, Effect>([
  ['nopassword', (draft, value) => void (draft.isPasswordless = isSet(value))],
  ['nologin', turnLoginOff],
  ['noauthenticate', turnLoginOff],
  ['fail', turnLoginOff],
  ['proxy', turnLoginOff],
  ['proxy_maybe', turnLoginOff],
  ['proxy_always', turnLoginOff],
  ['host', readHost],
  ['allow_nets', (draft, value) => void (draft.allowNets = value.split(',').filter((net) => net !== ''))],
  ['userdb_home', (draft, value) => void (draft.home = value)],
  ['userdb_uid', (draft, text) => void (draft.uid = readId(draft, { text, kind: 'uid' }))],
  ['userdb_gid', (draft, text) => void (draft.gid = readId(draft, { text, kind: 'gid' }))],
  ['userdb_tempfail', (draft) => void (draft.receive = 'hold')],
]);

/** They rename, or restrict logins by what Postern does not see. */
const LOGIN_NOT_SUPPORTED: ReadonlySet<string> = new Set([
  'user',
  'username',
  'domain',
  'login_user',
  'password',
  'password_noscheme',
  'delay_until',
  'allow_real_nets',
  'check_client_fp',
  'check_client_cert_fp',
  'check_client_pubkey_fp',
]);
/** They would put mail elsewhere. */
const MAIL_NOT_SUPPORTED: ReadonlySet<string> = new Set(['userdb_user', 'userdb_username', 'userdb_domain']);

/** Reads the fields into `draft`; `user` is what `%u` stands for. */
export function applyExtraFields(draft: LineDraft, text: string, user: string): void {
  for (const field of text.split(' ')) {
    if (field !== '') applyField(draft, field, user);
  }
}

function applyField(draft: LineDraft, field: string, user: string): void {
  const equals = field.indexOf('=');
  const key = equals === -1 ? field : field.slice(0, equals);
  const value = equals === -1 ? '' : field.slice(equals + 1);
  const isMail = key.startsWith('userdb_');
  try {
    RAW.get(key)?.(draft, value);
    const effect = EXPANDED.get(key);
    if (effect !== undefined) effect(draft, expandVariables(value, { user }));
    if (LOGIN_NOT_SUPPORTED.has(key)) throw new SyntaxError('not supported');
    if (MAIL_NOT_SUPPORTED.has(key)) throw new SyntaxError('not supported');
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    if (isMail) draft.receive = 'hold';
    else draft.canLogin = false;
    draft.faults.push(`field ${key} cannot be used: ${isMail ? 'mail waits' : 'login is off'}`);
  }
}

function readQuota(draft: LineDraft, value: string): void {
  draft.quota = parseQuotaRule(value.replaceAll('%%', '%'));
}

function readHost(draft: LineDraft, value: string): void {
  if (value === '') throw new SyntaxError('no host');
  draft.host = value;
  draft.canLogin = false;
}

function turnLoginOff(draft: LineDraft, value: string): void {
  if (isSet(value)) draft.canLogin = false;
}

/** A bare field is set; `=n` and `=no` are how it is written away. */
function isSet(value: string): boolean {
  return !/^no?$/i.test(value);
}
