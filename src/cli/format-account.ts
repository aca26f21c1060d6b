/** An account as text for people: one line in a list, or every field on a line of its own. */
import { formatQuotaRule, type UserQuotaRule } from '../core/quota-rule.ts';
import type { AccountRecord } from '../directory/admin.ts';
import type { Account } from '../directory/source.ts';

/** Longest names of fields, so that values stand in one column. */
const LABEL_COLUMNS = 14;

/** A value from a foreign store must not forge a line. */
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/u;

/** One line of a list: the address and what is out of the ordinary. */
export function formatAccountLine(account: AccountRecord): string {
  const marks = [
    ...(account.canLogin ? [] : ['login off']),
    ...(account.canSend ? [] : ['send off']),
    ...(account.receive === 'accept' ? [] : [`receive ${account.receive}`]),
    ...(account.hasPassword ? [] : ['no password']),
    ...(account.appPasswordsRequired ? ['app passwords required'] : []),
    ...listOwnRules(account),
    ...(account.displayName === undefined ? [] : [account.displayName]),
  ];
  return marks.length === 0 ? account.address : `${account.address}  ${marks.join(', ')}`;
}

/** Every field that is set. */
export function formatAccount(account: AccountRecord): string {
  return formatFields([
    ['address', account.address],
    ['name', account.displayName],
    ['password', account.hasPassword ? 'set' : 'none: nobody can log in'],
    ['app passwords', formatAppPasswords(account)],
    ['login', formatSwitch(account.canLogin)],
    ['send', formatSwitch(account.canSend)],
    ['receive', account.receive],
    ['host', account.host],
    ['home', account.home],
    ['quota', listOwnRules(account).join(', ')],
    ['login names', account.loginNames.join(', ')],
    ['sends as', account.senders.join(', ')],
    ['allow_nets', account.allowNets.join(', ')],
    ['note', account.note],
    ['created', new Date(account.createdAt).toISOString()],
    ['changed', new Date(account.changedAt).toISOString()],
  ]);
}

/** The fields of a userdb, one a line. */
export function formatUserFields(account: Account, home: string): string {
  return formatFields(listUserFields(account, home));
}

/** The fields of a userdb, by Dovecot's names where they have one; those without a value are not set. */
export function listUserFields(account: Account, home: string): [name: string, value: string | undefined][] {
  return [
    ['user', account.address],
    ['userdb', account.source],
    ['home', home],
    ['mail', account.mail],
    ['uid', account.uid?.toString()],
    ['gid', account.gid?.toString()],
    ...nameRules(account.quota),
    ['login', formatSwitch(account.canLogin)],
    ['send', formatSwitch(account.canSend)],
    ['receive', account.receive],
    ['host', account.host],
  ];
}

/** An account of any userdb for `--json`, its rules under the names of fields. */
export function accountToJson(account: Account, home: string): object {
  return { ...account, home, quota: nameRules(account.quota).map(([name, rule]) => `${name}=${rule}`) };
}

/** An account of the embedded database for `--json`, its own rules as it was given them. */
export function recordToJson(account: AccountRecord): object {
  return { ...account, quota: listOwnRules(account) };
}

function formatAppPasswords({ appPasswords, appPasswordsRequired }: AccountRecord): string | undefined {
  if (appPasswordsRequired) return `${appPasswords}, required`;
  return appPasswords === 0 ? undefined : String(appPasswords);
}

/** Lines of a label and a value, in columns; those without a value are left out. */
export function formatFields(fields: readonly (readonly [label: string, value: string | undefined])[]): string {
  return fields
    .filter(([, value]) => value !== undefined && value !== '')
    .map(
      ([label, value = '']) => `${label.padEnd(LABEL_COLUMNS)}${CONTROL.test(value) ? JSON.stringify(value) : value}\n`,
    )
    .join('');
}

function formatSwitch(isOn: boolean): string {
  return isOn ? 'on' : 'off';
}

/** The rules of the account itself, without those of its domain. */
function listOwnRules({ quota }: Account): string[] {
  return quota.filter(({ place }) => place === 'account').map(({ rule }) => formatQuotaRule(rule));
}

/** Rules under the names a userdb gives them; those of the embedded database, which have no numbers, as the first. */
function nameRules(quota: readonly UserQuotaRule[]): [name: string, value: string][] {
  return quota.map(({ root, place, rule }) => {
    if (root === 'domain') return ['total quota', formatQuotaRule(rule)];
    const number = typeof place === 'string' || place === 1 ? '' : String(place);
    return [`quota${root === 1 ? '' : root}_rule${number}`, formatQuotaRule(rule)];
  });
}
