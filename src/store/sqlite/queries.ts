/**
 * The reads of the embedded database as prepared statements: rows in, values of the ports out. Synchronous, indexed,
 * one statement each, and each its own read transaction, so that the next call sees what another process committed.
 * They throw as SQLite does; `reader.ts` turns that into "unavailable".
 */
import type Database from 'better-sqlite3';
import type { AppPassword } from '../../auth/app-password.ts';
import type { ListedPassword, PassdbEntry } from '../../auth/passdb.ts';
import { APP_PASSWORD_SCOPES, MAX_APP_PASSWORDS } from '../../core/app-password-words.ts';
import { domainOf } from '../../core/address.ts';
import { NO_FIELDS } from '../../core/fields.ts';
import type { Account, Alias, Domain, Receive } from '../../directory/source.ts';
import { QuotaTexts } from './quota-texts.ts';

interface DomainRow {
  readonly name: string;
  readonly stands_for: string | null;
  readonly catch_all: string;
}

interface AccountRow {
  readonly id: number;
  readonly address: string;
  readonly can_login: number;
  readonly can_send: number;
  readonly receive: Receive;
  readonly host: string | null;
  readonly home: string;
  readonly quota_rules: string;
  readonly domain_rules: string;
  readonly total_rules: string;
}

interface LoginRow {
  readonly id: number;
  readonly address: string;
  readonly password: string | null;
  readonly can_login: number;
  readonly host: string | null;
  readonly allow_nets: string;
  /** Of the account itself, and of its domain. */
  readonly account_requires: number;
  readonly domain_requires: number;
}

interface AppPasswordRow {
  readonly id: number;
  readonly label: string;
  readonly key: Buffer;
  readonly digest: Buffer;
  readonly scopes: string;
  readonly allow_nets: string;
  readonly expires_at: number | null;
}

interface TargetRow {
  readonly send_as: number;
  readonly target: string;
}

const SELECT_ACCOUNT = `SELECT account.id, account.address, account.can_login, account.can_send, account.receive, account.host,
  account.home, account.quota_rules, domain.quota_rules AS domain_rules, domain.total_quota_rules AS total_rules
  FROM account JOIN domain ON domain.name = account.domain`;

/** Splits a list column (`allow_nets`). */
export function splitList(text: string): string[] {
  return text === '' ? [] : text.split(' ');
}

/** Reads the scopes of an app password; a word nobody knows opens nothing. */
export function readScopes(text: string): AppPassword['scopes'] {
  const words = splitList(text);
  return APP_PASSWORD_SCOPES.filter((scope) => words.includes(scope));
}

export class DirectoryQueries {
  readonly #source: string;
  readonly #domain: Database.Statement<[string], DomainRow>;
  readonly #anyDomain: Database.Statement<[]>;
  readonly #account: Database.Statement<[string], AccountRow>;
  readonly #accountsAfter: Database.Statement<[string, number], AccountRow>;
  readonly #alias: Database.Statement<[string], TargetRow>;
  readonly #senders: Database.Statement<[string, string], { address: string }>;
  readonly #login: Database.Statement<[string], LoginRow>;
  readonly #accountsOf: Database.Statement<[string, number, number], AccountRow>;
  readonly #passwordsAfter: Database.Statement<[string, number], { address: string; password: string | null }>;
  readonly #appPasswords: Database.Statement<[number], AppPasswordRow>;
  readonly #domainRequires: Database.Statement<[string], number>;
  readonly #quotaTexts = new QuotaTexts();

  constructor(database: Database.Database, source: string) {
    this.#source = source;
    this.#domain = database.prepare('SELECT name, stands_for, catch_all FROM domain WHERE name = ?');
    this.#anyDomain = database.prepare('SELECT 1 FROM domain LIMIT 1');
    this.#account = database.prepare(`${SELECT_ACCOUNT} WHERE account.address = ?`);
    this.#accountsAfter = database.prepare(
      `${SELECT_ACCOUNT} WHERE account.address > ? ORDER BY account.address LIMIT ?`,
    );
    // By number, since the index of domains is in that order.
    this.#accountsOf = database.prepare(
      `${SELECT_ACCOUNT} WHERE account.domain = ? AND account.id > ? ORDER BY account.id LIMIT ?`,
    );
    this.#passwordsAfter = database.prepare(
      'SELECT address, password FROM account WHERE address > ? ORDER BY address LIMIT ?',
    );
    this.#alias = database.prepare(
      `SELECT alias.send_as, alias_target.target FROM alias
       JOIN alias_target ON alias_target.alias = alias.address
       WHERE alias.address = ? ORDER BY alias_target.position`,
    );
    this.#senders = database.prepare(
      `SELECT DISTINCT account.address FROM sender_right
       JOIN account ON account.id = sender_right.account_id
       WHERE sender_right.sender IN (?, ?) ORDER BY account.address`,
    );
    this.#login = database.prepare(
      `SELECT account.id, account.address, account.password, account.can_login, account.host, account.allow_nets,
         account.app_passwords_required AS account_requires, domain.app_passwords_required AS domain_requires
       FROM login_name JOIN account ON account.id = login_name.account_id JOIN domain ON domain.name = account.domain
       WHERE login_name.name = ?`,
    );
    this.#appPasswords = database.prepare(
      `SELECT id, label, key, digest, scopes, allow_nets, expires_at FROM app_password
       WHERE account_id = ? LIMIT ${MAX_APP_PASSWORDS}`,
    );
    this.#domainRequires = database
      .prepare<[string], number>(
        `SELECT max(named.app_passwords_required, coalesce(meant.app_passwords_required, 0)) FROM domain AS named
         LEFT JOIN domain AS meant ON meant.name = named.stands_for WHERE named.name = ?`,
      )
      .pluck();
  }

  /** Whether there is any domain: an empty directory is an outage (RULES 7). */
  hasDomain(): boolean {
    return this.#anyDomain.get() !== undefined;
  }

  findDomain(name: string): Domain | undefined {
    const row = this.#domain.get(name);
    if (row === undefined) return undefined;
    const catchAll = parseAddresses(row.catch_all);
    return { name: row.name, catchAll, ...(row.stands_for === null ? {} : { standsFor: row.stands_for }) };
  }

  findAccount(address: string): Account | undefined {
    const row = this.#account.get(address);
    return row === undefined ? undefined : this.#toAccount(row);
  }

  /** At most `limit` accounts in the order of their addresses, beginning behind `after`. */
  listAccounts(after: string, limit: number): Account[] {
    return this.#accountsAfter.all(after, limit).map((row) => this.#toAccount(row));
  }

  /** At most `limit` accounts of a domain in the order of their numbers, beginning behind `after`. */
  listAccountsOf(domain: string, after: number, limit: number): { id: number; account: Account }[] {
    const rows = this.#accountsOf.all(domain, after, limit);
    return rows.map((row) => ({ id: row.id, account: this.#toAccount(row) }));
  }

  /** At most `limit` stored passwords in the order of addresses, beginning behind `after`. */
  listPasswords(after: string, limit: number): ListedPassword[] {
    const rows = this.#passwordsAfter.all(after, limit);
    return rows.map(({ address, password }) => ({ user: address, password: password ?? undefined }));
  }

  findAlias(address: string): Alias | undefined {
    const rows = this.#alias.all(address);
    const [first] = rows;
    if (first === undefined) return undefined;
    return { address, targets: rows.map((row) => row.target), sendAs: first.send_as === 1 };
  }

  findSenders(address: string): string[] | undefined {
    const rows = this.#senders.all(address, `@${domainOf(address)}`);
    return rows.length === 0 ? undefined : rows.map((row) => row.address);
  }

  /** Finds a login name, also under the domain its own domain stands for (RULES 43). */
  findLogin(name: string): PassdbEntry | undefined {
    const row = this.#login.get(name) ?? this.#findStandIn(name);
    if (row === undefined) return undefined;
    return {
      user: row.address,
      password: row.password ?? undefined,
      canLogin: row.can_login === 1 && row.host === null,
      allowNets: splitList(row.allow_nets),
      appPasswords: this.#appPasswords.all(row.id).map(toAppPassword),
      appPasswordsRequired: this.#judgeRequirement(name, row),
      isUpgradable: true,
      isPasswordless: false,
      hasNoDelay: false,
      isFieldsOnly: false,
      fields: NO_FIELDS,
    };
  }

  /** Whether everybody who logs in with a name in this domain has to use an app password. */
  requiresAppPassword(domain: string): boolean {
    return this.#domainRequires.get(domain) === 1;
  }

  /**
   * `domain` only where the domain of the typed name says so to strangers as well: a login name without a domain, or in
   * another one, must not tell whose it is (RULES 41).
   */
  #judgeRequirement(name: string, row: LoginRow): PassdbEntry['appPasswordsRequired'] {
    if (name.includes('@') && this.requiresAppPassword(domainOf(name))) return 'domain';
    return row.account_requires === 1 || row.domain_requires === 1 ? 'account' : 'no';
  }

  #findStandIn(name: string): LoginRow | undefined {
    const at = name.lastIndexOf('@');
    const standsFor = at === -1 ? undefined : this.findDomain(name.slice(at + 1))?.standsFor;
    return standsFor === undefined ? undefined : this.#login.get(`${name.slice(0, at)}@${standsFor}`);
  }

  #toAccount(row: AccountRow): Account {
    return {
      address: row.address,
      source: this.#source,
      canLogin: row.can_login === 1 && row.host === null,
      canSend: row.can_send === 1,
      receive: row.receive,
      host: row.host ?? undefined,
      home: row.home,
      quota: this.#quotaTexts.read(row),
    };
  }
}

function toAppPassword(row: AppPasswordRow): AppPassword {
  return {
    id: row.id,
    label: row.label,
    key: row.key,
    digest: row.digest,
    scopes: readScopes(row.scopes),
    allowNets: splitList(row.allow_nets),
    expiresAt: row.expires_at ?? undefined,
  };
}

/** Reads a JSON list of addresses; throws when the column was damaged. */
function parseAddresses(json: string): string[] {
  const value: unknown = json === '[]' ? [] : JSON.parse(json);
  if (!Array.isArray(value)) throw new SyntaxError('Cannot read catch-all: not a list');
  return value.map(String);
}
