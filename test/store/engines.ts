/** The engines of the store suite: each makes itself from the same plain content, and can be changed and broken. */
import Database from 'better-sqlite3';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Passdb } from '../../src/auth/passdb.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { DirectoryAdmin } from '../../src/directory/admin.ts';
import { checkHome, expandHome } from '../../src/directory/home.ts';
import { Resolver } from '../../src/directory/resolver.ts';
import type { DirectorySource } from '../../src/directory/source.ts';
import { SqliteReader } from '../../src/store/sqlite/reader.ts';
import { openSqliteAdmin } from '../../src/store/sqlite/writer.ts';
import { CollectingLogger } from '../support/collecting-logger.ts';
import { openPasswdStore, openSqlStore } from '../support/combined-store.ts';

/** A clock that tests move on. */
export class TestClock implements Clock {
  offsetMs = 0;
  now(): number {
    return Date.now() + this.offsetMs;
  }
  /** Past every interval at which a store looks at its file. */
  skip(): void {
    this.offsetMs += 2000;
  }
}

export interface EngineUser {
  readonly address: string;
  readonly password?: string;
}

export interface Engine {
  readonly store: DirectorySource & Passdb;
  readonly path: string;
  readonly clock: TestClock;
  readonly logger: CollectingLogger;
  /** Puts the users into the store, in place of those it had. */
  write(users: readonly EngineUser[]): Promise<void>;
  /** Its passdb can tell an empty database from one that lacks a name; a single query cannot. */
  readonly passdbKnowsEmpty: boolean;
  /** Waits, or has the clock go on, past every interval at which the store looks at its file. */
  settle(): Promise<void>;
  /** Makes the store, with nothing in it. */
  empty(): void;
  dispose(): void;
}

/** Opens the embedded database at `path` for changes, with homes under `/srv/vmail`. */
export function openAdmin(path: string, logger = new CollectingLogger(), clock?: Clock): DirectoryAdmin {
  return openSqliteAdmin({
    path,
    create: true,
    logger,
    clock,
    homes: { expand: (address) => expandHome('/nonexistent/vmail/%d/%n', address), check: checkHome },
    makeDirectory: (source) => new Resolver({ source, recipientDelimiter: '+' }),
  });
}

async function fill(admin: DirectoryAdmin, users: readonly EngineUser[]): Promise<void> {
  for (const { address, password } of users) {
    await admin.domains.add(address.slice(address.lastIndexOf('@') + 1), {});
    const outcome = await admin.accounts.add(address, { adopt: true, password });
    if (outcome.kind === 'refused') throw new Error(outcome.reason);
  }
}

export function makeSqlite(): Engine {
  const folder = mkdtempSync(join(tmpdir(), 'postern-store-'));
  const path = join(folder, 'postern.db');
  const logger = new CollectingLogger();
  const clock = new TestClock();
  const store = new SqliteReader({ name: 'main', path, logger, clock });
  return {
    store,
    passdbKnowsEmpty: true,
    settle: () => Promise.resolve(clock.skip()),
    path,
    clock,
    logger,
    async write(users) {
      const admin = openAdmin(path);
      for (const { name } of admin.domains.list()) await admin.domains.remove(name, { force: true });
      await fill(admin, users);
      admin.close();
    },
    empty() {
      openAdmin(path).close();
    },
    dispose() {
      store.close();
      rmSync(folder, { recursive: true });
    },
  };
}

export function makePasswdFile(): Engine {
  const folder = mkdtempSync(join(tmpdir(), 'postern-store-'));
  const path = join(folder, 'users');
  const logger = new CollectingLogger();
  const clock = new TestClock();
  return {
    store: openPasswdStore({ name: 'main', path, logger, clock }),
    passdbKnowsEmpty: true,
    settle: () => Promise.resolve(clock.skip()),
    path,
    clock,
    logger,
    write(users) {
      writeFileSync(`${path}.new`, users.map(({ address, password = '' }) => `${address}:${password}\n`).join(''));
      renameSync(`${path}.new`, path);
      return Promise.resolve();
    },
    empty: () => writeFileSync(path, ''),
    dispose: () => rmSync(folder, { recursive: true }),
  };
}

/** A foreign database: nothing of its schema is ours but the columns the queries give. */
export function makeSql(): Engine {
  const folder = mkdtempSync(join(tmpdir(), 'postern-store-'));
  const path = join(folder, 'shop.db');
  const logger = new CollectingLogger();
  const clock = new TestClock();
  const store = openSqlStore({ path, logger, clock });
  return {
    store,
    passdbKnowsEmpty: false,
    settle: () => Promise.resolve(clock.skip()),
    path,
    clock,
    logger,
    write(users) {
      changeSql(path, (database) => {
        database.exec('DELETE FROM users');
        const insert = database.prepare('INSERT INTO users (local, domain, password) VALUES (?, ?, ?)');
        database.transaction(() => {
          for (const { address, password } of users) {
            const at = address.lastIndexOf('@');
            insert.run(address.slice(0, at), address.slice(at + 1), password ?? null);
          }
        })();
      });
      return Promise.resolve();
    },
    empty: () => changeSql(path, () => undefined),
    dispose() {
      store.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** Changes a foreign database as its own program would; makes it first. */
function changeSql(path: string, change: (database: Database.Database) => void): void {
  const database = new Database(path);
  try {
    database.exec('CREATE TABLE IF NOT EXISTS users (local TEXT, domain TEXT, password TEXT, UNIQUE (local, domain))');
    change(database);
  } finally {
    database.close();
  }
}
