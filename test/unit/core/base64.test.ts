import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeBase64 } from '../../../src/core/base64.ts';

describe('decodeBase64()', () => {
  it('reads back every buffer', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        assert.deepEqual(decodeBase64(Buffer.from(bytes).toString('base64')), Buffer.from(bytes));
      }),
    );
  });

  it('refuses what Node would silently skip', () => {
    for (const text of ['=', 'YQ', 'Y', 'YQ==YQ==', 'Y Q=', 'YQ\t==', 'YQ-_', '==', '====', 'YQ==\n'])
      assert.equal(decodeBase64(text), undefined, text);
  });
});
