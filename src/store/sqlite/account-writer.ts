/**
 * Changes to accounts. A home is given once and kept (RULES 15): a removed account leaves its mail, a renamed one
 * takes it along without moving it, and nobody gets a home in which somebody else's mail lies.
 */
import { existsSync } from 'node:fs';
import { domainOf, normalizeLogin, parseDomain } from '../../core/address.ts';
import type { AccountAdmin, AccountRecord, AccountSettings, AdminOutcome } from '../../directory/admin.ts';
import type { AccountImport, ImportOptions } from '../../directory/import.ts';
import { AccountImporter } from './account-importer.ts';
import { findRecord, listRecords } from './account-records.ts';
import { insertAlias } from './alias-writer.ts';
import { clearFormer, findFormerHome, forgetAccount } from './former-account.ts';
import { changeRules } from './quota-texts.ts';
import {
  Refused,
  requireAddress,
  requireFree,
  requireHoldingDomain,
  transact,
  type WriterContext,
} from './transaction.ts';

/** As long as an address can be. */
const MAX_LOGIN_BYTES = 510;
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const NOT_IN_LOGIN = /[\u0000-\u001F\u007F]/;

/** Settings that are a column each. */
const COLUMNS = [
  ['password', 'password'],
  ['displayName', 'display_name'],
  ['canLogin', 'can_login'],
  ['canSend', 'can_send'],
  ['receive', 'receive'],
  ['host', 'host'],
  ['home', 'home'],
  ['allowNets', 'allow_nets'],
  ['appPasswordsRequired', 'app_passwords_required'],
  ['note', 'note'],
] as const satisfies readonly (readonly [keyof AccountSettings, string])[];

export class AccountWriter implements AccountAdmin {
  readonly #context: WriterContext;

  constructor(context: WriterContext) {
    this.#context = context;
  }

  add(text: string, settings: AccountSettings & { readonly adopt: boolean }): Promise<AdminOutcome> {
    return transact(this.#context, async () => {
      const { database, clock } = this.#context;
      const address = requireAddress(text);
      requireHoldingDomain(this.#context, domainOf(address));
      requireFree(this.#context, address);
      const former = findFormerHome(this.#context, address);
      const home = this.#chooseHome(address, { ...settings, former });
      const now = clock.now();
      const { lastInsertRowid } = database
        .prepare('INSERT INTO account (address, domain, home, created_at, changed_at) VALUES (?, ?, ?, ?, ?)')
        .run(address, domainOf(address), home, now, now);
      if (former === home) clearFormer(this.#context, address);
      const loginNames = settings.loginNames ?? [address];
      this.#write(Number(lastInsertRowid), { ...settings, home: undefined, loginNames });
      return [`Its mail lies in ${home}`];
    });
  }

  set(text: string, settings: AccountSettings): Promise<AdminOutcome> {
    return transact(this.#context, async () => {
      const { id, record } = this.#require(text);
      const { home } = settings;
      const isMoved = home !== undefined && home !== record.home;
      if (isMoved) this.#checkNewHome(home);
      this.#write(id, settings);
      const notes = isMoved ? [`Mail was not moved: it still lies in ${record.home}`] : [];
      if (settings.appPasswordsRequired === true && record.appPasswords === 0)
        notes.push(`${record.address} has no app password yet: until then it cannot log in`);
      return notes;
    });
  }

  rename(text: string, to: { readonly address: string; readonly keepAlias: boolean }): Promise<AdminOutcome> {
    return transact(this.#context, async () => {
      const { id, record } = this.#require(text);
      const from = record.address;
      const address = requireAddress(to.address);
      requireHoldingDomain(this.#context, domainOf(address));
      requireFree(this.#context, address);
      this.#expandHome(address);
      this.#update(id, { address, domain: domainOf(address) });
      if (record.loginNames.includes(from)) {
        const loginNames = record.loginNames.map((name) => (name === from ? address : name));
        this.#write(id, { loginNames });
      }
      const followed = this.#redirect(from, address);
      if (to.keepAlias) insertAlias(this.#context, { address: from, targets: [address], sendAs: true });
      const notes = [`Its mail stays in ${record.home}`];
      if (followed > 0) notes.push(`${followed} aliases and catch-alls that led to ${from} now lead to ${address}`);
      return notes;
    });
  }

  remove(text: string): Promise<AdminOutcome> {
    return transact(this.#context, async () => {
      const { record } = this.#require(text);
      forgetAccount(this.#context, record.address);
      const aliases = this.#context.database
        .prepare<[string], string>('SELECT alias FROM alias_target WHERE target = ? ORDER BY alias')
        .pluck()
        .all(record.address);
      return [
        `Its mail was kept in ${record.home}`,
        ...aliases.map((alias) => `Alias ${alias} still leads to ${record.address}`),
      ];
    });
  }

  find(text: string): AccountRecord | undefined {
    return findRecord(this.#context, normalizeLogin(text));
  }

  list(domain?: string): Iterable<AccountRecord> {
    return listRecords(this.#context, domain);
  }

  beginImport(options: ImportOptions): AccountImport {
    return new AccountImporter(this.#context, options);
  }

  #require(text: string): { id: number; record: AccountRecord } {
    const address = requireAddress(text);
    const record = findRecord(this.#context, address);
    const id = this.#context.database
      .prepare<[string], number>('SELECT id FROM account WHERE address = ?')
      .pluck()
      .get(address);
    if (record === undefined || id === undefined) throw new Refused('missing', `There is no account ${address}`);
    return { id, record };
  }

  #chooseHome(
    address: string,
    options: { readonly home?: string | undefined; readonly adopt: boolean; readonly former: string | undefined },
  ): string {
    const { adopt, former } = options;
    const expanded = this.#expandHome(address);
    const home = options.home ?? former ?? expanded;
    this.#checkNewHome(home);
    if (adopt) return home;
    if (former !== undefined && options.home === undefined) {
      throw new Refused(
        'has-mail',
        `${address} had an account before, whose mail lies in ${former}: adopt it or name another home`,
      );
    }
    if (existsSync(home))
      throw new Refused('has-mail', `${home} exists already: adopt the mail in it or name another home`);
    return home;
  }

  #expandHome(address: string): string {
    try {
      return this.#context.homes.expand(address);
    } catch (error) {
      if (error instanceof RangeError) throw new Refused('bad-value', error.message);
      throw error;
    }
  }

  #checkNewHome(home: string): void {
    try {
      this.#context.homes.check(home);
    } catch (error) {
      if (error instanceof RangeError) throw new Refused('bad-value', error.message);
      throw error;
    }
    const owner = this.#context.database
      .prepare<[string], string>('SELECT address FROM account WHERE home = ?')
      .pluck()
      .get(home);
    if (owner !== undefined) throw new Refused('in-use', `${home} is the home of ${owner}: name another home`);
  }

  #write(id: number, settings: AccountSettings): void {
    const values: Record<string, string | number | null> = {};
    for (const [key, column] of COLUMNS) {
      const value = settings[key];
      if (value !== undefined) values[column] = toColumn(value);
    }
    const { quotaRules, storageBytes, messages } = settings;
    if (quotaRules !== undefined || storageBytes !== undefined || messages !== undefined) {
      values['quota_rules'] = changeRules(this.#readQuota(id), settings);
    }
    this.#update(id, values);
    if (settings.loginNames !== undefined) this.#writeLoginNames(id, settings.loginNames);
    if (settings.senders !== undefined) this.#writeSenders(id, settings.senders);
  }

  #readQuota(id: number): string {
    const { database } = this.#context;
    return database.prepare<[number], string>('SELECT quota_rules FROM account WHERE id = ?').pluck().get(id) ?? '[]';
  }

  #update(id: number, values: Readonly<Record<string, string | number | null>>): void {
    // Column names are ours; values are bound.
    const assignments = [...Object.keys(values), 'changed_at'].map((column) => `${column} = ?`).join(', ');
    this.#context.database
      .prepare(`UPDATE account SET ${assignments} WHERE id = ?`)
      .run(...Object.values(values), this.#context.clock.now(), id);
  }

  #writeLoginNames(id: number, names: readonly string[]): void {
    const { database } = this.#context;
    database.prepare('DELETE FROM login_name WHERE account_id = ?').run(id);
    const insert = database.prepare('INSERT INTO login_name (name, account_id) VALUES (?, ?)');
    const address = database.prepare<[number], string>('SELECT address FROM account WHERE id = ?').pluck().get(id);
    for (const name of new Set(names.map(normalizeLogin))) {
      if (name === '' || NOT_IN_LOGIN.test(name) || Buffer.byteLength(name) > MAX_LOGIN_BYTES) {
        throw new Refused('bad-value', `${JSON.stringify(name)} is no login name`);
      }
      const owner = this.#context.queries.findLogin(name);
      if (owner !== undefined && owner.user !== address)
        throw new Refused('exists', `Login name ${name} belongs to ${owner.user}`);
      insert.run(name, id);
    }
  }

  #writeSenders(id: number, senders: readonly string[]): void {
    const { database } = this.#context;
    database.prepare('DELETE FROM sender_right WHERE account_id = ?').run(id);
    const insert = database.prepare('INSERT INTO sender_right (sender, account_id) VALUES (?, ?)');
    for (const sender of new Set(senders.map(requireSender))) insert.run(sender, id);
  }

  /** Makes what led to `from` lead to `to`; returns how many did. */
  #redirect(from: string, to: string): number {
    const { database } = this.#context;
    const aliases = database.prepare('UPDATE alias_target SET target = ? WHERE target = ?').run(to, from).changes;
    database.prepare('UPDATE OR IGNORE sender_right SET sender = ? WHERE sender = ?').run(to, from);
    const catchAlls = database
      .prepare(
        `UPDATE domain SET catch_all =
           (SELECT json_group_array(CASE value WHEN $from THEN $to ELSE value END) FROM json_each(catch_all))
         WHERE EXISTS (SELECT 1 FROM json_each(catch_all) WHERE value = $from)`,
      )
      .run({ from, to }).changes;
    return aliases + catchAlls;
  }
}

function requireSender(text: string): string {
  if (!text.startsWith('@')) return requireAddress(text);
  const domain = parseDomain(text.slice(1));
  if (domain === undefined)
    throw new Refused('bad-value', `${JSON.stringify(text)} is neither an address nor an @domain`);
  return `@${domain}`;
}

function toColumn(value: string | number | boolean | null | readonly string[]): string | number | null {
  if (typeof value === 'boolean') return value ? 1 : 0;
  return typeof value === 'object' && value !== null ? value.join(' ') : value;
}
