import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { matchesMask } from '../../../src/core/wildcard.ts';

function letters(alphabet: string): fc.Arbitrary<string> {
  return fc.string({ unit: fc.constantFrom(...Array.from(alphabet)), maxLength: 12 });
}

describe('matchesMask()', () => {
  const table: [text: string, mask: string, fits: boolean][] = [
    ['Trash', 'Trash', true],
    ['Trash', 'trash', false],
    ['Trash/2020', 'Trash*', true],
    ['Trash/2020', 'Trash/*', true],
    ['Trash', 'Trash/*', false],
    ['Archive/Trash', '*Trash', true],
    ['Archive/Trash/2020', '*Trash', false],
    ['Archive/Trash/2020', '*Trash*', true],
    ['abcbcd', 'a*bcd', true],
    ['Spam1', 'Spam?', true],
    ['Spam', 'Spam?', false],
    ['Entwürfe', 'Entw?rfe', true],
    ['x😀y', 'x?y', true],
    ['50%', '50%', true],
    ['a\\*', 'a\\*', true],
    ['', '*', true],
    ['', '', true],
    ['', '?', false],
    ['a', '', false],
    ['a', '**', true],
    ['Deleted Items', 'Deleted *', true],
    ['.*', '.*', true],
    ['aa', '.*', false],
  ];
  for (const [text, mask, fits] of table) {
    it(`says that ${JSON.stringify(text)} ${fits ? 'fits' : 'does not fit'} ${JSON.stringify(mask)}`, () => {
      assert.equal(matchesMask(text, mask), fits);
    });
  }

  it('agrees with a regular expression of the same meaning', () => {
    fc.assert(
      fc.property(letters('ab/'), letters('ab/*?'), (text, mask) => {
        const expression = new RegExp(`^${mask.replaceAll('*', '.*').replaceAll('?', '.')}$`);
        assert.equal(matchesMask(text, mask), expression.test(text));
      }),
      { numRuns: 2000 },
    );
  });

  it('is quick with a mask that a backtracking matcher needs years for', () => {
    assert.equal(matchesMask('a'.repeat(2000), `${'a*'.repeat(500)}b`), false);
  });
});
