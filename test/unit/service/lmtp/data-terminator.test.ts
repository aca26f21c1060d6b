import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { DataTerminator } from '../../../../src/service/lmtp/data-terminator.ts';

/** What a message became and what follows it, when its bytes come in these pieces. */
function takeAll(pieces: readonly string[]): { content: string; rest: string | undefined } {
  const terminator = new DataTerminator();
  let content = '';
  for (const [i, piece] of pieces.entries()) {
    const taken = terminator.take(Buffer.from(piece, 'latin1'));
    content += taken.content.toString('latin1');
    if (taken.rest !== undefined) {
      return { content, rest: taken.rest.toString('latin1') + pieces.slice(i + 1).join('') };
    }
  }
  return { content, rest: undefined };
}

/** The same, said by the book: only CRLF.CRLF ends, a dot after CRLF goes. */
function expected(wire: string): { content: string; rest: string | undefined } {
  const whole = `\r\n${wire}`;
  const end = whole.indexOf('\r\n.\r\n');
  const message = end === -1 ? whole : whole.slice(0, end + 2);
  return {
    content: message.replaceAll(/\r\n\./g, '\r\n').slice(2),
    rest: end === -1 ? undefined : whole.slice(end + 5),
  };
}

const CASES = [
  '.\r\n',
  'a\r\n.\r\nQUIT\r\n',
  '..\r\n.\r\n',
  'a\r\n..b\r\n.c\r\n.\r\n',
  // None of these ends a message (CVE-2023-51764 and its kin).
  'a\n.\nb\r\n.\r\n',
  'a\n.\r\nb\r\n.\r\n',
  'a\r\n.\nb\r\n.\r\n',
  'a\r.\rb\r\n.\r\n',
  'a\r\n.\rb\r\n.\r\n',
  'a\r.\r\nb\r\n.\r\n',
  'a\r\r\n.\r\r\nb\r\n.\r\n',
  'a\r\n\0.\r\nb\r\n.\0\r\n\r\n.\r\n',
  '\n.\r\n\r\n.\r\n',
  '\n..a\r\n.\r\n',
  '\r\n.\r\n.\r\n',
  '\r\r\n.\r\n',
];

describe('DataTerminator (RULES 25)', () => {
  for (const wire of CASES) {
    it(`takes ${JSON.stringify(wire)} the same way however it is cut`, () => {
      const whole = expected(wire);
      assert.notEqual(whole.rest, undefined);
      assert.deepEqual(takeAll([wire]), whole);
      for (let cut = 0; cut <= wire.length; cut++) {
        assert.deepEqual(takeAll([wire.slice(0, cut), wire.slice(cut)]), whole, `cut at ${cut}`);
      }
      assert.deepEqual(takeAll(wire.split('')), whole);
    });
  }

  it('keeps a dot after a bare LF, and two of them', () => {
    assert.equal(takeAll(['a\n.b\n..c\r\n.\r\n']).content, 'a\n.b\n..c\r\n');
  });

  it('agrees with the book for any bytes in any pieces', () => {
    const bytes = fc.array(fc.constantFrom('\r\n.\r\n', '\r\n', '.', '\r', '\n', '\r\n.', 'x', '\0'), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(bytes, fc.array(fc.nat(60), { maxLength: 8 }), (parts, cuts) => {
        const wire = parts.join('');
        const places = [0, ...cuts.map((cut) => Math.min(cut, wire.length)), wire.length].toSorted((a, b) => a - b);
        const pieces = places.slice(1).map((place, i) => wire.slice(places[i], place));
        const whole = expected(wire);
        const taken = takeAll(pieces);
        assert.equal(taken.rest, whole.rest);
        if (whole.rest === undefined) assert.ok(whole.content.startsWith(taken.content));
        else assert.equal(taken.content, whole.content);
      }),
      { numRuns: 2000 },
    );
  });
});
