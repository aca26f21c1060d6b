import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeToken, parseToken, sealToken } from '../../../src/auth/app-password.ts';
import type { LoginContext } from '../../../src/auth/login.ts';
import { stepOf } from '../../support/login-core.ts';
import { BOB, createLoginScene, sayWhy, type LoginScene } from '../../support/login-scene.ts';
import { MemoryPassdb } from '../../support/memory-passdb.ts';

const RECALLED = {
  kind: 'accepted',
  user: BOB,
  isCached: true,
  passdb: 'local',
  masterUser: undefined,
  appPassword: undefined,
  isAnonymous: undefined,
};

/** Bob has logged in, and the passdb says that nothing has changed since. */
async function setUp(options: Parameters<typeof createLoginScene>[0] = {}): Promise<LoginScene> {
  const scene = createLoginScene(options);
  scene.passdb.version = 1;
  assert.equal(sayWhy(await scene.login(BOB, 'secret')), 'accepted');
  return scene;
}

describe('PasswordAuthenticator.recall()', () => {
  it('says yes at once to a login that was good, and asks nobody', async () => {
    const { recall, passdb, hasher, core } = await setUp();
    assert.deepEqual(recall(BOB, 'secret'), RECALLED);
    assert.deepEqual(recall(BOB, 'secret'), RECALLED);
    assert.deepEqual([passdb.asked.length, hasher.verified.length], [1, 1]);
    assert.equal(core.counters.recalls, 2);
  });

  it('knows nobody before their first login', () => {
    const { recall, passdb } = createLoginScene();
    passdb.version = 1;
    assert.equal(recall(BOB, 'secret'), undefined);
  });

  const others: [string, Partial<LoginContext>][] = [
    ['another service', { service: 'imap' }],
    ['another mechanism', { mechanism: 'LOGIN' }],
    ['no TLS', { isSecured: false }],
  ];
  for (const [what, context] of others) {
    it(`says nothing about a login with ${what}`, async () => {
      const { recall } = await setUp();
      assert.equal(recall(BOB, 'secret', context), undefined);
    });
  }

  it('says nothing about another password, another name, and another way to write either', async () => {
    const { recall, core } = await setUp();
    assert.equal(recall(BOB, 'Secret'), undefined);
    assert.equal(recall('Bob@example.com', 'secret'), undefined);
    assert.equal(core.recall('', { ...contextOf(), mechanism: 'PLAIN' }), undefined);
  });

  it('tells addresses apart only where a passdb does', async () => {
    const remoteAddress = '192.0.2.44';
    const { recall } = await setUp();
    assert.deepEqual(recall(BOB, 'secret', { remoteAddress }), RECALLED);
    const passdb = new MemoryPassdb('local');
    passdb.version = 1;
    passdb.set(BOB, '{SHA512-CRYPT}secret');
    const scene = await setUp({ steps: [stepOf(passdb, { variables: ['rip'] })] });
    assert.equal(scene.recall(BOB, 'secret', { remoteAddress }), undefined);
    assert.deepEqual(scene.recall(BOB, 'secret'), RECALLED);
  });

  it('takes plain text without TLS where that is allowed (RULES 36)', async () => {
    const { recall } = await setUp();
    for (const remoteAddress of ['127.0.0.1', '203.0.113.9', ''])
      assert.deepEqual(recall(BOB, 'secret', { isSecured: false, remoteAddress }), RECALLED);
    assert.equal(recall(BOB, 'secret', { isSecured: false, remoteAddress: '127.999.1.1' }), undefined);
  });

  it('lets every change of a passdb that had a say bite at once (DESIGN 1.6)', async () => {
    const { recall, passdb, login } = await setUp();
    passdb.version = 2;
    assert.equal(recall(BOB, 'secret'), undefined);
    passdb.version = 1;
    assert.equal(recall(BOB, 'secret'), undefined);
    await login(BOB, 'secret');
    assert.deepEqual(recall(BOB, 'secret'), RECALLED);
  });

  it('waits for a passdb that has to look whether anything has changed', async () => {
    const { recall, passdb } = await setUp();
    passdb.version = undefined;
    assert.equal(recall(BOB, 'secret'), undefined);
    passdb.version = 1;
    assert.deepEqual(recall(BOB, 'secret'), RECALLED);
  });

  it('says nothing while a passdb does not know its version', async () => {
    const { recall, passdb, login } = await setUp();
    passdb.version = undefined;
    await login(BOB, 'secret');
    assert.equal(recall(BOB, 'secret'), undefined);
  });

  it('notices a change during the lookup', async () => {
    const scene = createLoginScene();
    const { passdb, login, recall } = scene;
    passdb.version = 1;
    const find = passdb.find.bind(passdb);
    passdb.find = (query) => {
      passdb.version = 2;
      return find(query);
    };
    await login(BOB, 'secret');
    assert.equal(recall(BOB, 'secret'), undefined);
  });

  it('heeds the passdbs that were asked before, and not those behind', async () => {
    const [first, second, third] = ['first', 'local', 'third'].map((name) => new MemoryPassdb(name));
    assert.ok(first !== undefined && second !== undefined && third !== undefined);
    first.version = 1;
    second.version = 1;
    second.set(BOB, '{SHA512-CRYPT}secret');
    const scene = createLoginScene({ steps: [stepOf(first), stepOf(second), stepOf(third)] });
    await scene.login(BOB, 'secret');
    assert.deepEqual(scene.recall(BOB, 'secret'), RECALLED);
    third.version = 2;
    assert.deepEqual(scene.recall(BOB, 'secret'), RECALLED);
    first.version = 2;
    assert.equal(scene.recall(BOB, 'secret'), undefined);
  });

  it('looks at the networks of the entry each time', async () => {
    const scene = createLoginScene();
    scene.passdb.version = 1;
    scene.passdb.set(BOB, '{SHA512-CRYPT}secret', { allowNets: ['198.51.100.0/24'] });
    await scene.login(BOB, 'secret');
    assert.deepEqual(scene.recall(BOB, 'secret', { remoteAddress: '198.51.100.99' }), RECALLED);
    assert.equal(scene.recall(BOB, 'secret', { remoteAddress: '192.0.2.1' }), undefined);
    assert.deepEqual(scene.recall(BOB, 'secret'), RECALLED);
  });

  it('knows an app password, its networks and its end', async () => {
    const shown = makeToken();
    const sealed = sealToken(parseToken(Buffer.from(shown)) ?? '');
    const appPassword = { id: 1, label: 'phone', scopes: ['smtp'], allowNets: ['198.51.100.0/24'], ...sealed } as const;
    const scene = createLoginScene();
    scene.passdb.version = 1;
    scene.passdb.set(BOB, undefined, { appPasswords: [{ ...appPassword, expiresAt: 3000 }] });
    await scene.login(BOB, shown);
    assert.deepEqual(scene.recall(BOB, shown), { ...RECALLED, appPassword: 'phone' });
    assert.equal(scene.recall(BOB, shown, { remoteAddress: '192.0.2.1' }), undefined);
    scene.clock.time = 2999;
    assert.ok(scene.recall(BOB, shown) !== undefined);
    scene.clock.time = 3000;
    assert.equal(scene.recall(BOB, shown), undefined);
  });

  it('forgets after cache_ttl, and keeps nothing when the cache is off', async () => {
    const { recall, clock } = await setUp();
    clock.time += 60_000;
    assert.equal(recall(BOB, 'secret'), undefined);
    for (const off of [{ cacheTtlMs: 0 }, { cacheMaxEntries: 0 }])
      assert.equal((await setUp(off)).recall(BOB, 'secret'), undefined);
  });

  it('never recalls a failure, an outage, or a login without the response it came in', async () => {
    const { login, recall, passdb, core } = createLoginScene();
    passdb.version = 1;
    await login(BOB, 'wrong');
    assert.equal(recall(BOB, 'wrong'), undefined);
    await core.verify({ username: BOB, password: Buffer.from('secret') }, contextOf());
    assert.equal(recall(BOB, 'secret'), undefined);
    // Whoever sends an empty response next is somebody else.
    await core.verify({ username: BOB, password: Buffer.from('secret'), initialResponse: '' }, contextOf());
    assert.equal(core.recall('', contextOf()), undefined);
    passdb.outage = 'gone';
    assert.equal(sayWhy(await login(BOB, 'secret')), 'accepted');
    assert.equal(recall(BOB, 'secret'), undefined);
  });

  it('counts as a success, and says nothing to whom the limits have wait (RULES 39)', async () => {
    const { recall, limits } = await setUp();
    recall(BOB, 'secret');
    assert.equal(limits.successes.length, 2);
    limits.verdict = { delayMs: 1, priority: 'usual' };
    assert.equal(recall(BOB, 'secret'), undefined);
    assert.equal(limits.successes.length, 2);
    const spared = { remoteAddress: '127.0.0.1', skipsPenalty: true };
    assert.deepEqual(recall(BOB, 'secret', spared), RECALLED);
    assert.equal(limits.successes.length, 2);
  });

  it('says nothing, and logs it, when a passdb throws', async () => {
    const { recall, passdb, logger } = await setUp();
    passdb.readVersion = () => {
      throw new Error('gone');
    };
    assert.equal(recall(BOB, 'secret'), undefined);
    assert.equal(logger.of('auth.fault').length, 1);
  });

  it('keeps a bounded number of logins', async () => {
    const { login, passdb, recall } = createLoginScene({ cacheMaxEntries: 10 });
    passdb.version = 1;
    for (let i = 0; i < 100; i++) {
      passdb.set(`u${i}@example.com`, '{SHA512-CRYPT}secret');
      await login(`u${i}@example.com`, 'secret');
    }
    const kept = Array.from({ length: 100 }, (_, i) => recall(`u${i}@example.com`, 'secret')).filter(
      (outcome) => outcome !== undefined,
    );
    assert.ok(kept.length > 0 && kept.length <= 11, String(kept.length));
  });
});

function contextOf(): LoginContext {
  return { service: 'smtp', mechanism: 'PLAIN', remoteAddress: '198.51.100.7', localAddress: '', isSecured: true };
}
