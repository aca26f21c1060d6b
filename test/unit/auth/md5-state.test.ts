import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { finishCramStates, makeCramStates } from '../../../src/auth/md5-state.ts';

describe('makeCramStates()', () => {
  const cases: [string, string][] = [
    ['tést pass,1', 'a9fdec5d755cecbebd7a5232d49e14d89507b9ffaa909283973e3686f671ef4b'],
    ['secret', 'cd3ba7deaad6e5ca23448ba42e379747a9e0f7f1fbc00c8a81bbaac395731b56'],
  ];
  for (const [password, states] of cases) {
    it(`stores "${password}" as doveadm pw does`, () => {
      assert.equal(makeCramStates(Buffer.from(password)).toString('hex'), states);
    });
  }
});

describe('finishCramStates()', () => {
  it('gives the HMAC-MD5 of every key and message', () => {
    const bytes = fc.uint8Array({ maxLength: 300 }).map((b) => Buffer.from(b));
    fc.assert(
      fc.property(bytes, bytes, (key, message) => {
        const expected = createHmac('md5', key).update(message).digest();
        assert.deepEqual(finishCramStates(makeCramStates(key), message), expected);
      }),
    );
  });

  it('refuses states of another length', () => {
    assert.throws(() => finishCramStates(Buffer.alloc(16), Buffer.alloc(0)), RangeError);
  });
});
