import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ProtocolError } from '../../../src/core/errors.ts';
import { formatNetstring, takeNetstring } from '../../../src/protocol/netstring.ts';
import { formatSocketmapReply, formatSocketmapRequest, takeSocketmapRequest } from '../../../src/protocol/socketmap.ts';
import { cuts, takeAll } from '../../support/take-all.ts';

describe('takeSocketmapRequest()', () => {
  const cases: [string, string, string][] = [
    ['recipient bob@example.com', 'recipient', 'bob@example.com'],
    ['recipient "a b"@example.com', 'recipient', '"a b"@example.com'],
    ['recipient a b@example.com', 'recipient', 'a b@example.com'],
    ['recipient ', 'recipient', ''],
    ['recipient  x', 'recipient', ' x'],
    ['alias jörg@bücher.example', 'alias', 'jörg@bücher.example'],
    ['domain *', 'domain', '*'],
  ];
  for (const [payload, map, key] of cases) {
    it(`reads ${JSON.stringify(payload)}`, () => {
      assert.deepEqual(takeSocketmapRequest(Buffer.from(formatNetstring(payload)))?.value, { map, key });
    });
  }

  for (const payload of ['', 'recipient', ' bob@example.com']) {
    it(`refuses ${JSON.stringify(payload)}, which names no map`, () => {
      assert.throws(() => takeSocketmapRequest(Buffer.from(formatNetstring(payload))), ProtocolError);
    });
  }

  it('refuses more than 10000 bytes before they have come', () => {
    assert.equal(takeSocketmapRequest(Buffer.from('10000:')), undefined);
    assert.throws(() => takeSocketmapRequest(Buffer.from('10001:')), ProtocolError);
  });

  it('gives the same requests for any split of the bytes, and what formatSocketmapRequest() wrote', () => {
    const request = fc.record(
      {
        map: fc.stringMatching(/^[a-z]{1,10}$/),
        key: fc.string({ maxLength: 30, unit: 'grapheme' }),
      },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(fc.array(request, { maxLength: 5 }), cuts, (requests, places) => {
        const { values, rest } = takeAll(
          takeSocketmapRequest,
          Buffer.from(requests.map(formatSocketmapRequest).join('')),
          places,
        );
        assert.deepEqual(values, requests);
        assert.equal(rest.length, 0);
      }),
    );
  });
});

describe('formatSocketmapReply()', () => {
  it('writes what Postfix reads', () => {
    assert.equal(formatSocketmapReply({ kind: 'ok', data: 'bob@example.com' }), '18:OK bob@example.com,');
    assert.equal(formatSocketmapReply({ kind: 'notfound' }), '9:NOTFOUND ,');
    assert.equal(formatSocketmapReply({ kind: 'temp', reason: 'later' }), '10:TEMP later,');
  });

  it('never writes OK without data, which Postfix 3.7 takes for not found', () => {
    assert.throws(() => formatSocketmapReply({ kind: 'ok', data: '' }), RangeError);
    assert.throws(() => formatSocketmapReply({ kind: 'ok', data: ' ' }), RangeError);
  });

  it('never writes more than Postfix reads, nor a control character', () => {
    assert.throws(() => formatSocketmapReply({ kind: 'ok', data: 'x'.repeat(99_996) }), RangeError);
    assert.throws(() => formatSocketmapReply({ kind: 'ok', data: 'a\nb' }), RangeError);
    const longest = Buffer.from(formatSocketmapReply({ kind: 'ok', data: 'x'.repeat(99_995) }));
    assert.equal(takeNetstring(longest, 100_000)?.value.length, 99_998);
  });
});
