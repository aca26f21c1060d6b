import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ProtocolError } from '../../../src/core/errors.ts';
import {
  formatPolicyReply,
  formatPolicyRequest,
  MAX_POLICY_REQUEST_BYTES,
  takePolicyRequest,
} from '../../../src/protocol/policy.ts';
import { cuts, takeAll } from '../../support/take-all.ts';

function take(text: string): { attributes: Record<string, string>; rest: string } | undefined {
  const taken = takePolicyRequest(Buffer.from(text));
  return taken && { attributes: Object.fromEntries(taken.value), rest: taken.rest.toString() };
}

describe('takePolicyRequest()', () => {
  const cases: [string, string, ReturnType<typeof take>][] = [
    ['waits for nothing at all', '', undefined],
    ['waits for the empty line', 'a=b\n', undefined],
    ['takes one request', 'a=b\nc=d\n\n', { attributes: { a: 'b', c: 'd' }, rest: '' }],
    ['leaves the next request', 'a=b\n\nc=d', { attributes: { a: 'b' }, rest: 'c=d' }],
    ['splits at the first equals sign', 'sender=a=b@c\n\n', { attributes: { sender: 'a=b@c' }, rest: '' }],
    ['keeps empty values', 'sender=\n\n', { attributes: { sender: '' }, rest: '' }],
    ['keeps the first of two values', 'a=1\na=2\n\n', { attributes: { a: '1' }, rest: '' }],
    ['keeps a CR as part of the value', 'a=b\r\n\n', { attributes: { a: 'b\r' }, rest: '' }],
    ['does not end a request at CR LF CR LF', 'a=b\r\n\r\n', undefined],
    ['reads UTF-8', 'sender=jörg@bücher.example\n\n', { attributes: { sender: 'jörg@bücher.example' }, rest: '' }],
    ['takes a request without attributes', '\na=b', { attributes: {}, rest: 'a=b' }],
    ['keeps names that are no names', 'constructor=x\n\n', { attributes: { constructor: 'x' }, rest: '' }],
  ];
  for (const [name, text, expected] of cases)
    it(`${name}: ${JSON.stringify(text)}`, () => assert.deepEqual(take(text), expected));

  it('refuses an attribute without a name', () => {
    assert.throws(() => take('a=b\nrubbish\n\n'), ProtocolError);
    assert.throws(() => take('=b\n\n'), ProtocolError);
  });

  it('refuses a request past the limit, finished or not, and takes one at the limit', () => {
    const atLimit = `a=${'x'.repeat(MAX_POLICY_REQUEST_BYTES - 2)}`;
    assert.equal(take(`${atLimit}\n\n`)?.attributes['a']?.length, MAX_POLICY_REQUEST_BYTES - 2);
    assert.throws(() => take(`${atLimit}x\n\n`), ProtocolError);
    assert.throws(() => take(`${atLimit}x`), ProtocolError);
  });

  it('gives the same requests for any split of the bytes, and what formatPolicyRequest() wrote', () => {
    const name = fc.stringMatching(/^[a-z_]{1,12}$/);
    const value = fc.string({ maxLength: 30, unit: 'grapheme' }).map((text) => text.replaceAll('\n', ' '));
    const request = fc.dictionary(name, value, { maxKeys: 8 }).map((record) => new Map(Object.entries(record)));
    fc.assert(
      fc.property(fc.array(request, { maxLength: 4 }), cuts, (requests, places) => {
        const bytes = Buffer.from(requests.map(formatPolicyRequest).join(''));
        const { values, rest } = takeAll(takePolicyRequest, bytes, places);
        assert.deepEqual(values, requests);
        assert.equal(rest.length, 0);
      }),
    );
  });

  it('takes, waits or throws ProtocolError on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          takeAll(takePolicyRequest, Buffer.from(bytes));
        } catch (error) {
          assert.ok(error instanceof ProtocolError);
        }
      }),
      { numRuns: 20_000 },
    );
  });
});

describe('formatPolicyReply()', () => {
  const cases: [string, string, string][] = [
    ['writes the action', 'DUNNO', 'action=DUNNO\n\n'],
    ['never writes an empty action', '', 'action=DUNNO\n\n'],
    ['takes blanks for empty', ' \n ', 'action=DUNNO\n\n'],
    ['keeps text on one line', '552 5.2.2 full\naction=OK\r\0', 'action=552 5.2.2 full action=OK\n\n'],
    ['keeps UTF-8', '552 5.2.2 voll für heute', 'action=552 5.2.2 voll für heute\n\n'],
  ];
  for (const [name, action, expected] of cases) it(name, () => assert.equal(formatPolicyReply(action), expected));

  it('writes one line of valid UTF-8 within 510 bytes for any text', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 700, unit: 'binary' }), (action) => {
        const bytes = Buffer.from(formatPolicyReply(action));
        const match = /^action=([^\n]+)\n\n$/.exec(bytes.toString());
        assert.ok(match !== null);
        assert.ok(Buffer.byteLength(match[1] ?? '') <= 510);
        assert.deepEqual(Buffer.from(new TextDecoder('utf-8', { fatal: true }).decode(bytes)), bytes);
      }),
    );
  });
});
