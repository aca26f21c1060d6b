import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { HeaderGuard, type HeaderLimits } from '../../../../src/service/lmtp/header-guard.ts';

const LIMITS: HeaderLimits = { maxReceivedHeaders: 2, maxHeaderBytes: 64 };

/** What a guard says of a message in these pieces. */
function judge(pieces: readonly Buffer[], limits = LIMITS): string {
  const guard = new HeaderGuard(limits);
  for (const piece of pieces) {
    const refusal = guard.check(piece);
    if (refusal !== undefined) return refusal.reason;
  }
  return 'fine';
}

const HOP = 'Received: a\r\n';
const MESSAGES: readonly (readonly [what: string, message: string, verdict: string])[] = [
  ['nothing', '', 'fine'],
  ['as many hops as allowed', `${HOP.repeat(2)}\r\n`, 'fine'],
  ['one hop too many', `${HOP.repeat(3)}\r\n`, 'too-many-hops'],
  ['a name in any case, and blanks before the colon', 'RECEIVED:a\nreceived : b\nReCeIvEd\t:\n\n', 'too-many-hops'],
  ['other names that begin or end like it', 'Received-X:\r\n'.repeat(3) + 'X-Received: a\n', 'fine'],
  ['a value that looks like it', `Subject: Received: a\r\n${' Received: a\r\n'.repeat(3)}`, 'fine'],
  ['hops in the body', `A: b\r\n\r\n${HOP.repeat(5)}`, 'fine'],
  ['hops behind a line that is no field', `A: b\r\nno field\r\n${HOP.repeat(5)}`, 'fine'],
  ['hops behind a colon without a name', `: b\r\n${HOP.repeat(5)}`, 'fine'],
  ['hops behind a name that is not ASCII', `\u00e4: b\r\n${HOP.repeat(5)}`, 'fine'],
  ['bare line feeds', 'Received: a\n'.repeat(3), 'too-many-hops'],
  ['a last line without its end', `${HOP.repeat(2)}Received:`, 'too-many-hops'],
  ['a header as long as allowed', `A: ${'x'.repeat(59)}\r\n`, 'fine'],
  ['a header one byte too long', `A: ${'x'.repeat(60)}\r\n`, 'header-too-large'],
  ['one of many short fields', 'A: b\r\n'.repeat(11), 'header-too-large'],
  ['one continued', `A: b\r\n${' c\r\n'.repeat(16)}`, 'header-too-large'],
  ['a name without an end', 'x'.repeat(65), 'header-too-large'],
  ['a long body', `A: b\r\n\r\n${'x'.repeat(1000)}`, 'fine'],
  ['a long body without a header', `no field here ${'x'.repeat(1000)}`, 'fine'],
];

describe('HeaderGuard', () => {
  for (const [what, message, verdict] of MESSAGES) {
    it(`says ${verdict} of ${what}, whole and byte by byte`, () => {
      const bytes = Buffer.from(message);
      assert.equal(judge([bytes]), verdict);
      assert.equal(judge([...bytes].map((byte) => Buffer.of(byte))), verdict);
    });
  }

  it('says the same of a message however it is split', () => {
    const line = fc.constantFrom(HOP, 'Received', ': a\r\n', '\r\n', '\n', ' ', '\t', 'A: b\r\n', 'x'.repeat(20), ':');
    const message = fc.array(line, { maxLength: 12 }).map((lines) => Buffer.from(lines.join('')));
    fc.assert(
      fc.property(message, fc.array(fc.nat(200), { maxLength: 6 }), (bytes, cuts) => {
        const at = [...new Set(cuts.map((cut) => Math.min(cut, bytes.length)))].toSorted((a, b) => a - b);
        const pieces = [0, ...at].map((from, i) => bytes.subarray(from, at[i] ?? bytes.length));
        // Which limit is met first is a matter of the pieces; whether one is met is not.
        assert.equal(judge(pieces) === 'fine', judge([bytes]) === 'fine');
        for (const limits of [
          { ...LIMITS, maxHeaderBytes: 1e9 },
          { ...LIMITS, maxReceivedHeaders: 1e9 },
        ])
          assert.equal(judge(pieces, limits), judge([bytes], limits));
      }),
      { numRuns: 3000 },
    );
  });
});
