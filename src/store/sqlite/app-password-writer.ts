/**
 * Changes to app passwords. The token itself never comes here: what arrives is sealed already, and nothing that it could
 * be checked with is read back.
 */
import { normalizeLogin } from '../../core/address.ts';
import { MAX_APP_PASSWORDS } from '../../core/app-password-words.ts';
import type { AdminOutcome, AppPasswordAdmin, AppPasswordRecord, NewAppPassword } from '../../directory/admin.ts';
import { readScopes, splitList } from './queries.ts';
import { Refused, requireAddress, transact, type WriterContext } from './transaction.ts';

/** Enough for "Thunderbird on the laptop in the kitchen"; it is shown in logs and lists. */
const MAX_LABEL_CHARACTERS = 64;
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const NOT_IN_LABEL = /[\u0000-\u001F\u007F-\u009F\u2028\u2029\u202A-\u202E\u2066-\u2069\uFFFD]/;
/** What the id of an app password looks like; nothing longer is a number SQLite knows. */
const ID = /^\d{1,15}$/;

interface RecordRow {
  readonly id: number;
  readonly account: string;
  readonly label: string;
  readonly scopes: string;
  readonly allow_nets: string;
  readonly expires_at: number | null;
  readonly created_at: number;
  readonly last_used_at: number | null;
  readonly last_used_address: string | null;
  readonly last_used_service: string | null;
}

/** Rows read at once: no read transaction holds up the checkpoint of the log while somebody pages through a list. */
const CHUNK = 500;

const SELECT = `SELECT app_password.id, account.address AS account, label, scopes, app_password.allow_nets, expires_at,
  app_password.created_at, last_used_at, last_used_address, last_used_service
  FROM account JOIN app_password ON app_password.account_id = account.id`;

export class AppPasswordWriter implements AppPasswordAdmin {
  readonly #context: WriterContext;

  constructor(context: WriterContext) {
    this.#context = context;
  }

  add(account: string, password: NewAppPassword): Promise<AdminOutcome> {
    return transact(this.#context, async () => {
      const { database, clock } = this.#context;
      const { id, address } = this.#requireAccount(account);
      const label = requireLabel(password.label);
      const held = this.#count('SELECT count(*) FROM app_password WHERE account_id = ?', id);
      if (held >= MAX_APP_PASSWORDS) {
        throw new Refused('in-use', `${address} has ${held} app passwords, and no account gets more: revoke one`);
      }
      if (this.#count('SELECT count(*) FROM app_password WHERE account_id = ? AND label = ?', id, label) > 0) {
        throw new Refused('exists', `${address} has an app password ${JSON.stringify(label)}`);
      }
      if (password.expiresAt !== undefined && password.expiresAt <= clock.now()) {
        throw new Refused('bad-value', `It would have expired at ${new Date(password.expiresAt).toISOString()}`);
      }
      if (password.scopes.length === 0) throw new Refused('bad-value', 'It would open nothing: name a scope');
      database
        .prepare(
          `INSERT INTO app_password (account_id, label, key, digest, scopes, allow_nets, expires_at, created_at)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
        )
        .run(
          id,
          label,
          password.key,
          password.digest,
          password.scopes.join(' '),
          password.allowNets.join(' '),
          password.expiresAt ?? null,
          clock.now(),
        );
      return [];
    });
  }

  revoke(account: string, labelOrId: string): Promise<AdminOutcome> {
    return transact(this.#context, async () => {
      const { id, address } = this.#requireAccount(account);
      const label = labelOrId.normalize('NFC').trim();
      const hasLabel =
        this.#count('SELECT count(*) FROM app_password WHERE account_id = ? AND label = ?', id, label) > 0;
      // Somebody may have called one "7": the label is what was written, the id what happens to look the same.
      const isGone = hasLabel
        ? this.#delete('account_id = ? AND label = ?', id, label)
        : ID.test(label) && this.#delete('account_id = ? AND id = ?', id, Number(label));
      if (!isGone) throw new Refused('missing', `${address} has no app password ${JSON.stringify(labelOrId)}`);
      return [];
    });
  }

  revokeAll(account: string): Promise<AdminOutcome> {
    return transact(this.#context, async () => {
      const { id, address } = this.#requireAccount(account);
      const count = this.#count('SELECT count(*) FROM app_password WHERE account_id = ?', id);
      this.#delete('account_id = ?', id);
      return [`${count} app passwords of ${address} are gone`];
    });
  }

  *list(account?: string): Iterable<AppPasswordRecord> {
    const filter = account === undefined ? '' : 'AND account.address = ?';
    const names = account === undefined ? [] : [normalizeLogin(account)];
    const statement = this.#context.database.prepare<(string | number)[], RecordRow>(
      `${SELECT} WHERE (account.address, app_password.id) > (?, ?) ${filter}
       ORDER BY account.address, app_password.id LIMIT ${CHUNK}`,
    );
    let [address, id] = ['', 0];
    for (;;) {
      const rows = statement.all(address, id, ...names);
      for (const row of rows) {
        yield toRecord(row);
        [address, id] = [row.account, row.id];
      }
      if (rows.length < CHUNK) return;
    }
  }

  #requireAccount(text: string): { id: number; address: string } {
    const address = requireAddress(text);
    const id = this.#context.database
      .prepare<[string], number>('SELECT id FROM account WHERE address = ?')
      .pluck()
      .get(address);
    if (id === undefined) throw new Refused('missing', `There is no account ${address}`);
    return { id, address };
  }

  #count(sql: string, ...values: readonly (string | number)[]): number {
    return (
      this.#context.database
        .prepare<(string | number)[], number>(sql)
        .pluck()
        .get(...values) ?? 0
    );
  }

  /** `where` is ours; values are bound. */
  #delete(where: string, ...values: readonly (string | number)[]): boolean {
    return this.#context.database.prepare(`DELETE FROM app_password WHERE ${where}`).run(...values).changes > 0;
  }
}

function requireLabel(text: string): string {
  const label = text.normalize('NFC').trim();
  if (label === '' || NOT_IN_LABEL.test(label) || Array.from(label).length > MAX_LABEL_CHARACTERS) {
    throw new Refused('bad-value', `A label has 1 to ${MAX_LABEL_CHARACTERS} characters, none of them invisible`);
  }
  return label;
}

function toRecord(row: RecordRow): AppPasswordRecord {
  return {
    id: row.id,
    account: row.account,
    label: row.label,
    scopes: readScopes(row.scopes),
    allowNets: splitList(row.allow_nets),
    expiresAt: row.expires_at ?? undefined,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at ?? undefined,
    lastUsedAddress: row.last_used_address ?? undefined,
    lastUsedService: row.last_used_service ?? undefined,
  };
}
