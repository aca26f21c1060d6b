import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Generations } from '../../../src/auth/generations.ts';

describe('Generations (RULES 33)', () => {
  it('lets the oldest entry go when it is full, and never throws on an update', () => {
    const kept = new Generations<number>('test', 1);
    for (const [i, key] of ['a', 'b', 'a', 'c'].entries()) kept.set(key, i);
    assert.equal(kept.size, 2);
    assert.equal(kept.get('b'), undefined);
    assert.deepEqual([kept.get('a'), kept.get('c')], [2, 3]);
  });

  it('has what was used last, also when as many as it has room for come in turn', () => {
    const kept = new Generations<number>('test', 10);
    for (let i = 0; i < 10; i++) kept.set(String(i), i);
    for (let i = 0; i < 100; i++) assert.equal(kept.get(String(i % 10)), i % 10);
  });

  it('keeps what is used when it is full', () => {
    const kept = new Generations<number>('test', 5);
    kept.set('used', -1);
    for (let i = 0; i < 100; i++) {
      kept.set(String(i), i);
      assert.equal(kept.get('used'), -1);
      assert.ok(kept.size <= 11, String(kept.size));
    }
  });

  it('takes any text for a key', () => {
    const kept = new Generations<number>('test', 100);
    const keys = ['__proto__', 'constructor', '', '1', ' 1'];
    for (const [i, key] of keys.entries()) kept.set(key, i);
    assert.deepEqual(
      keys.map((key) => kept.get(key)),
      [0, 1, 2, 3, 4],
    );
    for (const key of keys) kept.delete(key);
    assert.equal(kept.size, 0);
  });

  it('keeps nothing without room', () => {
    const kept = new Generations<number>('test', 0);
    kept.set('a', 1);
    assert.equal(kept.get('a'), undefined);
  });

  it('costs no search among its entries when it is full', () => {
    const kept = new Generations<number>('test', 50_000);
    const started = process.cpuUsage();
    for (let i = 0; i < 200_000; i++) kept.set(String(i), i);
    const { user } = process.cpuUsage(started);
    assert.ok(kept.size <= 100_000);
    // With a search this takes over 5 s on a quick machine; without, a tenth of that.
    assert.ok(user < 4_000_000, `${user} us`);
  });
});
