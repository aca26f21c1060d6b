/**
 * Changes to domains: added, made to stand for another, given a catch-all, removed. Mail on disk is never touched.
 */
import type { AdminOutcome, DomainAdmin, DomainRecord, DomainSettings } from '../../directory/admin.ts';
import { forgetAccount } from './former-account.ts';
import { formatRules, readRules } from './quota-texts.ts';
import {
  checkRoute,
  Refused,
  requireAddresses,
  requireDomainName,
  transact,
  type WriterContext,
} from './transaction.ts';

/** A catch-all is no mailing list. */
const MAX_CATCH_ALL = 100;
/** A local part nobody has, to see where the catch-all leads. */
const PROBE = 'postern-catch-all-probe';

interface DomainRow {
  readonly name: string;
  readonly stands_for: string | null;
  readonly catch_all: string;
  readonly app_passwords_required: number;
  readonly quota_rules: string;
  readonly total_quota_rules: string;
  readonly created_at: number;
  readonly accounts: number;
  readonly aliases: number;
}

export class DomainWriter implements DomainAdmin {
  readonly #context: WriterContext;

  constructor(context: WriterContext) {
    this.#context = context;
  }

  add(text: string, settings: DomainSettings): Promise<AdminOutcome> {
    return transact(this.#context, async () => {
      const { database, queries, clock } = this.#context;
      const name = requireDomainName(text);
      if (queries.findDomain(name) !== undefined) throw new Refused('exists', `Domain ${name} is already there`);
      database.prepare('INSERT INTO domain (name, created_at) VALUES (?, ?)').run(name, clock.now());
      return this.#change(name, settings);
    });
  }

  set(text: string, settings: DomainSettings): Promise<AdminOutcome> {
    return transact(this.#context, async () => this.#change(this.#requireDomain(text), settings));
  }

  remove(text: string, { force }: { readonly force: boolean }): Promise<AdminOutcome> {
    return transact(this.#context, async () => {
      const name = this.#requireDomain(text);
      const { database } = this.#context;
      const standIns = this.#column('SELECT name FROM domain WHERE stands_for = ?', name);
      if (standIns.length > 0) throw new Refused('in-use', `Domain ${name} is what ${standIns.join(', ')} stands for`);
      const accounts = this.#column('SELECT address FROM account WHERE domain = ?', name);
      const aliases = this.#column('SELECT address FROM alias WHERE domain = ?', name);
      if (!force && accounts.length + aliases.length > 0) {
        throw new Refused('in-use', `Domain ${name} has ${accounts.length} accounts and ${aliases.length} aliases`);
      }
      for (const address of accounts) forgetAccount(this.#context, address);
      database.prepare('DELETE FROM alias WHERE domain = ?').run(name);
      database.prepare('DELETE FROM sender_right WHERE sender = ?').run(`@${name}`);
      database.prepare('DELETE FROM domain WHERE name = ?').run(name);
      return this.#describeRemoval(accounts.length, aliases.length);
    });
  }

  list(): DomainRecord[] {
    const rows = this.#context.database
      .prepare<[], DomainRow>(
        `SELECT name, stands_for, catch_all, app_passwords_required, quota_rules, total_quota_rules, created_at,
           (SELECT count(*) FROM account WHERE account.domain = domain.name) AS accounts,
           (SELECT count(*) FROM alias WHERE alias.domain = domain.name) AS aliases
         FROM domain ORDER BY name`,
      )
      .all();
    return rows.map((row) => ({
      name: row.name,
      standsFor: row.stands_for ?? undefined,
      catchAll: this.#context.queries.findDomain(row.name)?.catchAll ?? [],
      appPasswordsRequired: row.app_passwords_required === 1,
      quotaRules: readRules(row.quota_rules),
      totalQuotaRules: readRules(row.total_quota_rules),
      accounts: row.accounts,
      aliases: row.aliases,
      createdAt: row.created_at,
    }));
  }

  async #change(name: string, settings: DomainSettings): Promise<string[]> {
    const { standsFor, catchAll, appPasswordsRequired } = settings;
    const { database } = this.#context;
    if (standsFor !== undefined) {
      const target = standsFor === null ? null : this.#checkStandIn(name, standsFor);
      database.prepare('UPDATE domain SET stands_for = ? WHERE name = ?').run(target, name);
    }
    if (catchAll !== undefined) {
      const targets = requireAddresses(catchAll, MAX_CATCH_ALL);
      database.prepare('UPDATE domain SET catch_all = ? WHERE name = ?').run(JSON.stringify(targets), name);
    }
    if (appPasswordsRequired !== undefined) {
      const value = appPasswordsRequired ? 1 : 0;
      database.prepare('UPDATE domain SET app_passwords_required = ? WHERE name = ?').run(value, name);
    }
    this.#writeRules(name, settings);
    const notes = appPasswordsRequired === true ? this.#noteLockedOut(name) : [];
    const domain = this.#context.queries.findDomain(name);
    if (domain === undefined || domain.catchAll.length === 0) return notes;
    if (domain.standsFor !== undefined) {
      throw new Refused('in-use', `Domain ${name} cannot stand for ${domain.standsFor} and have a catch-all`);
    }
    return [...notes, ...(await checkRoute(this.#context, `${PROBE}@${name}`))];
  }

  #writeRules(name: string, { quotaRules, totalQuotaRules }: DomainSettings): void {
    const { database } = this.#context;
    if (quotaRules !== undefined) {
      database.prepare('UPDATE domain SET quota_rules = ? WHERE name = ?').run(formatRules(quotaRules), name);
    }
    if (totalQuotaRules !== undefined) {
      database
        .prepare('UPDATE domain SET total_quota_rules = ? WHERE name = ?')
        .run(formatRules(totalQuotaRules), name);
    }
  }

  /** The name `name` may stand for; chains are refused, so that there is one place to look. */
  #checkStandIn(name: string, text: string): string {
    const target = this.#requireDomain(text);
    if (target === name) throw new Refused('loop', `Domain ${name} cannot stand for itself`);
    if (this.#context.queries.findDomain(target)?.standsFor !== undefined) {
      throw new Refused('loop', `Domain ${target} stands for another itself`);
    }
    const held = [
      ...this.#column('SELECT address FROM account WHERE domain = ? LIMIT 1', name),
      ...this.#column('SELECT address FROM alias WHERE domain = ? LIMIT 1', name),
      ...this.#column('SELECT name FROM domain WHERE stands_for = ? LIMIT 1', name),
    ];
    if (held.length > 0) throw new Refused('in-use', `Domain ${name} is in use itself (${held.join(', ')})`);
    return target;
  }

  #requireDomain(text: string): string {
    const name = requireDomainName(text);
    if (this.#context.queries.findDomain(name) === undefined)
      throw new Refused('missing', `Domain ${name} is not ours`);
    return name;
  }

  /** Whoever has no app password yet is locked out by the requirement. */
  #noteLockedOut(name: string): string[] {
    const without = this.#column(
      `SELECT address FROM account WHERE domain = ?
         AND NOT EXISTS (SELECT 1 FROM app_password WHERE account_id = account.id)`,
      name,
    );
    if (without.length === 0) return [];
    const who = without.length === 1 ? '1 account has' : `${without.length} accounts have`;
    return [`${who} no app password yet, and cannot log in until then: such as ${without[0] ?? ''}`];
  }

  #describeRemoval(accounts: number, aliases: number): string[] {
    const notes: string[] = [];
    if (accounts + aliases > 0) {
      notes.push(`Removed ${accounts} accounts and ${aliases} aliases with it; the mail of the accounts was kept`);
    }
    if (!this.#context.queries.hasDomain()) {
      notes.push('That was the last domain: an empty directory counts as an outage, and every lookup waits');
    }
    return notes;
  }

  #column(sql: string, parameter: string): string[] {
    return this.#context.database.prepare<[string], string>(sql).pluck().all(parameter);
  }
}
