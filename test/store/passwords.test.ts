/** Passdbs that can list their users, with what is stored of them: for `postern check`, which verifies nothing. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { driverReaders } from '../../src/app-readers.ts';
import type { ListedPassword, Passdb } from '../../src/auth/passdb.ts';
import { PasswdFileSet } from '../../src/store/passwd-file/file-set.ts';
import { PasswdFilePassdb } from '../../src/store/passwd-file/passdb.ts';
import { SqliteReader } from '../../src/store/sqlite/reader.ts';
import { CollectingLogger } from '../support/collecting-logger.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { openAdmin } from './engines.ts';

async function listOf({ passwords }: Passdb): Promise<ListedPassword[]> {
  assert.ok(passwords !== undefined);
  const listed: ListedPassword[] = [];
  for await (const row of passwords()) listed.push(row);
  return listed;
}

function openFile(t: TestContext, lines: readonly string[], name = 'users'): PasswdFilePassdb {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'users'), lines.map((line) => `${line}\n`).join(''));
  const common = { name: 'old', readers: driverReaders, logger: new CollectingLogger() };
  const files = new PasswdFileSet({ ...common, path: join(folder, name) });
  return new PasswdFilePassdb({ ...common, files, defaultScheme: 'CRYPT', usernameFormat: '%u' });
}

describe('passwords()', () => {
  it('lists those of a passwd-file, each user once', async (t) => {
    const passdb = openFile(t, ['ann@d.test:{PLAIN}1', 'bob:hash', '# no user', 'ann@D.test:{PLAIN}2', 'cat@d.test']);
    assert.deepEqual(await listOf(passdb), [
      { user: 'ann@d.test', password: '{PLAIN}1' },
      { user: 'bob', password: '{CRYPT}hash' },
      { user: 'cat@d.test', password: undefined },
    ]);
  });

  it('says that a passwd-file cannot be read, and that many of them cannot be listed', async (t) => {
    await assert.rejects(listOf(openFile(t, [], 'missing')), /Cannot list users of "old"/);
    assert.equal(openFile(t, [], 'users.%d').passwords, undefined);
  });

  it('lists those of the embedded database, past one chunk, and says when there is none', async (t) => {
    const path = join(temporaryFolder(t), 'postern.db');
    const reader = new SqliteReader({ name: 'local', path, logger: new CollectingLogger() });
    t.after(() => reader.close());
    await assert.rejects(async () => {
      for await (const row of reader.passwords()) assert.fail(row.user);
    }, /unavailable/);
    const admin = openAdmin(path);
    await admin.domains.add('d.test', {});
    const importer = admin.accounts.beginImport({ addsDomains: false, adopts: false, replacesPasswords: false });
    const rest = {
      home: undefined,
      canLogin: true,
      receive: 'accept',
      host: undefined,
      quotaRules: [],
      allowNets: [],
    } as const;
    const names = Array.from({ length: 1200 }, (_, i) => `u${String(i).padStart(4, '0')}@d.test`);
    importer.write(names.map((address, i) => ({ ...rest, address, password: i === 0 ? undefined : `{PLAIN}${i}` })));
    admin.close();
    const opened = new SqliteReader({ name: 'local', path, logger: new CollectingLogger() });
    t.after(() => opened.close());
    const listed: ListedPassword[] = [];
    for await (const row of opened.passwords()) listed.push(row);
    assert.deepEqual(
      listed.map(({ user }) => user),
      names,
    );
    assert.deepEqual([listed[0]?.password, listed[1199]?.password], [undefined, '{PLAIN}1199']);
  });
});
