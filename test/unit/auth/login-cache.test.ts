import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LoginCache, type CachedLogin, type LoginKey } from '../../../src/auth/login-cache.ts';

const LOGIN: CachedLogin = { stored: '{PLAIN}x', user: 'bob@example.com', allowNets: [] };
const KEY: LoginKey = { passdb: 'local', service: 'smtp', username: 'bob', password: Buffer.from('x') };

describe('LoginCache (RULES 33)', () => {
  it('expires an entry when it is read, without any sweep', () => {
    let now = 1000;
    const cache = new LoginCache({ ttlMs: 100, maxEntries: 10, clock: { now: () => now } });
    const key = cache.keyOf(KEY);
    cache.remember(key, LOGIN);
    now = 1099;
    assert.deepEqual(cache.find(key), LOGIN);
    now = 1100;
    assert.equal(cache.find(key), undefined);
    assert.equal(cache.size, 0);
    assert.deepEqual([cache.hitCount, cache.missCount], [1, 1]);
  });

  it('lets the oldest entry go when it is full, and never throws on an update', () => {
    const cache = new LoginCache({ ttlMs: 100, maxEntries: 2, clock: { now: () => 0 } });
    for (const key of ['a', 'b', 'a', 'c']) cache.remember(key, LOGIN);
    assert.equal(cache.size, 2);
    assert.equal(cache.find('b'), undefined);
    assert.ok(cache.find('a') !== undefined && cache.find('c') !== undefined);
  });

  it('keeps nothing when it is off', () => {
    const cache = new LoginCache({ ttlMs: 0, maxEntries: 10, clock: { now: () => 0 } });
    cache.remember('a', LOGIN);
    assert.equal(cache.size, 0);
  });

  it('has one key for each passdb, service, name and password, different in each process', () => {
    const options = { ttlMs: 100, maxEntries: 10, clock: { now: () => 0 } };
    const cache = new LoginCache(options);
    const keys = [
      KEY,
      { ...KEY, passdb: 'other' },
      { ...KEY, service: 'imap' },
      { ...KEY, username: 'bo' },
      { ...KEY, password: Buffer.from('y') },
      { ...KEY, username: 'bo', password: Buffer.from('bx') },
    ].map((key) => cache.keyOf(key));
    assert.equal(new Set(keys).size, keys.length);
    assert.equal(cache.keyOf(KEY), keys[0]);
    assert.notEqual(new LoginCache(options).keyOf(KEY), keys[0]);
    assert.ok(keys.every((key) => key.startsWith('login:')));
  });

  it('keeps what is used when it is full', () => {
    const cache = new LoginCache({ ttlMs: 100, maxEntries: 10, clock: { now: () => 0 } });
    cache.remember('used', LOGIN);
    for (let i = 0; i < 100; i++) {
      cache.remember(String(i), LOGIN);
      assert.deepEqual(cache.find('used'), LOGIN);
      assert.ok(cache.size <= 11, String(cache.size));
    }
  });

  it('costs no search among its entries when it is full', () => {
    const cache = new LoginCache({ ttlMs: 1000, maxEntries: 50_000, clock: { now: () => 0 } });
    const started = process.cpuUsage();
    for (let i = 0; i < 200_000; i++) cache.remember(String(i), LOGIN);
    const { user } = process.cpuUsage(started);
    assert.ok(cache.size <= 50_000);
    // With a search this takes over 5 s on a quick machine; without, a tenth of that.
    assert.ok(user < 4_000_000, `${user} us`);
  });
});
