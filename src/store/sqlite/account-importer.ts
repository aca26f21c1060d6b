/**
 * Takes accounts of other programs over, by the thousand: the rules of `account add` with statements that are prepared
 * once. Judging reads only and remembers what it let pass, so that a dry run needs no lock; writing has a savepoint for
 * each account, so that one that is refused leaves nothing behind.
 */
import type Database from 'better-sqlite3';
import { existsSync } from 'node:fs';
import { domainOf } from '../../core/address.ts';
import type { AccountImport, ImportedAccount, ImportOptions, ImportVerdict } from '../../directory/import.ts';
import { formatRules } from './quota-texts.ts';
import { Refused, requireAddress, requireHoldingDomain, type WriterContext } from './transaction.ts';

/** What is to be done for an account that was found good. */
type Plan =
  | { readonly kind: 'add'; readonly address: string; readonly home: string; readonly addsDomain: boolean }
  | { readonly kind: 'update'; readonly id: number; readonly password: string }
  | { readonly kind: 'exists'; readonly hasOtherPassword: boolean };

interface KnownAccount {
  readonly id: number;
  readonly password: string | null;
}

export class AccountImporter implements AccountImport {
  readonly newDomains = new Set<string>();
  readonly #context: WriterContext;
  readonly #options: ImportOptions;
  readonly #statements: Statements;
  /** Homes of accounts that were judged good and are not in the database, with their addresses. */
  readonly #plannedHomes = new Map<string, string>();

  constructor(context: WriterContext, options: ImportOptions) {
    this.#context = context;
    this.#options = options;
    this.#statements = prepareStatements(context.database);
  }

  judge(account: ImportedAccount): ImportVerdict {
    try {
      const plan = this.#plan(account);
      if (plan.kind !== 'add') return toVerdict(plan);
      const owner = this.#plannedHomes.get(plan.home);
      if (owner !== undefined) throw new Refused('in-use', `${plan.home} is the home of ${owner} already`);
      this.#plannedHomes.set(plan.home, plan.address);
      if (plan.addsDomain) this.newDomains.add(domainOf(plan.address));
      return toVerdict(plan);
    } catch (error) {
      return toRefusal(error);
    }
  }

  write(accounts: readonly ImportedAccount[]): ImportVerdict[] {
    const { database } = this.#context;
    // Within the transaction it is a savepoint, undone by what is thrown.
    const writeOne = database.transaction((account: ImportedAccount) => this.#carryOut(account));
    const writeAll = database.transaction(() =>
      accounts.map((account) => {
        try {
          return writeOne(account);
        } catch (error) {
          return toRefusal(error);
        }
      }),
    );
    return writeAll.immediate();
  }

  #carryOut(account: ImportedAccount): ImportVerdict {
    const plan = this.#plan(account);
    if (plan.kind === 'add') this.#add(account, plan);
    if (plan.kind === 'update') this.#statements.setPassword.run(plan.password, this.#context.clock.now(), plan.id);
    return toVerdict(plan);
  }

  #plan(account: ImportedAccount): Plan {
    const address = requireAddress(account.address);
    const known = this.#statements.findAccount.get(address);
    if (known !== undefined) return this.#planKnown(known, account.password);
    const addsDomain = this.#checkDomain(domainOf(address));
    if (this.#statements.hasAlias.get(address) !== undefined) throw new Refused('exists', `${address} is an alias`);
    const owner = this.#statements.findLogin.get(address);
    if (owner !== undefined) throw new Refused('exists', `${address} is a login name of ${owner}`);
    return { kind: 'add', address, home: this.#chooseHome(address, account.home), addsDomain };
  }

  #planKnown({ id, password: stored }: KnownAccount, password: string | undefined): Plan {
    // A file without a password takes none away.
    const isOther = password !== undefined && password !== stored;
    if (isOther && this.#options.replacesPasswords) return { kind: 'update', id, password };
    return { kind: 'exists', hasOtherPassword: isOther };
  }

  /** Whether the domain is to be added; refuses one that cannot hold the account. */
  #checkDomain(name: string): boolean {
    const isUnknown = this.#context.queries.findDomain(name) === undefined;
    if (isUnknown && this.#options.addsDomains) return true;
    requireHoldingDomain(this.#context, name);
    return false;
  }

  #chooseHome(address: string, stated: string | undefined): string {
    const { homes } = this.#context;
    const expanded = refuseUnsafe(() => homes.expand(address));
    const former = this.#statements.findFormer.get(address);
    const home = stated ?? former ?? expanded;
    refuseUnsafe(() => homes.check(home));
    const owner = this.#statements.findHome.get(home);
    if (owner !== undefined) throw new Refused('in-use', `${home} is the home of ${owner}`);
    // A home in the file is where that user's mail lies; one of our own making may hold anybody's.
    if (stated === undefined && !this.#options.adopts && (former !== undefined || existsSync(home)))
      throw new Refused('has-mail', `${home} exists already: adopt the mail in it`);
    return home;
  }

  #add(account: ImportedAccount, { address, home, addsDomain }: Extract<Plan, { kind: 'add' }>): void {
    const now = this.#context.clock.now();
    const domain = domainOf(address);
    if (addsDomain) {
      this.#statements.addDomain.run(domain, now);
      this.newDomains.add(domain);
    }
    const { lastInsertRowid } = this.#statements.addAccount.run({
      address,
      domain,
      home,
      password: account.password ?? null,
      canLogin: account.canLogin ? 1 : 0,
      receive: account.receive,
      host: account.host ?? null,
      quotaRules: formatRules(account.quotaRules),
      allowNets: account.allowNets.join(' '),
      now,
    });
    this.#statements.addLogin.run(address, lastInsertRowid);
    this.#statements.clearFormer.run(address, home);
  }
}

type Statements = ReturnType<typeof prepareStatements>;

function prepareStatements(database: Database.Database) {
  return {
    findAccount: database.prepare<[string], KnownAccount>('SELECT id, password FROM account WHERE address = ?'),
    hasAlias: database.prepare<[string]>('SELECT 1 FROM alias WHERE address = ?'),
    findLogin: database
      .prepare<[string], string>(
        `SELECT account.address FROM login_name JOIN account ON account.id = login_name.account_id
         WHERE login_name.name = ?`,
      )
      .pluck(),
    findHome: database.prepare<[string], string>('SELECT address FROM account WHERE home = ?').pluck(),
    findFormer: database.prepare<[string], string>('SELECT home FROM former_account WHERE address = ?').pluck(),
    clearFormer: database.prepare<[string, string]>('DELETE FROM former_account WHERE address = ? AND home = ?'),
    addDomain: database.prepare<[string, number]>('INSERT INTO domain (name, created_at) VALUES (?, ?)'),
    addLogin: database.prepare<[string, number | bigint]>('INSERT INTO login_name (name, account_id) VALUES (?, ?)'),
    addAccount: database.prepare<Record<string, string | number | null>>(
      `INSERT INTO account (address, domain, home, password, can_login, receive, host, quota_rules, allow_nets,
         created_at, changed_at)
       VALUES ($address, $domain, $home, $password, $canLogin, $receive, $host, $quotaRules, $allowNets, $now, $now)`,
    ),
    setPassword: database.prepare<[string, number, number]>(
      'UPDATE account SET password = ?, changed_at = ? WHERE id = ?',
    ),
  };
}

function refuseUnsafe<T>(use: () => T): T {
  try {
    return use();
  } catch (error) {
    if (error instanceof RangeError) throw new Refused('bad-value', error.message);
    throw error;
  }
}

function toVerdict(plan: Plan): ImportVerdict {
  switch (plan.kind) {
    case 'add':
      return { kind: 'new' };
    case 'update':
      return { kind: 'updated' };
    case 'exists':
      return { kind: 'exists', hasOtherPassword: plan.hasOtherPassword };
  }
}

function toRefusal(error: unknown): ImportVerdict {
  if (error instanceof Refused) return { kind: 'refused', reason: error.message };
  throw error;
}
