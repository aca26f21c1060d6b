/** What every engine must do, whatever it keeps its users in. */
import assert from 'node:assert/strict';
import { PLAIN_ENTRY } from '../../src/auth/passdb.ts';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { ABSENT, type Lookup } from '../../src/core/outcome.ts';
import { makePasswdFile, makeSql, makeSqlite, type Engine } from './engines.ts';
import { queryFor } from '../support/passdb-query.ts';

const USERS = [
  { address: 'bob@d.test', password: '{PLAIN}secret' },
  { address: 'ann@d.test' },
  { address: 'üwe@xn--bcher-kva.test', password: '{PLAIN}x' },
];
/** Names that have a meaning in JavaScript, SQL, or a template, and are only names here. */
const NASTY = [
  '__proto__@d.test',
  'constructor@d.test',
  "o'hara@d.test",
  'a"b@d.test',
  "'; drop table account; --@d.test",
  '%u@d.test',
  '%%@d.test',
  '?@d.test',
  '*@d.test',
  `${'x'.repeat(255)}@d.test`,
  '\u{1F600}@d.test',
  'a b@d.test',
  '_@under_score.test',
];

for (const [engineName, makeEngine] of [
  ['sqlite', makeSqlite],
  ['passwd-file', makePasswdFile],
  ['sql', makeSql],
] as const) {
  describe(`store ${engineName}`, () => {
    let engine: Engine;
    beforeEach(() => {
      engine = makeEngine();
    });
    afterEach(() => {
      engine.dispose();
    });

    async function assertAll(kind: Lookup<unknown>['kind'], { withPassdb = true } = {}): Promise<void> {
      const { store } = engine;
      const answers = [
        await store.findDomain('d.test'),
        await store.findAccount('bob@d.test'),
        await store.findAlias('bob@d.test'),
        await store.findSenders('bob@d.test'),
        ...(withPassdb ? [await store.find(queryFor('bob@d.test'))] : []),
      ];
      for (const answer of answers) assert.equal(answer.kind, kind);
    }

    it('finds a user with all that is known of it', async () => {
      await engine.write(USERS);
      const account = await engine.store.findAccount('bob@d.test');
      assert.ok(account.kind === 'found');
      const { address, source, canLogin, canSend, receive, host } = account.value;
      assert.deepEqual(
        { address, source, canLogin, canSend, receive, host },
        { address: 'bob@d.test', source: 'main', canLogin: true, canSend: true, receive: 'accept', host: undefined },
      );
      assert.deepEqual(await engine.store.find(queryFor('bob@d.test')), {
        kind: 'found',
        value: {
          user: 'bob@d.test',
          password: '{PLAIN}secret',
          ...PLAIN_ENTRY,
          isPasswordless: false,
          canLogin: true,
          allowNets: [],
          isUpgradable: engineName === 'sqlite',
        },
      });
      assert.deepEqual(await engine.store.findDomain('d.test'), {
        kind: 'found',
        value: { name: 'd.test', catchAll: [] },
      });
      engine.logger.assertQuiet();
    });

    it('says absent only for what is not there', async () => {
      await engine.write(USERS);
      const { store } = engine;
      for (const answer of [
        await store.findDomain('far.test'),
        await store.findAccount('bo@d.test'),
        await store.findAccount('bob@d.test '),
        await store.findAlias('bob@d.test'),
        await store.findSenders('bob@d.test'),
        await store.find(queryFor('nobody')),
        await store.find(queryFor('')),
      ]) {
        assert.deepEqual(answer, ABSENT);
      }
    });

    it('finds a login name in any case and notation of its domain', async () => {
      await engine.write(USERS);
      for (const name of ['BOB@d.test', 'bob@D.TEST', 'Bob@d.test.']) {
        assert.equal((await engine.store.find(queryFor(name))).kind, 'found', name);
      }
      for (const name of ['üwe@bücher.test', 'ÜWE@BÜCHER.TEST', 'u\u0308we@xn--bcher-kva.test']) {
        const login = await engine.store.find(queryFor(name));
        assert.ok(login.kind === 'found' && login.value.user === 'üwe@xn--bcher-kva.test', name);
      }
    });

    it('knows a user without a password, whom no password fits', async () => {
      await engine.write(USERS);
      const login = await engine.store.find(queryFor('ann@d.test'));
      assert.ok(login.kind === 'found');
      assert.deepEqual([login.value.password, login.value.isPasswordless], [undefined, false]);
    });

    it('keeps apart names with quotes, percent signs, 255 bytes or a meaning in the language', async () => {
      await engine.write(NASTY.map((address) => ({ address, password: `{PLAIN}${address}` })));
      for (const address of NASTY) {
        const account = await engine.store.findAccount(address);
        assert.ok(account.kind === 'found', address);
        assert.equal(account.value.address, address);
        const login = await engine.store.find(queryFor(address));
        assert.ok(login.kind === 'found' && login.value.password === `{PLAIN}${address}`, address);
      }
      for (const name of ['toString', 'hasOwnProperty', '__proto__']) {
        assert.deepEqual(await engine.store.find(queryFor(name)), ABSENT);
        assert.deepEqual(await engine.store.findDomain(name), ABSENT);
      }
    });

    it('finds and lists among 100,000 users', async () => {
      if (engineName === 'sqlite') return;
      const many = Array.from({ length: 100_000 }, (_, i) => ({ address: `u${i}@d.test`, password: '{PLAIN}x' }));
      await engine.write(many);
      const startedAt = performance.now();
      for (const name of ['u0@d.test', 'u99999@d.test', 'u50000@d.test']) {
        assert.equal((await engine.store.find(queryFor(name))).kind, 'found');
        assert.equal((await engine.store.findAccount(name)).kind, 'found');
      }
      assert.deepEqual(await engine.store.find(queryFor('u100000@d.test')), ABSENT);
      let count = 0;
      for await (const { address } of engine.store.accounts()) if (address.endsWith('@d.test')) count += 1;
      assert.equal(count, 100_000);
      assert.ok(performance.now() - startedAt < 120_000, 'it took more than two minutes');
    });

    it('lists every account', async () => {
      const many = Array.from({ length: 1203 }, (_, i) => ({ address: `u${i}@d.test` }));
      await engine.write(many);
      const listed: string[] = [];
      for await (const account of engine.store.accounts()) listed.push(account.address);
      assert.deepEqual(listed.toSorted(), many.map((user) => user.address).toSorted());
    });

    it('lists the accounts of one domain', async () => {
      const here = Array.from({ length: 1203 }, (_, i) => ({ address: `u${i}@d.test` }));
      await engine.write([{ address: 'a@c.test' }, ...here, { address: 'z@e.test' }, { address: 'u@sub.d.test' }]);
      const listed: string[] = [];
      for await (const account of engine.store.accounts('d.test')) listed.push(account.address);
      assert.deepEqual(listed.toSorted(), here.map((user) => user.address).toSorted());
      for await (const account of engine.store.accounts('far.test')) assert.fail(account.address);
    });

    it('shows a change at the latest when its interval is over', async () => {
      await engine.write(USERS);
      assert.deepEqual(await engine.store.find(queryFor('eve@d.test')), ABSENT);
      await engine.write([...USERS, { address: 'eve@d.test', password: '{PLAIN}new' }]);
      await engine.settle();
      const login = await engine.store.find(queryFor('eve@d.test'));
      assert.ok(login.kind === 'found' && login.value.password === '{PLAIN}new');
      engine.logger.assertQuiet();
    });

    it('is unavailable while it was never there, and found when it comes (RULES 7)', async () => {
      await assertAll('unavailable');
      await assert.rejects(async () => {
        for await (const account of engine.store.accounts()) assert.fail(account.address);
      });
      await engine.write(USERS);
      await engine.settle();
      assert.equal((await engine.store.findAccount('bob@d.test')).kind, 'found');
      engine.logger.assertQuiet(['store.fault', 'passwd-file.kept']);
    });

    it('logs an outage once, not once a lookup', async () => {
      for (let i = 0; i < 5; i++) {
        await assertAll('unavailable');
        await engine.settle();
      }
      const loud = engine.logger.lines.filter((line) => line.level === 'error');
      assert.equal(loud.length, 1);
    });

    it('is unavailable when it is there and empty (RULES 7)', async () => {
      engine.empty();
      await assertAll('unavailable', { withPassdb: engine.passdbKnowsEmpty });
    });

    it('is unavailable when it cannot be read', async () => {
      mkdirSync(engine.path);
      await assertAll('unavailable');
      rmSync(engine.path, { recursive: true });
      writeFileSync(engine.path, 'x'.repeat(5000));
      if (engineName === 'sqlite') {
        await engine.settle();
        await assertAll('unavailable');
      }
    });

    it('notices that its file was replaced by another', async () => {
      await engine.write(USERS);
      assert.equal((await engine.store.findAccount('bob@d.test')).kind, 'found');
      const other = makeEngine();
      await other.write([{ address: 'zoe@z.test' }, { address: 'zac@z.test' }]);
      renameSync(other.path, engine.path);
      other.dispose();
      await engine.settle();
      assert.equal((await engine.store.findAccount('zoe@z.test')).kind, 'found');
      assert.deepEqual(await engine.store.findAccount('bob@d.test'), ABSENT);
    });
  });
}
