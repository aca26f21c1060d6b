/**
 * A foreign SQLite file as its thread has it: opened read-only, opened anew when another file is at the path, never
 * changed. It belongs to somebody else, so that nothing in it is trusted to be of a kind or a size. It blocks, and waits
 * for locks; `sqlite-worker.ts` is where it runs.
 */
import Database from 'better-sqlite3';
import { statSync } from 'node:fs';
import { describeError, errorCode } from '../../core/errors.ts';
import type { SqlAnswer, SqlQuestion, SqlRows } from './engine.ts';

export interface SqlTask extends SqlQuestion {
  readonly want: 'rows' | 'domains' | 'names' | 'columns';
  /** Time of whoever asks: intervals are measured by it. */
  readonly now: number;
}

export type SqlValue = SqlRows | readonly string[];

/** A replaced file is noticed this soon: well within the second in which a change must bite. */
const CHECK_INTERVAL_MS = 250;
/** A writer without WAL locks the file for the length of a commit. */
const LOCK_WAIT_MS = 500;
/** After a lock that did not pass, nobody waits for this long: those who stand in line would wait one after another. */
const LOCK_PAUSE_MS = 250;
const MAX_FOUND_ROWS = 2;
/** Ten times the users this is made for; a join gone wrong must not fill the memory. */
const MAX_LISTED_ROWS = 1_000_000;
/** Longer than any field that means something. */
const MAX_VALUE_LENGTH = 65_536;
/** The sections of a configuration have four queries each at most. */
const MAX_STATEMENTS = 100;

interface OpenFile {
  readonly database: Database.Database;
  /** Device and inode. */
  readonly identity: string;
  readonly statements: Map<string, Database.Statement>;
  /** Domains by query, of one version of the data. */
  domains: { readonly version: unknown; readonly byQuery: Map<string, readonly string[]> };
}

/** A fault of the file, not of a query. */
class FileFault extends Error {
  override readonly name = 'FileFault';
}

export class SqliteFile {
  readonly #path: string;
  #file: OpenFile | undefined;
  #checkedAt = Number.NEGATIVE_INFINITY;
  #lockedUntil = Number.NEGATIVE_INFINITY;
  /** Why it is not open. */
  #fault = 'not opened yet';

  constructor(path: string) {
    this.#path = path;
  }

  /** Answers one task; never throws. */
  answer(task: SqlTask): SqlAnswer<SqlValue> {
    const { now } = task;
    if (now < this.#lockedUntil && now > this.#lockedUntil - LOCK_PAUSE_MS * 2) {
      return { kind: 'failed', reason: 'database is locked', scope: 'database' };
    }
    try {
      return { kind: 'answered', value: this.#run(this.#current(now), task) };
    } catch (error) {
      const reason = describeError(error);
      if (isLock(error)) {
        // The task may have waited itself.
        this.#lockedUntil = now + LOCK_WAIT_MS + LOCK_PAUSE_MS;
        return { kind: 'failed', reason: 'database is locked', scope: 'database' };
      }
      if (isQueryFault(error)) return { kind: 'failed', reason, scope: 'query' };
      this.close();
      this.#fault = reason;
      return { kind: 'failed', reason, scope: 'database' };
    }
  }

  close(): void {
    this.#file?.database.close();
    this.#file = undefined;
  }

  #run(file: OpenFile, task: SqlTask): SqlValue {
    const statement = prepare(file, task.sql);
    switch (task.want) {
      case 'rows':
        return readRows(statement, task.parameters);
      case 'columns':
        return statement.columns().map(({ name }) => name);
      case 'names':
        return [...readNames(statement, task.parameters)];
      case 'domains':
        return this.#readDomains(file, { task, statement });
    }
  }

  /** Read again when anybody changed anything. */
  #readDomains(file: OpenFile, { task, statement }: { task: SqlTask; statement: Database.Statement }) {
    const version: unknown = file.database.pragma('data_version', { simple: true });
    if (file.domains.version !== version) file.domains = { version, byQuery: new Map() };
    const kept = file.domains.byQuery.get(task.sql);
    if (kept !== undefined) return kept;
    const domains = new Set<string>();
    for (const name of readNames(statement, task.parameters)) {
      const at = name.lastIndexOf('@');
      if (at !== -1) domains.add(name.slice(at + 1));
    }
    const list = [...domains];
    file.domains.byQuery.set(task.sql, list);
    return list;
  }

  #current(now: number): OpenFile {
    const isFresh = Math.abs(now - this.#checkedAt) < CHECK_INTERVAL_MS;
    if (isFresh && this.#file !== undefined) return this.#file;
    if (isFresh) throw new FileFault(this.#fault);
    this.#checkedAt = now;
    const identity = identify(this.#path);
    if (this.#file !== undefined && this.#file.identity !== identity) this.close();
    // A statement knows the columns that `*` stood for when it was made.
    this.#file?.statements.clear();
    this.#file ??= open(this.#path, identity);
    return this.#file;
  }
}

function identify(path: string): string {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch (error) {
    throw new FileFault(describeError(error), { cause: error });
  }
}

function open(path: string, identity: string): OpenFile {
  let database: Database.Database | undefined;
  try {
    database = new Database(path, { readonly: true, fileMustExist: true, timeout: LOCK_WAIT_MS });
    database.pragma('trusted_schema = OFF');
    // Reads the file for the first time: a damaged one is told from a bad query here.
    database.pragma('schema_version');
    return { database, identity, statements: new Map(), domains: { version: undefined, byQuery: new Map() } };
  } catch (error) {
    database?.close();
    if (isLock(error)) throw error;
    throw new FileFault(describeError(error), { cause: error });
  }
}

function prepare({ database, statements }: OpenFile, sql: string): Database.Statement {
  const kept = statements.get(sql);
  if (kept !== undefined) return kept;
  const statement = database.prepare(sql);
  if (!statement.reader || !statement.readonly) throw new SyntaxError('Cannot use a query that is no SELECT');
  statement.raw(true).safeIntegers(true);
  if (statements.size >= MAX_STATEMENTS) statements.clear();
  statements.set(sql, statement);
  return statement;
}

function readRows(statement: Database.Statement, parameters: readonly string[]): SqlRows {
  const columns = statement.columns().map(({ name }) => name);
  const rows: (string | null)[][] = [];
  for (const row of iterate(statement, parameters)) {
    rows.push(row.map((value, i) => toText(value, columns[i])));
    if (rows.length >= MAX_FOUND_ROWS) break;
  }
  return { columns, rows };
}

/** Users by their whole names. */
function* readNames(statement: Database.Statement, parameters: readonly string[]): Iterable<string> {
  const columns = statement.columns().map(({ name }) => name);
  const user = columns.indexOf('user');
  const local = columns.indexOf('username');
  const domain = columns.indexOf('domain');
  if (user === -1 && local === -1) throw new SyntaxError('Cannot list users: no column user or username');
  let count = 0;
  for (const row of iterate(statement, parameters)) {
    count += 1;
    if (count > MAX_LISTED_ROWS) throw new RangeError(`Cannot list users: more than ${MAX_LISTED_ROWS} rows`);
    const name = toText(row[user === -1 ? local : user], 'user');
    const host = user === -1 && domain !== -1 ? toText(row[domain], 'domain') : null;
    if (name !== null) yield host === null ? name : `${name}@${host}`;
  }
}

function iterate(statement: Database.Statement, parameters: readonly string[]): Iterable<unknown[]> {
  // `raw` makes rows arrays; the types do not follow it.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return statement.iterate(...parameters) as IterableIterator<unknown[]>;
}

function toText(value: unknown, column = ''): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'bigint' || typeof value === 'number') return String(value);
  if (typeof value !== 'string') throw new TypeError(`Cannot use column ${JSON.stringify(column)}: it holds a blob`);
  if (value.length > MAX_VALUE_LENGTH || value.includes('\0')) {
    throw new RangeError(`Cannot use column ${JSON.stringify(column)}: it holds what is no text, or too much of it`);
  }
  return value;
}

function isLock(error: unknown): boolean {
  const code = errorCode(error) ?? '';
  return code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED');
}

/** A missing table or a blob: the file is sound, and others may do well with it. */
function isQueryFault(error: unknown): boolean {
  if (error instanceof FileFault) return false;
  const code = errorCode(error);
  return code === undefined || code === 'SQLITE_ERROR' || code === 'SQLITE_MISMATCH' || code === 'SQLITE_TOOBIG';
}
