import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import Database from 'better-sqlite3';
import { createCliTools, createDomainList } from '../../src/app-tools.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { ABSENT, found, type Lookup } from '../../src/core/outcome.ts';
import { CollectingLogger } from '../support/collecting-logger.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** What the list says of these sections; `FOLDER` in them is where the files are. */
async function list(t: TestContext, sections: string): Promise<Lookup<readonly string[]>> {
  const folder = temporaryFolder(t);
  const database = new Database(join(folder, 'shop.db'));
  database.exec("CREATE TABLE users (address TEXT); INSERT INTO users VALUES ('bob@shop.test'), ('ann@a.test')");
  database.close();
  writeFileSync(join(folder, 'users'), 'carol@file.test:::::::\n');
  const path = join(folder, 'postern.ini');
  const common = `[postern]\nstate_dir = FOLDER\n[mail]\nhome = FOLDER/mail/%d/%n\n${sections}`;
  writeFileSync(path, common.replaceAll('FOLDER', folder));
  return createDomainList(createCliTools(() => new CollectingLogger()))(loadConfig({ path }));
}

const FILE = '[userdb file]\ndriver = passwd-file\npath = FOLDER/users\n';
const STATIC = '[userdb all]\ndriver = static\ndomains = static.test\nallow_all_users = yes\n';
const SQL = '[userdb shop]\ndriver = sql\npath = FOLDER/shop.db\nuser_query = SELECT 1 FROM users WHERE address = %u\n';
const ITERATE = 'iterate_query = SELECT address AS user FROM users\n';
const DOMAIN = "domain_query = SELECT 1 FROM users WHERE address LIKE '%%@' || '%d'\n";

describe('createDomainList()', () => {
  it('lists the domains of every driver', async (t) => {
    const answer = await list(t, FILE + STATIC + SQL + ITERATE);
    assert.deepEqual(answer, found(['a.test', 'file.test', 'shop.test', 'static.test']));
    assert.deepEqual(await list(t, STATIC), found(['static.test']));
  });

  it('is absent where no userdb knows any', async (t) => {
    assert.deepEqual(await list(t, SQL), ABSENT);
  });

  it('is unavailable where one knows domains and has no list of them', async (t) => {
    const answer = await list(t, FILE + SQL + DOMAIN);
    assert.ok(answer.kind === 'unavailable');
    assert.match(answer.reason, /^\[userdb shop\] has no iterate_query; --domains socketmap/);
  });

  it('is unavailable where a userdb cannot be read', async (t) => {
    assert.equal((await list(t, FILE.replace('users', 'nothing'))).kind, 'unavailable');
    assert.equal((await list(t, (SQL + ITERATE).replace('shop.db', 'nothing.db'))).kind, 'unavailable');
  });
});
