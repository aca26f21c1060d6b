import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import Database from 'better-sqlite3';
import { migrateFile, openForReading, openForWriting } from '../../src/store/sqlite/open.ts';
import { MIGRATIONS } from '../../src/store/sqlite/schema.ts';
import { SqliteReader } from '../../src/store/sqlite/reader.ts';
import { CollectingLogger } from '../support/collecting-logger.ts';
import { queryFor } from '../support/passdb-query.ts';
import { openAdmin } from './engines.ts';
import { parseQuotaRule } from '../../src/core/quota-rule.ts';

/** A database as the program of schema version 1 left it, with an account of every kind. */
const VERSION_1 = join(import.meta.dirname, '../../../test/store/version-1.db.gz');
const NEXT = [...MIGRATIONS, "ALTER TABLE domain ADD COLUMN state TEXT NOT NULL DEFAULT 'on'"];

describe('openForWriting()', () => {
  let folder: string;
  let path: string;
  const logger = new CollectingLogger();
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'postern-migrate-'));
    path = join(folder, 'postern.db');
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  async function fillOld(): Promise<void> {
    const admin = openAdmin(path);
    await admin.domains.add('d.test', {});
    await admin.accounts.add('bob@d.test', { adopt: true });
    admin.close();
  }

  it('makes a new file for its owner only, in WAL mode, without a backup', () => {
    const database = openForWriting({ path, create: true, logger });
    assert.equal(database.pragma('journal_mode', { simple: true }), 'wal');
    for (const name of readdirSync(folder)) assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name);
    assert.equal(database.pragma('user_version', { simple: true }), MIGRATIONS.length);
    database.close();
    assert.deepEqual(readdirSync(folder), ['postern.db']);
  });

  it('makes nothing unless told to: a lost database is an outage (RULES 7)', () => {
    assert.throws(() => openForWriting({ path, create: false, logger }));
    assert.throws(() => migrateFile({ path, logger }));
    assert.ok(!existsSync(path));
  });

  it('migrates an older file forward after a copy of it', async () => {
    await fillOld();
    const old = openForReading(path);
    const database = openForWriting({ path, create: false, logger, migrations: NEXT });
    assert.deepEqual(database.prepare('SELECT name, state FROM domain').all(), [{ name: 'd.test', state: 'on' }]);
    assert.equal(database.pragma('user_version', { simple: true }), NEXT.length);
    database.close();
    old.close();
    const backup = join(folder, `postern.db.backup-v${MIGRATIONS.length}`);
    assert.equal(statSync(backup).mode & 0o777, 0o600);
    const copy = openForReading(backup);
    assert.deepEqual(copy.prepare('SELECT address FROM account').all(), [{ address: 'bob@d.test' }]);
    copy.close();
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.includes('tmp')),
      [],
    );
  });

  it('takes a file that version 1 made to today: everything is there, nothing is required, old programs have a copy', async () => {
    writeFileSync(path, gunzipSync(readFileSync(VERSION_1)));
    const admin = openAdmin(path);
    assert.deepEqual(
      admin.domains.list().map(({ name, standsFor, appPasswordsRequired }) => [name, standsFor, appPasswordsRequired]),
      [
        ['also.test', 'd.test', false],
        ['d.test', undefined, false],
      ],
    );
    const bob = admin.accounts.find('bob@d.test');
    assert.ok(bob !== undefined && bob.hasPassword && !bob.appPasswordsRequired);
    assert.deepEqual(bob.loginNames, ['bob', 'bob@d.test']);
    assert.deepEqual(bob.quota, [{ root: 1, place: 'account', rule: parseQuotaRule('*:storage=1G') }]);
    assert.deepEqual(admin.accounts.find('ann@d.test')?.senders, ['info@d.test']);
    assert.deepEqual(admin.aliases.list()[0]?.targets, ['bob@d.test', 'ann@d.test']);
    assert.deepEqual(await admin.accounts.add('old@d.test', { adopt: false }), {
      kind: 'refused',
      refusal: 'has-mail',
      reason:
        'old@d.test had an account before, whose mail lies in /srv/vmail/d.test/old: adopt it or name another home',
    });
    assert.deepEqual([...admin.appPasswords.list()], []);
    admin.close();

    const reader = new SqliteReader({ name: 'main', path, logger });
    const login = await reader.find(queryFor('bob'));
    assert.ok(login.kind === 'found' && login.value.password?.startsWith('{ARGON2ID}') === true);
    assert.deepEqual(login.value.allowNets, ['192.0.2.0/24']);
    reader.close();
    const copy = new Database(`${path}.backup-v1`, { readonly: true });
    assert.equal(copy.pragma('user_version', { simple: true }), 1);
    assert.equal(copy.prepare('SELECT count(*) FROM account').pluck().get(), 2);
    copy.close();
  });

  it('makes the same tables of an old file and of a new one', () => {
    writeFileSync(path, gunzipSync(readFileSync(VERSION_1)));
    openAdmin(path).close();
    const fresh = join(folder, 'fresh.db');
    openAdmin(fresh).close();
    const tables = [path, fresh].map((file) => {
      const database = new Database(file, { readonly: true });
      const rows = database.prepare('SELECT name, sql FROM sqlite_schema ORDER BY name').all();
      database.close();
      return rows;
    });
    assert.deepEqual(tables[0], tables[1]);
  });

  it('keeps the file as it was when a step fails', async () => {
    await fillOld();
    const broken = [...MIGRATIONS, 'ALTER TABLE domain ADD COLUMN state TEXT; SELECT * FROM nothing'];
    assert.throws(() => openForWriting({ path, create: false, logger, migrations: broken }));
    const database = openForWriting({ path, create: false, logger });
    assert.deepEqual(database.prepare('SELECT * FROM domain').columns().length, 7);
    database.close();
    // And the copy left behind does not stop the next attempt.
    openForWriting({ path, create: false, logger, migrations: NEXT }).close();
  });

  it('refuses a file of a newer program and does not touch it', async () => {
    await fillOld();
    openForWriting({ path, create: false, logger, migrations: NEXT }).close();
    const before = readFileSync(path);
    assert.throws(() => openForWriting({ path, create: false, logger }), /newer Postern/);
    assert.deepEqual(readFileSync(path), before);
    const reader = new SqliteReader({ name: 'main', path, logger });
    const answer = await reader.findAccount('bob@d.test');
    assert.ok(answer.kind === 'unavailable' && answer.reason.includes('newer Postern'));
    reader.close();
  });

  it('refuses a database of something else and does not touch it', () => {
    const other = new Database(path);
    other.exec('CREATE TABLE domain (name TEXT)');
    other.close();
    assert.throws(() => openForWriting({ path, create: false, logger }), /not a database of Postern/);
    assert.throws(() => openForReading(path), /not a database of Postern/);
  });

  it('is not read by the daemon before it is migrated', () => {
    new Database(path).close();
    openForWriting({ path, create: true, logger, migrations: [] }).close();
    assert.throws(() => openForReading(path), /waits for migration/);
  });
});
