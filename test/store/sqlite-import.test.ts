import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import Database from 'better-sqlite3';
import type { ImportedAccount, ImportOptions } from '../../src/directory/import.ts';
import { SqliteReader } from '../../src/store/sqlite/reader.ts';
import { CollectingLogger } from '../support/collecting-logger.ts';
import { queryFor } from '../support/passdb-query.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { openAdmin } from './engines.ts';

const OPTIONS: ImportOptions = { addsDomains: false, adopts: false, replacesPasswords: false };

function account(address: string, change: Partial<ImportedAccount> = {}): ImportedAccount {
  return {
    address,
    password: '{PLAIN}x',
    home: undefined,
    canLogin: true,
    receive: 'accept',
    host: undefined,
    quotaRules: [],
    allowNets: [],
    ...change,
  };
}

describe('AccountImporter', () => {
  it('leaves nothing of an account that is refused, and keeps the others of its transaction', async (t) => {
    const path = join(temporaryFolder(t), 'postern.db');
    const admin = openAdmin(path);
    await admin.domains.add('d.test', {});
    const importer = admin.accounts.beginImport({ ...OPTIONS, addsDomains: true });
    const verdicts = importer.write([
      account('ann@d.test'),
      account('bob@new.test', { home: 'no path' }),
      account('cat@d.test'),
    ]);
    assert.deepEqual(
      verdicts.map(({ kind }) => kind),
      ['new', 'refused', 'new'],
    );
    assert.deepEqual(
      admin.domains.list().map(({ name }) => name),
      ['d.test'],
    );
    assert.deepEqual([...importer.newDomains], []);
    admin.close();
    const database = new Database(path, { readonly: true });
    assert.deepEqual(database.prepare('SELECT name FROM login_name ORDER BY name').pluck().all(), [
      'ann@d.test',
      'cat@d.test',
    ]);
    database.close();
  });

  it('takes none of a transaction that fails, and all of it the next time', async (t) => {
    const path = join(temporaryFolder(t), 'postern.db');
    const admin = openAdmin(path);
    await admin.domains.add('d.test', {});
    const broken = new Database(path);
    broken.exec(`CREATE TRIGGER full BEFORE INSERT ON login_name WHEN new.name = 'cat@d.test'
      BEGIN SELECT RAISE(FAIL, 'disk full'); END`);
    const all = ['ann', 'bob', 'cat'].map((name) => account(`${name}@d.test`));
    assert.throws(() => admin.accounts.beginImport(OPTIONS).write(all), /disk full/);
    assert.deepEqual([...admin.accounts.list()], []);
    broken.exec('DROP TRIGGER full');
    broken.close();
    assert.equal(admin.accounts.beginImport(OPTIONS).write(all).length, 3);
    assert.equal([...admin.accounts.list()].length, 3);
    admin.close();
  });

  it('judges without writing or a lock, and sees what it judged before', async (t) => {
    const path = join(temporaryFolder(t), 'postern.db');
    const admin = openAdmin(path);
    await admin.domains.add('d.test', {});
    const other = new Database(path);
    other.exec('BEGIN IMMEDIATE');
    const importer = admin.accounts.beginImport(OPTIONS);
    assert.deepEqual(importer.judge(account('ann@d.test', { home: '/srv/one' })), { kind: 'new' });
    const second = importer.judge(account('bob@d.test', { home: '/srv/one' }));
    assert.ok(second.kind === 'refused' && second.reason.includes('home of ann@d.test'));
    other.exec('ROLLBACK');
    other.close();
    assert.deepEqual([...admin.accounts.list()], []);
    admin.close();
  });

  it('takes 100,000 accounts while the daemon reads them, and the last thousand as quickly as the first', async (t) => {
    const path = join(temporaryFolder(t), 'postern.db');
    const admin = openAdmin(path);
    await admin.domains.add('d.test', {});
    const reader = new SqliteReader({ name: 'main', path, logger: new CollectingLogger() });
    const importer = admin.accounts.beginImport(OPTIONS);
    const batchesMs: number[] = [];
    for (let batch = 0; batch < 100; batch++) {
      const accounts = Array.from({ length: 1000 }, (_, place) => account(`user${batch * 1000 + place}@d.test`));
      const startedAt = performance.now();
      assert.ok(importer.write(accounts).every(({ kind }) => kind === 'new'));
      batchesMs.push(performance.now() - startedAt);
      if (batch % 10 === 0) {
        assert.equal((await reader.find(queryFor(`user${batch * 1000}@d.test`))).kind, 'found');
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    }
    // The quickest of many: what else the machine does slows only some. A hundred times the rows cost a level of the tree.
    const [first, last] = [Math.min(...batchesMs.slice(0, 20)), Math.min(...batchesMs.slice(-20))];
    assert.ok(last < 5 * first, `${first} ms, then ${last} ms`);
    assert.equal((await reader.find(queryFor('user99999@d.test'))).kind, 'found');
    reader.close();
    admin.close();
  });
});
