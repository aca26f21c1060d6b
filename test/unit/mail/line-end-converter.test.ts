/** Line ends from the wire to the disk, and the two sizes in a file's name. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LineEndConverter } from '../../../src/mail/line-end-converter.ts';

interface Converted {
  readonly text: string;
  readonly storedBytes: number;
  readonly wireBytes: number;
}

function convert(pieces: readonly string[]): Converted {
  const converter = new LineEndConverter();
  const out = pieces.flatMap((piece) => converter.convert(Buffer.from(piece, 'latin1')));
  const text = Buffer.concat([...out, ...converter.finish()]).toString('latin1');
  return { text, storedBytes: converter.storedBytes, wireBytes: converter.wireBytes };
}

/** The same, said as shortly as possible. */
function expected(text: string): Converted {
  const stored = text.replaceAll('\r\n', '\n');
  const lines = stored.match(/(?<!\r)\n/g)?.length ?? 0;
  return { text: stored, storedBytes: stored.length, wireBytes: stored.length + lines };
}

const TEXTS: readonly (readonly [what: string, text: string, stored: string, wireBytes: number])[] = [
  ['nothing', '', '', 0],
  ['lines of the wire', 'a\r\nbc\r\n', 'a\nbc\n', 7],
  ['a bare LF, which counts as a line end', 'a\nb', 'a\nb', 4],
  ['a bare CR, which stays', 'a\rb\r', 'a\rb\r', 4],
  ['CR CR LF, of which one CR stays', 'a\r\r\n', 'a\r\n', 3],
  ['line ends alone', '\r\n\r\n\n', '\n\n\n', 6],
  ['bytes that are no ASCII', '\xff\r\n\x00', '\xff\n\x00', 4],
];

describe('LineEndConverter', () => {
  for (const [what, text, stored, wireBytes] of TEXTS) {
    it(`stores ${what}`, () => {
      const result = { text: stored, storedBytes: stored.length, wireBytes };
      assert.deepEqual(convert([text]), result);
      assert.deepEqual(convert(text.split('')), result);
    });
  }

  it('stores the same however the bytes are split', () => {
    const text = fc
      .array(fc.constantFrom('\r', '\n', '\r\n', 'a', 'bcd'), { maxLength: 20 })
      .map((all) => all.join(''));
    fc.assert(
      fc.property(text, fc.array(fc.nat(40), { maxLength: 8 }), (whole, cuts) => {
        const places = [0, ...cuts.toSorted((a, b) => a - b), whole.length];
        const pieces = places.slice(1).map((to, i) => whole.slice(places[i], to));
        const all = pieces.join('') === whole ? pieces : [whole];
        assert.deepEqual(convert(all), expected(whole));
      }),
      { numRuns: 5000 },
    );
  });
});
