import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { preparePassword, prepareText } from '../../../src/auth/saslprep.ts';

describe('prepareText()', () => {
  // The examples of RFC 4013 section 3, and some more.
  const cases: [string, string | undefined][] = [
    ['I\u00ADX', 'IX'],
    ['user', 'user'],
    ['USER', 'USER'],
    ['\u00AA', 'a'],
    ['\u2168', 'IX'],
    ['\u0007', undefined],
    ['\u0627\u0031', undefined],
    ['', ''],
    ['a\u00A0b', 'a b'],
    ['te\u0301st', 't\u00E9st'],
    ['\u{1F600}', '\u{1F600}'],
    ['\u00AD', undefined],
  ];
  for (const [text, prepared] of cases) {
    it(`makes ${JSON.stringify(prepared)} of ${JSON.stringify(text)}`, () => {
      assert.equal(prepareText(text), prepared);
    });
  }
});

describe('preparePassword()', () => {
  it('prepares what can be prepared and keeps the bytes of everything else', () => {
    assert.deepEqual(preparePassword(Buffer.from('te\u0301st')), Buffer.from('t\u00E9st'));
    for (const kept of [Buffer.from([0xff, 0x61]), Buffer.from('bell\u0007'), Buffer.from('pencil')])
      assert.equal(preparePassword(kept), kept);
  });
});
