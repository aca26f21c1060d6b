import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { HashUpgrade } from '../../../src/auth/hash-upgrade.ts';
import type { PassdbEntry } from '../../../src/auth/passdb.ts';
import { CollectingLogger } from '../../support/collecting-logger.ts';
import { BOB, CountingHasher, createLoginScene, RecordingUpdates, type LoginScene } from '../../support/login-scene.ts';

interface UpgradeScene extends LoginScene {
  readonly maker: CountingHasher;
  readonly replaced: RecordingUpdates['replaced'];
}

function setUp(entry: Partial<PassdbEntry> = { isUpgradable: true }): UpgradeScene {
  const maker = new CountingHasher();
  const updates = new RecordingUpdates();
  const logger = new CollectingLogger();
  const upgrade = new HashUpgrade({ hasher: maker, updates, logger, needsUpgrade });
  const scene = createLoginScene({ upgrade, logger });
  scene.passdb.set(BOB, '{SHA512-CRYPT}secret', entry);
  return { ...scene, logger, maker, replaced: updates.replaced };
}

describe('HashUpgrade', () => {
  it('replaces a weaker hash after a good login, once', async () => {
    const { login, replaced } = setUp();
    await login(BOB, 'secret');
    await nextTurn();
    assert.deepEqual(replaced, [{ user: BOB, from: '{SHA512-CRYPT}secret', to: '{ARGON2ID}made' }]);
    await login(BOB, 'secret');
    await login(BOB, 'secret', { service: 'imap' });
    await nextTurn();
    assert.equal(replaced.length, 1);
  });

  it('leaves a good hash, a failed login, and other people’s databases alone', async () => {
    const cases: [Partial<PassdbEntry>, string][] = [
      [{ isUpgradable: true }, 'wrong'],
      [{ isUpgradable: true, canLogin: false }, 'secret'],
      [{ isUpgradable: false }, 'secret'],
    ];
    for (const [entry, password] of cases) {
      const { login, replaced } = setUp(entry);
      await login(BOB, password);
      await nextTurn();
      assert.deepEqual(replaced, []);
    }
    const { login, passdb, replaced } = setUp();
    passdb.set(BOB, '{ARGON2ID}secret', { isUpgradable: true });
    await login(BOB, 'secret');
    await nextTurn();
    assert.deepEqual(replaced, []);
  });

  it('hashes one at a time, and the others at a later login', async () => {
    const { login, passdb, replaced } = setUp();
    passdb.set('zoe@example.com', '{SHA512-CRYPT}pw', { isUpgradable: true });
    await Promise.all([login(BOB, 'secret'), login('zoe@example.com', 'pw')]);
    await nextTurn();
    assert.equal(replaced.length, 1);
    await login('zoe@example.com', 'pw', { service: 'imap' });
    await nextTurn();
    assert.deepEqual(replaced.map(({ user }) => user).toSorted(), [BOB, 'zoe@example.com']);
  });

  it('says so when it cannot, and the login is good all the same', async () => {
    const { login, maker, replaced, logger } = setUp();
    maker.made = new Error('queue full');
    assert.equal((await login(BOB, 'secret')).kind, 'accepted');
    await nextTurn();
    assert.deepEqual(replaced, []);
    const [line] = logger.of('auth.fault');
    assert.equal(line?.fields['user'], `"${BOB}"`);
    assert.ok(!JSON.stringify(line).includes('secret'));
  });
});

function needsUpgrade(stored: string): boolean {
  return !stored.startsWith('{ARGON2ID}');
}
