import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LoginCache, type KnownAnswer, type LoginKey } from '../../../src/auth/login-cache.ts';
import { PLAIN_ENTRY } from '../../../src/auth/passdb.ts';

const KEY: LoginKey = { passdb: 'local', service: 'smtp', username: 'bob', values: [] };
const ANSWER = answer('{PLAIN}x');

function answer(password: string | undefined): KnownAnswer {
  return { kind: 'found', value: { ...PLAIN_ENTRY, user: 'bob@example.com', password } };
}

function setUp({ ttlMs = 100, maxEntries = 10 } = {}) {
  const clock = { time: 1000, now: (): number => clock.time };
  const cache = new LoginCache({ ttlMs, maxEntries, clock });
  const key = cache.keyOf(KEY);
  const digest = cache.digestOf(key, Buffer.from('x'));
  const isGood = (stored = '{PLAIN}x', typed = 'x'): boolean =>
    cache.isGood(key, { stored, digest: cache.digestOf(key, Buffer.from(typed)) });
  return { cache, clock, key, digest, isGood };
}

describe('LoginCache (RULES 33)', () => {
  it('knows a password that was good with the hash stored now, and no other', () => {
    const { cache, key, digest, isGood } = setUp();
    assert.equal(isGood(), false);
    cache.remember(key, ANSWER, digest);
    assert.equal(isGood(), true);
    assert.equal(isGood('{PLAIN}x', 'y'), false);
    assert.equal(isGood('{PLAIN}other'), false);
    assert.deepEqual([cache.hitCount, cache.missCount], [1, 3]);
  });

  it('knows no password of an entry that another one was typed for', () => {
    const { cache, key, isGood } = setUp();
    cache.remember(key, ANSWER, undefined);
    assert.equal(isGood(), false);
    assert.deepEqual(cache.find(key), ANSWER);
  });

  it('expires an entry when it is read, without any sweep', () => {
    const { cache, clock, key, digest, isGood } = setUp();
    cache.remember(key, ANSWER, digest);
    clock.time = 1099;
    assert.equal(isGood(), true);
    clock.time = 1100;
    assert.equal(isGood(), false);
    assert.equal(cache.find(key), undefined);
    assert.equal(cache.size, 0);
  });

  it('follows what the passdb says of who is in it, and takes in nobody else', () => {
    const { cache, key, digest, isGood } = setUp();
    cache.observe(key, ANSWER);
    assert.equal(cache.find(key), undefined);
    cache.remember(key, ANSWER, digest);
    const suspended: KnownAnswer = {
      kind: 'found',
      value: { ...PLAIN_ENTRY, user: 'bob@example.com', password: '{PLAIN}x', canLogin: false },
    };
    cache.observe(key, suspended);
    assert.deepEqual(cache.find(key), suspended);
    assert.equal(isGood(), true);
  });

  it('forgets a password whose hash was seen to change, also when the hash comes back', () => {
    const { cache, key, digest, isGood } = setUp();
    cache.remember(key, ANSWER, digest);
    cache.observe(key, answer('{PLAIN}new'));
    cache.observe(key, answer('{PLAIN}x'));
    assert.equal(isGood(), false);
  });

  it('forgets who is gone', () => {
    const { cache, key, digest } = setUp();
    cache.remember(key, ANSWER, digest);
    cache.observe(key, { kind: 'absent' });
    assert.equal(cache.find(key), undefined);
  });

  it('keeps nothing when it is off', () => {
    for (const options of [{ ttlMs: 0 }, { maxEntries: 0 }]) {
      const { cache, key, digest } = setUp(options);
      cache.remember(key, ANSWER, digest);
      assert.equal(cache.size, 0);
    }
  });

  it('has one key for each passdb, service, name and address, different in each process', () => {
    const { cache } = setUp();
    const keys = [
      KEY,
      { ...KEY, passdb: 'other' },
      { ...KEY, service: 'imap' },
      { ...KEY, username: 'bo' },
      { ...KEY, username: 'bob1:b' },
      { ...KEY, values: ['192.0.2.1'] },
      { ...KEY, values: ['192.0.2.1', ''] },
      { ...KEY, passdb: 'locals', service: 'mtp' },
    ].map((key) => cache.keyOf(key));
    assert.equal(new Set(keys).size, keys.length);
    assert.equal(cache.keyOf(KEY), keys[0]);
    assert.notEqual(setUp().key, keys[0]);
  });
});
