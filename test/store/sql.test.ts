/** A foreign SQLite file as passdb and userdb: what is in it, what is wrong with it, and what happens while it is gone. */
import assert from 'node:assert/strict';
import Database from 'better-sqlite3';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it, type TestContext } from 'node:test';
import { createSystemIds, driverReaders } from '../../src/app-readers.ts';
import { ABSENT } from '../../src/core/outcome.ts';
import { SqlPassdb } from '../../src/store/sql/passdb.ts';
import { SqliteEngine } from '../../src/store/sql/sqlite-engine.ts';
import { SqlUserdb } from '../../src/store/sql/userdb.ts';
import { CollectingLogger } from '../support/collecting-logger.ts';
import { queryFor } from '../support/passdb-query.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { TestClock } from './engines.ts';

const BOB = 'bob@d.test';
const NASTY = ["o'hara@d.test", "'; drop table users; --@d.test", '%u@d.test', '?@d.test', '__proto__@d.test'];

describe('driver sql with a SQLite file', () => {
  let path: string;
  let logger: CollectingLogger;
  let clock: TestClock;
  let engine: SqliteEngine;

  beforeEach((t) => {
    // node:test passes the context of the test to come.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    path = join(temporaryFolder(t as TestContext), 'users.db');
    logger = new CollectingLogger();
    clock = new TestClock();
    engine = new SqliteEngine({ path, logger, clock });
  });
  afterEach(() => engine.close());

  function write(users: readonly string[], file = path): void {
    const database = new Database(file);
    database.exec('CREATE TABLE IF NOT EXISTS users (user TEXT, password, home TEXT)');
    const insert = database.prepare('INSERT INTO users VALUES (?, ?, NULL)');
    database.transaction(() => {
      for (const user of users) insert.run(user, `{PLAIN}${user}`);
    })();
    database.close();
  }
  function change(sql: string): void {
    const database = new Database(path);
    database.exec(sql);
    database.close();
  }
  function passdb(passwordQuery = "SELECT password FROM users WHERE user = '%u'"): SqlPassdb {
    const common = { name: 'main', usernameFormat: '%u', readers: driverReaders, logger };
    return new SqlPassdb({ ...common, engine, passwordQuery, defaultScheme: 'CRYPT' });
  }
  function userdb({ domainQuery = '', iterateQuery = 'SELECT user FROM users' } = {}): SqlUserdb {
    const userQuery = "SELECT home FROM users WHERE user = '%u'";
    const common = { name: 'main', usernameFormat: '%u', readers: driverReaders, logger, clock };
    return new SqlUserdb({ ...common, engine, ids: createSystemIds(), userQuery, iterateQuery, domainQuery });
  }

  it('finds a user, and says absent for one it has not', async () => {
    write([BOB]);
    const login = await passdb().find(queryFor('BOB@d.test'));
    assert.ok(login.kind === 'found');
    assert.equal(login.value.password, `{PLAIN}${BOB}`);
    assert.deepEqual(await passdb().find(queryFor('eve@d.test')), ABSENT);
    assert.equal((await userdb().findAccount(BOB)).kind, 'found');
    assert.deepEqual(await userdb().findAccount('eve@d.test'), ABSENT);
    assert.equal((await userdb().findDomain('d.test')).kind, 'found');
    assert.deepEqual(await userdb().findDomain('far.test'), ABSENT);
    assert.deepEqual(await userdb().findAlias(BOB), ABSENT);
    logger.assertQuiet();
  });

  it('takes names with a meaning in SQL and templates as names', async () => {
    write([...NASTY, BOB]);
    for (const user of NASTY) {
      const login = await passdb().find(queryFor(user));
      assert.ok(login.kind === 'found' && login.value.password === `{PLAIN}${user}`, user);
    }
    assert.equal((await passdb().find(queryFor(BOB))).kind, 'found', 'the table is still there');
  });

  it('is unavailable while the file is not there, with one line, and works when it comes', async () => {
    const [logins, users] = [passdb(), userdb()];
    for (let i = 0; i < 5; i++) {
      assert.equal((await logins.find(queryFor(BOB))).kind, 'unavailable');
      assert.equal((await users.findAccount(BOB)).kind, 'unavailable');
      assert.equal((await users.findDomain('d.test')).kind, 'unavailable');
      assert.equal((await users.findAlias(BOB)).kind, 'unavailable');
      clock.skip();
    }
    assert.equal(logger.lines.filter((line) => line.level === 'error').length, 1);
    write([BOB]);
    clock.skip();
    assert.equal((await logins.find(queryFor(BOB))).kind, 'found');
  });

  it('is unavailable when the file is damaged, locked, or has lost its table', async () => {
    writeFileSync(path, 'x'.repeat(5000));
    assert.equal((await passdb().find(queryFor(BOB))).kind, 'unavailable');
    rmSync(path);
    write([BOB]);
    clock.skip();
    assert.equal((await passdb().find(queryFor(BOB))).kind, 'found');
    const writer = new Database(path);
    writer.exec('BEGIN EXCLUSIVE');
    assert.equal((await passdb().find(queryFor(BOB))).kind, 'unavailable');
    writer.exec('COMMIT');
    writer.close();
    clock.skip();
    assert.equal((await passdb().find(queryFor(BOB))).kind, 'found');
    change('DROP TABLE users');
    assert.equal((await passdb().find(queryFor(BOB))).kind, 'unavailable');
    logger.assertQuiet(['store.fault']);
  });

  it('is unavailable when it has no user at all, or several of one name (RULES 7)', async () => {
    write([]);
    assert.equal((await userdb().findDomain('d.test')).kind, 'unavailable');
    assert.equal((await userdb().findAccount(BOB)).kind, 'unavailable');
    write([BOB, BOB]);
    clock.skip();
    assert.equal((await passdb().find(queryFor(BOB))).kind, 'unavailable');
    logger.assertQuiet(['store.fault']);
  });

  it('sees changes at once, and another file in place of its own within its interval', async () => {
    write([BOB]);
    const users = userdb();
    assert.deepEqual(await users.findAccount('eve@e.test'), ABSENT);
    write(['eve@e.test']);
    assert.equal((await users.findAccount('eve@e.test')).kind, 'found');
    clock.skip();
    assert.equal((await users.findDomain('e.test')).kind, 'found');
    write(['zoe@z.test'], `${path}.new`);
    renameSync(`${path}.new`, path);
    clock.skip();
    assert.equal((await users.findAccount('zoe@z.test')).kind, 'found');
    assert.deepEqual(await users.findAccount(BOB), ABSENT);
  });

  it('asks domain_query for a domain', async () => {
    write([BOB]);
    const users = userdb({ iterateQuery: '', domainQuery: "SELECT 1 FROM users WHERE user LIKE '%%@%d'" });
    assert.equal((await users.findDomain('d.test')).kind, 'found');
    assert.deepEqual(await users.findDomain('far.test'), ABSENT);
    assert.match(users.cannotList ?? '', /iterate_query/);
  });

  it('lists every user', async () => {
    const many = Array.from({ length: 2500 }, (_, i) => `u${i}@d.test`);
    write(many);
    const listed: string[] = [];
    for await (const { address } of userdb().accounts()) listed.push(address);
    assert.deepEqual(listed.toSorted(), many.toSorted());
  });

  it('finds one of 10^5 users, and their domain', async () => {
    write(Array.from({ length: 100_000 }, (_, i) => `u${i}@d.test`));
    change('CREATE INDEX by_user ON users (user)');
    assert.equal((await userdb().findDomain('d.test')).kind, 'found');
    assert.equal((await passdb().find(queryFor('u99999@d.test'))).kind, 'found');
    const names = await engine.listNames({ sql: 'SELECT user FROM users', parameters: [] });
    assert.ok(names.kind === 'answered' && names.value.length === 100_000);
  });

  it('gives up a query without end within 3 s, and holds up nobody meanwhile', async () => {
    write([BOB]);
    let turns = 0;
    const ticking = setInterval(() => (turns += 1), 50);
    const start = performance.now();
    const slow = passdb(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000000) SELECT '%u' AS password FROM n WHERE i < 0",
    );
    const answer = await slow.find(queryFor(BOB));
    clearInterval(ticking);
    assert.equal(answer.kind, 'unavailable');
    assert.ok(performance.now() - start < 3000);
    assert.ok(turns > 20);
    logger.assertQuiet(['store.fault']);
  });

  it('examine() says what is wrong with a query', async () => {
    write([BOB]);
    assert.deepEqual(await passdb().examine(), []);
    assert.match((await passdb("SELECT home FROM users WHERE user = '%u'").examine()).join(), /no column password/);
    assert.match((await passdb("SELECT password FROM gone WHERE u = '%u'").examine()).join(), /no such table/);
    assert.match((await passdb('SELECT "%u"').examine()).join(), /variable in a name/);
  });
});
