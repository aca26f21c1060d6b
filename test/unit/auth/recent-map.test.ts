import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RecentMap } from '../../../src/auth/recent-map.ts';

describe('RecentMap (RULES 33)', () => {
  it('has what was used last, also when as many as it has room for come in turn', () => {
    const kept = new RecentMap<number>(10);
    for (let i = 0; i < 10; i++) kept.set(String(i), i);
    for (let i = 0; i < 100; i++) assert.equal(kept.get(String(i % 10)), i % 10);
  });

  it('keeps what is used while others come, and never more than twice its entries', () => {
    const kept = new RecentMap<number>(5);
    kept.set('used', -1);
    for (let i = 0; i < 100; i++) {
      kept.set(String(i), i);
      assert.equal(kept.get('used'), -1);
      assert.ok(kept.size <= 10, String(kept.size));
    }
    assert.equal(kept.get('1'), undefined);
  });

  it('gives what was set last and nothing that was deleted, whichever generation it was in', () => {
    const kept = new RecentMap<number>(2);
    for (const key of ['a', 'b', 'c']) kept.set(key, 1);
    kept.set('a', 2);
    assert.deepEqual([kept.get('a'), kept.size], [2, 3]);
    kept.delete('a');
    kept.delete('b');
    assert.deepEqual([kept.get('a'), kept.get('b'), kept.size], [undefined, undefined, 1]);
  });

  it('keeps nothing without room', () => {
    const kept = new RecentMap<number>(0);
    kept.set('a', 1);
    assert.equal(kept.get('a'), undefined);
  });
});
