import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseCharacterSet } from '../../../src/core/character-set.ts';

describe('parseCharacterSet()', () => {
  const table: [text: string, characters: string][] = [
    ['', ''],
    ['abc', 'abc'],
    ['a-e', 'abcde'],
    ['0-3X-Z', '0123XYZ'],
    ['a-', 'a-'],
    ['-a', '-a'],
    ['a-Z', 'a-Z'],
    ['.-_@', '.-_@'],
    ['9.-_@', '9.-_@'],
    ['a-c-e', 'abc-e'],
    ['é\u{1F600}', 'é\u{1F600}'],
  ];
  for (const [text, characters] of table) {
    it(`reads "${text}" as "${characters}"`, () =>
      assert.deepEqual([...parseCharacterSet(text)].toSorted(), Array.from(characters).toSorted()));
  }

  it("holds no slash in Dovecot's own list, where .-_ is no range", () => {
    const set = parseCharacterSet('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01234567890.-_@');
    assert.equal(set.size, 26 + 26 + 10 + 4);
    assert.ok(!set.has('/'));
    assert.deepEqual(parseCharacterSet('a-zA-Z0-9.-_@'), set);
  });

  it('refuses a range that runs backwards', () => assert.throws(() => parseCharacterSet('z-a'), RangeError));

  it('ends for any text', () =>
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        try {
          assert.ok(parseCharacterSet(text).size <= text.length + 62);
        } catch (error) {
          assert.ok(error instanceof RangeError);
        }
      }),
    ));
});
