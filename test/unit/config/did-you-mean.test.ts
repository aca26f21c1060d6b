import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findNearest } from '../../../src/config/did-you-mean.ts';

describe('findNearest()', () => {
  const words = ['sasl', 'policy', 'lmtp', 'lookup', 'http', 'idle_timeout', 'level'];
  for (const [word, expected] of [
    ['slas', 'sasl'],
    ['SASL', 'sasl'],
    ['polcy', 'policy'],
    ['smtp', 'lmtp'],
    ['idletimeout', 'idle_timeout'],
    ['idle_timoeut', 'idle_timeout'],
    ['levle', 'level'],
    ['xyz', undefined],
    ['', undefined],
    ['database', undefined],
    ['x'.repeat(10_000), undefined],
  ] as const) {
    it(`gives ${String(expected)} for "${word.slice(0, 20)}"`, () => assert.equal(findNearest(word, words), expected));
  }

  it('takes the first of two that are equally near', () => assert.equal(findNearest('ac', ['ab', 'ad']), 'ab'));
});
