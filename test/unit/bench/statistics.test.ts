/** The statistics of the bench, against values worked out by hand or known from tables. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  compareQuantiles,
  compareRanks,
  createRandom,
  mean,
  median,
  quantile,
  shuffle,
} from '../../bench/statistics.ts';

const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);

describe('order statistics', () => {
  const cases: readonly (readonly [readonly number[], number, number])[] = [
    [[7], 0.99, 7],
    [[3, 1, 2], 0.5, 2],
    [[4, 1, 3, 2], 0.5, 2.5],
    [range(0, 101), 0.99, 99],
    [[10, 0], 0, 0],
    [[10, 0], 1, 10],
    // Sorted as numbers, not as text.
    [[10, 9, 100], 0.5, 10],
  ];
  for (const [samples, share, expected] of cases) {
    it(`quantile() of ${samples.length} samples at ${share} is ${expected}`, () => {
      assert.equal(quantile(samples, share), expected);
    });
  }

  it('median() and mean() leave the samples as they were, and are NaN without any', () => {
    const samples = [9, 1, 2];
    assert.deepEqual([median(samples), mean(samples), samples], [2, 4, [9, 1, 2]]);
    assert.deepEqual([median([]), mean([])], [Number.NaN, Number.NaN]);
  });
});

describe('compareRanks()', () => {
  it('gives the z and p of a case worked out by hand', () => {
    // Ranks 1 to 5 against 6 to 10: sum 15, expected 27.5, variance 5 * 5 * 11 / 12.
    const { z, p } = compareRanks(range(1, 5), range(6, 5));
    assert.ok(Math.abs(z - -12.5 / Math.sqrt(275 / 12)) < 1e-12, String(z));
    assert.ok(Math.abs(p - 0.009023) < 1e-5, String(p));
  });

  it('shares ranks among equal values', () => {
    // Sorted 1 2 2 2 3 with the ranks 1 3 3 3 5: the first set has 1 and 3, which is 4 where 6 is expected.
    const { z } = compareRanks([1, 2], [2, 2, 3]);
    assert.ok(Math.abs(z - -2 / Math.sqrt((6 / 12) * (6 - 24 / 20))) < 1e-12, String(z));
  });

  it('says nothing of sets that are all alike', () => {
    const { z, p } = compareRanks([5, 5, 5], [5, 5]);
    assert.equal(z, 0);
    assert.ok(Math.abs(p - 1) < 1e-6);
  });

  it('changes only its sign when the sets change places', () => {
    const samples = fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 2, maxLength: 40 });
    fc.assert(
      fc.property(samples, samples, (a, b) => {
        const [one, other] = [compareRanks(a, b), compareRanks(b, a)];
        assert.ok(Math.abs(one.z + other.z) < 1e-9);
        assert.ok(Math.abs(one.p - other.p) < 1e-9);
      }),
    );
  });
});

describe('compareQuantiles()', () => {
  const random = createRandom(1);
  const noise = (shift: number): number[] => Array.from({ length: 400 }, () => 1000 + shift + 100 * random());

  it('has zero in its interval for two draws of the same, and not for a shifted one', () => {
    const same = compareQuantiles(noise(0), noise(0), 0.5);
    assert.ok(same.low < 0 && same.high > 0, JSON.stringify(same));
    const shifted = compareQuantiles(noise(50), noise(0), 0.5);
    assert.ok(shifted.low > 30 && shifted.high < 70, JSON.stringify(shifted));
    assert.ok(shifted.low < shifted.estimate && shifted.estimate < shifted.high);
  });

  it('gives the same answer for the same samples', () => {
    const [a, b] = [noise(3), noise(0)];
    assert.deepEqual(compareQuantiles(a, b, 0.1), compareQuantiles(a, b, 0.1));
  });
});

describe('chance', () => {
  it('createRandom() stays in its bounds and spreads over them', () => {
    const random = createRandom(42);
    const drawn = Array.from({ length: 10_000 }, random);
    assert.ok(drawn.every((value) => value >= 0 && value < 1));
    assert.ok(Math.abs(mean(drawn) - 0.5) < 0.02);
  });

  it('shuffle() keeps every item and changes their order', () => {
    const items = range(0, 100);
    const shuffled = shuffle(items, createRandom(7));
    assert.notDeepEqual(shuffled, items);
    assert.deepEqual(
      shuffled.toSorted((a, b) => a - b),
      items,
    );
  });
});
