/**
 * Accounts as the administrator reads them: everything but the password. Lists are read in chunks, so that a million
 * accounts need neither memory nor a read transaction that holds up the checkpoint of the log.
 */
import { parseDomain } from '../../core/address.ts';
import type { AccountRecord } from '../../directory/admin.ts';
import { splitList } from './queries.ts';
import type { WriterContext } from './transaction.ts';

const CHUNK = 500;

interface RecordRow {
  readonly id: number;
  readonly address: string;
  readonly home: string;
  readonly has_password: number;
  readonly display_name: string | null;
  readonly allow_nets: string;
  readonly app_passwords_required: number;
  readonly app_passwords: number;
  readonly note: string | null;
  readonly created_at: number;
  readonly changed_at: number;
}

const SELECT = `SELECT id, address, home, password IS NOT NULL AS has_password, display_name, allow_nets, note,
  created_at, changed_at, app_passwords_required,
  (SELECT count(*) FROM app_password WHERE account_id = account.id) AS app_passwords FROM account`;

/** The account with exactly this normalised address. */
export function findRecord(context: WriterContext, address: string): AccountRecord | undefined {
  const row = context.database.prepare<[string], RecordRow>(`${SELECT} WHERE address = ?`).get(address);
  return row === undefined ? undefined : toRecord(context, row);
}

/** Accounts in the order of addresses, of one domain or all. */
export function* listRecords(context: WriterContext, domain?: string): Iterable<AccountRecord> {
  const filter = domain === undefined ? '' : 'AND domain = ?';
  const names = domain === undefined ? [] : [parseDomain(domain) ?? ''];
  const statement = context.database.prepare<string[], RecordRow>(
    `${SELECT} WHERE address > ? ${filter} ORDER BY address LIMIT ${CHUNK}`,
  );
  let after = '';
  for (;;) {
    const rows = statement.all(after, ...names);
    for (const row of rows) {
      const record = toRecord(context, row);
      if (record !== undefined) yield record;
      after = row.address;
    }
    if (rows.length < CHUNK) return;
  }
}

function toRecord({ database, queries }: WriterContext, row: RecordRow): AccountRecord | undefined {
  const account = queries.findAccount(row.address);
  if (account === undefined) return undefined;
  const column = (sql: string): string[] => database.prepare<[number], string>(sql).pluck().all(row.id);
  return {
    ...account,
    home: row.home,
    hasPassword: row.has_password === 1,
    displayName: row.display_name ?? undefined,
    loginNames: column('SELECT name FROM login_name WHERE account_id = ? ORDER BY name'),
    allowNets: splitList(row.allow_nets),
    senders: column('SELECT sender FROM sender_right WHERE account_id = ? ORDER BY sender'),
    appPasswordsRequired: row.app_passwords_required === 1,
    appPasswords: row.app_passwords,
    note: row.note ?? undefined,
    createdAt: row.created_at,
    changedAt: row.changed_at,
  };
}
