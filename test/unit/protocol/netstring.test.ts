import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ProtocolError } from '../../../src/core/errors.ts';
import { formatNetstring, takeNetstring } from '../../../src/protocol/netstring.ts';
import { cuts, takeAll } from '../../support/take-all.ts';

const MAX_BYTES = 100;
const take = (bytes: Buffer) => takeNetstring(bytes, MAX_BYTES);

describe('takeNetstring()', () => {
  const good: [string, string | undefined, string][] = [
    ['', undefined, ''],
    ['3', undefined, '3'],
    ['3:ab', undefined, '3:ab'],
    ['3:abc', undefined, '3:abc'],
    ['3:abc,', 'abc', ''],
    ['3:abc,x', 'abc', 'x'],
    ['0:,', '', ''],
    ['2:ü,', 'ü', ''],
    ['5:a,b:c,', 'a,b:c', ''],
    [`100:${'x'.repeat(100)},`, 'x'.repeat(100), ''],
  ];
  for (const [text, value, rest] of good) {
    it(`reads ${JSON.stringify(text.slice(0, 20))}`, () => {
      const taken = take(Buffer.from(text));
      assert.equal(taken?.value.toString(), value);
      if (taken !== undefined) assert.equal(taken.rest.toString(), rest);
    });
  }

  for (const text of [
    '03:abc,',
    '00:,',
    '-1:,',
    '+3:abc,',
    ' 3:abc,',
    '3 :abc,',
    '3:abcd',
    '3:abc;',
    ':abc,',
    'abc',
    '101',
    '1e1:',
    '\n',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => take(Buffer.from(text)), ProtocolError);
    });
  }

  it('gives the same values for any split of the bytes, and what formatNetstring() wrote', () => {
    const payload = fc
      .string({ maxLength: 20, unit: 'grapheme' })
      .filter((text) => Buffer.byteLength(text) <= MAX_BYTES);
    fc.assert(
      fc.property(fc.array(payload, { maxLength: 5 }), cuts, (payloads, places) => {
        const { values, rest } = takeAll(take, Buffer.from(payloads.map(formatNetstring).join('')), places);
        assert.deepEqual(values.map(String), payloads);
        assert.equal(rest.length, 0);
      }),
    );
  });

  it('takes, waits or throws ProtocolError on any bytes', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.stringMatching(/^[0-9:,a]{0,30}$/).map((s) => Buffer.from(s)),
    );
    fc.assert(
      fc.property(bytes, (input) => {
        try {
          takeAll(take, Buffer.from(input));
        } catch (error) {
          assert.ok(error instanceof ProtocolError);
        }
      }),
      { numRuns: 20_000 },
    );
  });
});
