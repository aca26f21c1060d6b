import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import Database from 'better-sqlite3';
import { sealToken } from '../../src/auth/app-password.ts';
import { ABSENT } from '../../src/core/outcome.ts';
import type { AdminOutcome, DirectoryAdmin } from '../../src/directory/admin.ts';
import { DirectoryQueries } from '../../src/store/sqlite/queries.ts';
import { SqliteReader } from '../../src/store/sqlite/reader.ts';
import { queryFor } from '../support/passdb-query.ts';
import { CollectingLogger } from '../support/collecting-logger.ts';
import { openAdmin, TestClock } from './engines.ts';

describe('SqliteReader', () => {
  let folder: string;
  let path: string;
  let logger: CollectingLogger;
  let clock: TestClock;
  let reader: SqliteReader;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'postern-reader-'));
    path = join(folder, 'postern.db');
    logger = new CollectingLogger();
    clock = new TestClock();
    const admin = openAdmin(path);
    await admin.domains.add('d.test', {});
    await admin.domains.add('also.test', { standsFor: 'd.test' });
    await admin.accounts.add('bob@d.test', { adopt: true, password: '{PLAIN}1' });
    admin.close();
    reader = new SqliteReader({ name: 'main', path, logger, clock });
  });
  afterEach(() => {
    reader.close();
    rmSync(folder, { recursive: true });
  });

  async function change(work: (admin: DirectoryAdmin) => Promise<AdminOutcome>): Promise<void> {
    const admin = openAdmin(path);
    const outcome = await work(admin);
    admin.close();
    clock.skip();
    assert.equal(outcome.kind, 'done', JSON.stringify(outcome));
  }

  async function requirementOf(name: string): Promise<string> {
    const entry = await reader.find(queryFor(name));
    assert.ok(entry.kind === 'found');
    return entry.value.appPasswordsRequired;
  }

  it('sees what another process committed at the very next lookup', async () => {
    assert.deepEqual(await reader.findAlias('info@d.test'), ABSENT);
    const script = `
      import { openAdmin } from ${JSON.stringify(join(import.meta.dirname, 'engines.js'))};
      const admin = openAdmin(${JSON.stringify(path)});
      await admin.aliases.add('info@d.test', { targets: ['bob@d.test'], sendAs: false, replace: false });
      await admin.accounts.set('bob@d.test', { password: '{PLAIN}2', canLogin: false });
      admin.close();`;
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.equal((await reader.findAlias('info@d.test')).kind, 'found');
    const login = await reader.find(queryFor('bob@d.test'));
    assert.ok(login.kind === 'found' && login.value.password === '{PLAIN}2' && !login.value.canLogin);
  });

  it('answers while another process holds the write lock, and never waits (RULES 32)', async () => {
    const script = `
      import Database from 'better-sqlite3';
      const database = new Database(${JSON.stringify(path)});
      database.exec("BEGIN IMMEDIATE; UPDATE account SET note = 'x'");
      process.stdout.write('locked');
      process.stdin.on('end', () => database.close()).resume();`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { cwd: import.meta.dirname });
    await once(child.stdout, 'data');
    const startedAt = performance.now();
    assert.equal((await reader.findAccount('bob@d.test')).kind, 'found');
    assert.ok(performance.now() - startedAt < 1000);
    child.stdin.end();
    await once(child, 'exit');
  });

  it('is unavailable under an exclusive lock, says so once, and comes back', async () => {
    const writer = new Database(path);
    writer.pragma('locking_mode = EXCLUSIVE');
    writer.exec("BEGIN EXCLUSIVE; UPDATE account SET note = 'x'");
    const startedAt = performance.now();
    for (let i = 0; i < 3; i++) assert.equal((await reader.findAccount('bob@d.test')).kind, 'unavailable');
    assert.ok(performance.now() - startedAt < 1000);
    writer.exec('COMMIT');
    writer.close();
    clock.skip();
    assert.equal((await reader.findAccount('bob@d.test')).kind, 'found');
    assert.deepEqual([logger.of('store.fault').length, logger.of('store.opened').length], [1, 1]);
  });

  it('goes from found to unavailable and back when the file is moved away and put back', async () => {
    assert.equal((await reader.findAccount('bob@d.test')).kind, 'found');
    renameSync(path, `${path}.away`);
    clock.skip();
    for (let i = 0; i < 3; i++) assert.equal((await reader.findAccount('nobody@d.test')).kind, 'unavailable');
    renameSync(`${path}.away`, path);
    clock.skip();
    assert.equal((await reader.findAccount('bob@d.test')).kind, 'found');
    assert.deepEqual(await reader.findAccount('nobody@d.test'), ABSENT);
    assert.deepEqual([logger.of('store.fault').length, logger.of('store.opened').length], [1, 2]);
  });

  it('is unavailable when the open file is emptied or overwritten, never absent', async () => {
    for (const spoil of [
      (): void => truncateSync(path, 0),
      (): void => writeFileSync(path, Buffer.alloc(40_000, 0x55)),
    ]) {
      const own = new SqliteReader({ name: 'main', path, logger, clock });
      assert.equal((await own.findAccount('bob@d.test')).kind, 'found');
      const admin = openAdmin(path);
      await admin.domains.add(`n${clock.now()}.test`, {});
      admin.close();
      spoil();
      clock.skip();
      for (const address of ['bob@d.test', 'nobody@d.test']) {
        assert.notEqual((await own.findAccount(address)).kind, 'absent', address);
      }
      own.close();
      rmSync(path);
      rmSync(`${path}-wal`, { force: true });
      rmSync(`${path}-shm`, { force: true });
      const again = openAdmin(path);
      await again.domains.add('d.test', {});
      await again.accounts.add('bob@d.test', { adopt: true });
      again.close();
    }
  });

  it('is unavailable for everything once the last domain is gone (RULES 7)', async () => {
    const admin = openAdmin(path);
    await admin.domains.remove('also.test', { force: true });
    const { kind } = await admin.domains.remove('d.test', { force: true });
    admin.close();
    assert.equal(kind, 'done');
    assert.equal((await reader.findDomain('d.test')).kind, 'unavailable');
    assert.equal((await reader.find(queryFor('bob@d.test'))).kind, 'unavailable');
  });

  it('finds a login under a domain that stands for another (RULES 43)', async () => {
    const login = await reader.find(queryFor('Bob@also.test'));
    assert.ok(login.kind === 'found' && login.value.user === 'bob@d.test');
    assert.deepEqual(await reader.find(queryFor('eve@also.test')), ABSENT);
  });

  it('takes the address as a login only if listed (RULES 22)', async () => {
    const admin = openAdmin(path);
    await admin.accounts.set('bob@d.test', { loginNames: ['Bobby', 'robert@mail.test'] });
    admin.close();
    assert.deepEqual(await reader.find(queryFor('bob@d.test')), ABSENT);
    for (const name of ['bobby', 'BOBBY', 'robert@mail.test']) {
      const login = await reader.find(queryFor(name));
      assert.ok(login.kind === 'found' && login.value.user === 'bob@d.test');
    }
  });

  it('gives an entry its app passwords, and what is required of it', async () => {
    const sealed = sealToken('0123456789abcdefghjkmnpqrs');
    const expiresAt = clock.now() + 60_000;
    const phone = {
      ...sealed,
      label: 'phone',
      scopes: ['smtp', 'imap'],
      allowNets: ['192.0.2.0/24'],
      expiresAt,
    } as const;
    await change((admin) => admin.appPasswords.add('bob@d.test', phone));
    const entry = await reader.find(queryFor('bob@also.test'));
    assert.ok(entry.kind === 'found');
    assert.deepEqual(entry.value.appPasswords, [{ id: 1, ...phone }]);
    assert.equal(entry.value.appPasswordsRequired, 'no');

    await change((admin) => admin.accounts.set('bob@d.test', { appPasswordsRequired: true }));
    assert.equal(await requirementOf('bob@d.test'), 'account');
    await change((admin) => admin.domains.set('d.test', { appPasswordsRequired: true }));
    assert.equal(await requirementOf('bob@d.test'), 'domain');
    await change((admin) => admin.appPasswords.revoke('bob@d.test', 'phone'));
    const bare = await reader.find(queryFor('bob@d.test'));
    assert.ok(bare.kind === 'found' && bare.value.appPasswords.length === 0);
  });

  it('says by the typed name alone whether a domain requires app passwords (RULES 41)', async () => {
    await change((admin) => admin.domains.add('e.test', {}));
    await change((admin) =>
      admin.accounts.set('bob@d.test', { loginNames: ['bob@d.test', 'bob', 'bob@e.test', 'bob@foreign.test'] }),
    );
    await change((admin) => admin.domains.set('d.test', { appPasswordsRequired: true }));
    const domains = ['d.test', 'D.Test', 'also.test', 'e.test', 'foreign.test', '', 'bob', '__proto__'];
    const required = domains.filter((domain) => reader.requiresAppPassword(domain));
    assert.deepEqual(required, ['d.test', 'D.Test', 'also.test']);
    // A login name elsewhere must not tell whose it is; the requirement holds all the same.
    for (const name of ['bob', 'bob@e.test', 'bob@foreign.test']) assert.equal(await requirementOf(name), 'account');
    assert.equal(await requirementOf('bob@also.test'), 'domain');
  });

  it('says of a domain that only stands for another whether it requires app passwords itself', async () => {
    await change((admin) => admin.domains.set('also.test', { appPasswordsRequired: true }));
    assert.equal(reader.requiresAppPassword('also.test'), true);
    assert.equal(reader.requiresAppPassword('d.test'), false);
    assert.equal(await requirementOf('bob@also.test'), 'domain');
    assert.equal(await requirementOf('bob@d.test'), 'no');
  });

  it('has another version after each commit, each replaced file, and none without a file', async () => {
    const versions = [reader.readVersion()];
    clock.skip();
    assert.equal(reader.readVersion(), versions[0]);
    await change((admin) => admin.accounts.set('bob@d.test', { canLogin: false }));
    clock.skip();
    versions.push(reader.readVersion());
    renameSync(path, `${path}.away`);
    clock.skip();
    assert.equal(reader.readVersion(), undefined);
    // The look for the version does not stand for the one of a lookup right behind it.
    assert.equal((await reader.find(queryFor('bob@d.test'))).kind, 'unavailable');
    assert.equal(reader.requiresAppPassword('d.test'), false);
    renameSync(`${path}.away`, path);
    clock.skip();
    versions.push(reader.readVersion());
    copyFileSync(path, `${path}.copy`);
    renameSync(`${path}.copy`, path);
    clock.skip();
    versions.push(reader.readVersion());
    assert.equal(new Set(versions).size, 4);
    assert.ok(!versions.includes(undefined));
  });

  it('answers every lookup by an index (RULES 32)', () => {
    const statements = new Set<string>();
    const database = new Database(path, { readonly: true, verbose: (sql) => statements.add(String(sql)) });
    const queries = new DirectoryQueries(database, 'main');
    queries.hasDomain();
    queries.findDomain('d.test');
    queries.findAccount('bob@d.test');
    queries.findAlias('bob@d.test');
    queries.findSenders('bob@d.test');
    queries.findLogin('bob@d.test');
    queries.listAccounts('', 1);
    queries.listPasswords('', 1);
    // Of a login three: itself, its app passwords, and what its domain requires.
    assert.equal(statements.size, 10);
    const plans = [...statements]
      .flatMap((sql) => database.prepare<[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`).all())
      .map((row) => row.detail);
    // "Is there any domain" reads one row of the table, whatever its size.
    assert.deepEqual(
      plans.filter((plan) => plan.startsWith('SCAN')),
      ['SCAN domain'],
    );
    assert.deepEqual(
      plans.filter((plan) => plan.includes('TEMP B-TREE FOR ORDER') && !plan.includes('DISTINCT')),
      [],
    );
    database.close();
  });
});
