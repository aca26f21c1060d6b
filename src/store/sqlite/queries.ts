/**
 * The reads of the embedded database as prepared statements: rows in, values of the ports out. Synchronous, indexed,
 * one statement each, and each its own read transaction, so that the next call sees what another process committed.
 * They throw as SQLite does; `reader.ts` turns that into "unavailable".
 */
import type Database from 'better-sqlite3';
import { PLAIN_ENTRY, type PassdbEntry } from '../../auth/passdb.ts';
import { domainOf } from '../../core/address.ts';
import type { Account, Alias, Domain, Receive } from '../../directory/source.ts';

interface DomainRow {
  readonly name: string;
  readonly stands_for: string | null;
  readonly catch_all: string;
}

interface AccountRow {
  readonly address: string;
  readonly can_login: number;
  readonly can_send: number;
  readonly receive: Receive;
  readonly host: string | null;
  readonly home: string;
  readonly storage_bytes: number | null;
  readonly messages: number | null;
}

interface LoginRow {
  readonly address: string;
  readonly password: string | null;
  readonly can_login: number;
  readonly host: string | null;
  readonly allow_nets: string;
}

interface TargetRow {
  readonly send_as: number;
  readonly target: string;
}

const ACCOUNT_COLUMNS = 'address, can_login, can_send, receive, host, home, storage_bytes, messages';

/** Splits a list column (`allow_nets`). */
export function splitList(text: string): string[] {
  return text === '' ? [] : text.split(' ');
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

  constructor(database: Database.Database, source: string) {
    this.#source = source;
    this.#domain = database.prepare('SELECT name, stands_for, catch_all FROM domain WHERE name = ?');
    this.#anyDomain = database.prepare('SELECT 1 FROM domain LIMIT 1');
    this.#account = database.prepare(`SELECT ${ACCOUNT_COLUMNS} FROM account WHERE address = ?`);
    this.#accountsAfter = database.prepare(
      `SELECT ${ACCOUNT_COLUMNS} FROM account WHERE address > ? ORDER BY address LIMIT ?`,
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
      `SELECT account.address, account.password, account.can_login, account.host, account.allow_nets FROM login_name
       JOIN account ON account.id = login_name.account_id WHERE login_name.name = ?`,
    );
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
      ...PLAIN_ENTRY,
      user: row.address,
      password: row.password ?? undefined,
      canLogin: row.can_login === 1 && row.host === null,
      allowNets: splitList(row.allow_nets),
    };
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
      quota: { storageBytes: row.storage_bytes ?? undefined, messages: row.messages ?? undefined },
    };
  }
}

/** Reads a JSON list of addresses; throws when the column was damaged. */
function parseAddresses(json: string): string[] {
  const value: unknown = json === '[]' ? [] : JSON.parse(json);
  if (!Array.isArray(value)) throw new SyntaxError('Cannot read catch-all: not a list');
  return value.map(String);
}
