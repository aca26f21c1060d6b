import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import Database from 'better-sqlite3';
import { sealToken } from '../../src/auth/app-password.ts';
import type { AppPasswordRecord } from '../../src/directory/admin.ts';
import { writeBatch } from '../../src/store/sqlite/update-batch.ts';
import type { AppPasswordUse } from '../../src/store/sqlite/update-queue.ts';
import { UpdateThread, type UpdateThreadOptions } from '../../src/store/sqlite/update-thread.ts';
import { CollectingLogger } from '../support/collecting-logger.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { waitFor } from '../support/wait.ts';
import { openAdmin } from './engines.ts';

const CRASHING_WORKER = new URL('../support/crashing-update-worker.js', import.meta.url);

async function makeDatabase(path: string): Promise<void> {
  const admin = openAdmin(path);
  await admin.domains.add('d.test', {});
  for (const name of ['ann', 'bob']) {
    await admin.accounts.add(`${name}@d.test`, { adopt: true, password: '{PLAIN}old' });
    const sealed = sealToken('0123456789abcdefghjkmnpqrs');
    const rest = { scopes: ['smtp'], allowNets: [], expiresAt: undefined } as const;
    await admin.appPasswords.add(`${name}@d.test`, { ...sealed, ...rest, label: 'phone' });
  }
  admin.close();
}

interface Scene {
  readonly path: string;
  readonly logger: CollectingLogger;
  readonly thread: UpdateThread;
}

async function makeScene(t: TestContext, options: Partial<UpdateThreadOptions> = {}): Promise<Scene> {
  const path = join(temporaryFolder(t), 'postern.db');
  await makeDatabase(path);
  const logger = new CollectingLogger();
  const thread = new UpdateThread({ path, logger, ...options });
  t.after(() => thread.stop());
  return { path, logger, thread };
}

function use(id: number, change: Partial<AppPasswordUse> = {}): AppPasswordUse {
  return { id, at: 1_800_000_000_000, remoteAddress: '192.0.2.7', service: 'smtp', ...change };
}

function recordsOf(path: string): AppPasswordRecord[] {
  const admin = openAdmin(path);
  const records = [...admin.appPasswords.list()];
  admin.close();
  return records;
}

function isUsed(path: string, id = 1): boolean {
  return recordsOf(path).some((record) => record.id === id && record.lastUsedAt !== undefined);
}

function passwordOf(path: string, address: string): unknown {
  const database = new Database(path, { readonly: true });
  const password = database.prepare('SELECT password FROM account WHERE address = ?').pluck().get(address);
  database.close();
  return password;
}

describe('writeBatch()', () => {
  it('marks uses, and replaces a hash only where it is still the same', async (t) => {
    const path = join(temporaryFolder(t), 'postern.db');
    await makeDatabase(path);
    const replaced = writeBatch(path, {
      uses: [use(1), use(99)],
      hashes: [
        { user: 'ann@d.test', from: '{PLAIN}other', to: '{X}1' },
        { user: 'bob@d.test', from: '{PLAIN}old', to: '{X}2' },
        { user: 'eve@d.test', from: '{PLAIN}old', to: '{X}3' },
      ],
    });
    assert.deepEqual(replaced, ['bob@d.test']);
    assert.deepEqual([passwordOf(path, 'ann@d.test'), passwordOf(path, 'bob@d.test')], ['{PLAIN}old', '{X}2']);
    const [first, second] = recordsOf(path);
    assert.deepEqual(
      [first?.lastUsedAt, first?.lastUsedAddress, first?.lastUsedService],
      [1_800_000_000_000, '192.0.2.7', 'smtp'],
    );
    assert.equal(second?.lastUsedAt, undefined);
  });

  it('takes no older use for a newer one', async (t) => {
    const path = join(temporaryFolder(t), 'postern.db');
    await makeDatabase(path);
    writeBatch(path, { uses: [use(1, { at: 2000 })], hashes: [] });
    writeBatch(path, { uses: [use(1, { at: 1000, service: 'imap' })], hashes: [] });
    assert.deepEqual([recordsOf(path)[0]?.lastUsedAt, recordsOf(path)[0]?.lastUsedService], [2000, 'smtp']);
  });

  it('makes no database, and touches none of another program', (t) => {
    const folder = temporaryFolder(t);
    const path = join(folder, 'postern.db');
    assert.throws(() => writeBatch(path, { uses: [use(1)], hashes: [] }));
    const other = new Database(path);
    other.exec('CREATE TABLE app_password (id)');
    other.close();
    assert.throws(() => writeBatch(path, { uses: [use(1)], hashes: [] }), /not a database of Postern/);
    assert.deepEqual(readdirSync(folder), ['postern.db']);
  });
});

describe('UpdateThread', () => {
  it('writes within a second what it is told, and the log has the schemes but no hash (RULES 32)', async (t) => {
    const { path, logger, thread } = await makeScene(t);
    const toldAt = performance.now();
    thread.usedAppPassword(use(1));
    thread.replaceHash({ user: 'bob@d.test', from: '{PLAIN}old', to: '{ARGON2ID}$x' });
    thread.replaceHash({ user: 'ann@d.test', from: '{PLAIN}gone', to: '{ARGON2ID}$y' });
    assert.ok(performance.now() - toldAt < 100);
    await waitFor('the use in the database', () => isUsed(path), 3000);
    assert.ok(performance.now() - toldAt < 2000, 'gathered for half a second, written at once');
    assert.equal(passwordOf(path, 'bob@d.test'), '{ARGON2ID}$x');
    await waitFor('the line of the replaced hash', () => logger.of('auth.hash-replaced').length > 0);
    assert.deepEqual(
      logger.of('auth.hash-replaced').map(({ fields }) => fields),
      [{ user: 'bob@d.test', from: 'PLAIN', to: 'ARGON2ID' }],
    );
    assert.ok(!JSON.stringify(logger.lines).includes('$x'));
    logger.assertQuiet();
  });

  it('runs no thread before there is something to write', async (t) => {
    const { thread, logger } = await makeScene(t, { workerUrl: new URL('file:///nonexistent/worker.js') });
    await thread.stop();
    logger.assertQuiet();
  });

  it('writes the latest of several uses', async (t) => {
    const { path, thread } = await makeScene(t);
    thread.usedAppPassword(use(1, { at: 2_000_000 }));
    thread.usedAppPassword(use(1, { at: 2_001_000, remoteAddress: '192.0.2.8' }));
    await thread.stop();
    const [record] = recordsOf(path);
    assert.deepEqual([record?.lastUsedAt, record?.lastUsedAddress], [2_001_000, '192.0.2.8']);
  });

  it('waits while another process holds the lock, says nothing, and writes then', async (t) => {
    const { path, logger, thread } = await makeScene(t);
    const script = `
      import Database from 'better-sqlite3';
      const database = new Database(${JSON.stringify(path)});
      database.exec("BEGIN IMMEDIATE; UPDATE account SET note = 'x'");
      process.stdout.write('locked');
      process.stdin.on('end', () => { database.exec('COMMIT'); database.close(); }).resume();`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { cwd: import.meta.dirname });
    await once(child.stdout, 'data');
    thread.usedAppPassword(use(1));
    await new Promise((resolve) => setTimeout(resolve, 2500));
    child.stdin.end();
    await once(child, 'exit');
    await waitFor('the use in the database', () => isUsed(path));
    logger.assertQuiet();
  });

  it('says once that the database is gone, and writes when it is back', async (t) => {
    const { path, logger, thread } = await makeScene(t);
    renameSync(path, `${path}.away`);
    thread.usedAppPassword(use(1));
    await waitFor('the fault', () => logger.of('store.write-fault').length > 0);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assert.equal(logger.of('store.write-fault').length, 1);
    assert.ok(!existsSync(path));
    thread.usedAppPassword(use(2));
    renameSync(`${path}.away`, path);
    await waitFor('both uses', () => isUsed(path, 1) && isUsed(path, 2), 10_000);
    await waitFor('the line', () => logger.of('store.write-resumed').length === 1);
    logger.assertQuiet(['store.write-fault']);
  });

  it('says once that nothing can be written, whatever stands in the way', async (t) => {
    const { path, logger, thread } = await makeScene(t);
    const database = new Database(path);
    database.exec("CREATE TRIGGER full BEFORE UPDATE ON app_password BEGIN SELECT RAISE(FAIL, 'disk full'); END");
    thread.usedAppPassword(use(1));
    await waitFor('the fault', () => logger.of('store.write-fault').length > 0);
    await new Promise((resolve) => setTimeout(resolve, 800));
    assert.deepEqual(
      logger.of('store.write-fault').map(({ fields }) => fields['reason']),
      ['disk full'],
    );
    database.exec('DROP TRIGGER full');
    database.close();
    await waitFor('the use', () => isUsed(path), 10_000);
  });

  it('writes to the file that stands there now, not to the one before', async (t) => {
    const { path, thread } = await makeScene(t);
    thread.usedAppPassword(use(1));
    await waitFor('the first use', () => isUsed(path, 1));
    const other = `${path}.new`;
    await makeDatabase(other);
    renameSync(other, path);
    thread.usedAppPassword(use(2));
    await waitFor('the second use', () => isUsed(path, 2));
    assert.equal(isUsed(path, 1), false);
  });

  it('writes what was with the thread when it died, in a new one', async (t) => {
    const { path, logger, thread } = await makeScene(t, { workerUrl: CRASHING_WORKER });
    writeFileSync(`${path}.crash`, '');
    thread.usedAppPassword(use(1));
    thread.replaceHash({ user: 'bob@d.test', from: '{PLAIN}old', to: '{X}' });
    await waitFor('the use', () => isUsed(path), 10_000);
    assert.equal(passwordOf(path, 'bob@d.test'), '{X}');
    assert.equal(thread.droppedCount, 0);
    logger.assertQuiet(['store.write-fault']);
  });

  it('gives up what kills every thread, and lives on', async (t) => {
    const { path, thread } = await makeScene(t, { workerUrl: CRASHING_WORKER });
    thread.usedAppPassword(use(1, { service: 'crash' }));
    await waitFor('the batch to be given up', () => thread.droppedCount === 1, 10_000);
    thread.usedAppPassword(use(2));
    await waitFor('the use', () => isUsed(path, 2), 10_000);
  });

  it('keeps a bounded number of changes while it cannot write', async (t) => {
    const { path, thread } = await makeScene(t, { maxWaiting: 50 });
    renameSync(path, `${path}.away`);
    thread.replaceHash({ user: 'bob@d.test', from: '{PLAIN}old', to: '{X}' });
    for (let id = 1000; id > 0; id -= 1) thread.usedAppPassword(use(id));
    assert.equal(thread.droppedCount, 951);
    renameSync(`${path}.away`, path);
    await waitFor('the uses', () => isUsed(path, 1) && isUsed(path, 2), 10_000);
    assert.equal(passwordOf(path, 'bob@d.test'), '{X}');
  });

  it('writes what waits when it is stopped, and takes nothing after', async (t) => {
    const { path, logger, thread } = await makeScene(t);
    thread.usedAppPassword(use(1));
    await thread.stop();
    assert.ok(isUsed(path));
    thread.usedAppPassword(use(2));
    await thread.stop();
    assert.ok(!isUsed(path, 2));
    logger.assertQuiet();
  });

  it('stops in time though the thread hangs, and says what was lost', async (t) => {
    const { logger, thread } = await makeScene(t, { workerUrl: CRASHING_WORKER });
    thread.usedAppPassword(use(1, { service: 'hang' }));
    const startedAt = performance.now();
    await thread.stop();
    assert.ok(performance.now() - startedAt < 4000);
    assert.deepEqual(
      logger.of('store.write-fault').map(({ fields }) => fields['lost']),
      [1],
    );
  });

  it('stops at once when there is nothing to write to', async (t) => {
    const { path, logger, thread } = await makeScene(t);
    renameSync(path, `${path}.away`);
    thread.usedAppPassword(use(1));
    const startedAt = performance.now();
    await thread.stop();
    assert.ok(performance.now() - startedAt < 1500);
    assert.equal(logger.of('store.write-fault').length, 2);
  });
});
