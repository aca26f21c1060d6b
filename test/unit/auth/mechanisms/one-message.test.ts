/** EXTERNAL and ANONYMOUS: one message, and nothing to prove in it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { MechanismStep } from '../../../../src/auth/mechanisms/mechanism.ts';
import { ANONYMOUS } from '../../../../src/auth/mechanisms/anonymous.ts';
import { EXTERNAL } from '../../../../src/auth/mechanisms/external.ts';
import { findMechanism } from '../../../../src/auth/mechanisms/table.ts';
import { playResponses, STILL_WORLD } from '../../../support/play-mechanism.ts';

const EMPTY: MechanismStep = { kind: 'challenge', challenge: Buffer.alloc(0) };

describe('EXTERNAL', () => {
  const cases: [Buffer | string, MechanismStep][] = [
    ['', { kind: 'external', authorizationId: undefined }],
    ['bob', { kind: 'external', authorizationId: 'bob' }],
    ['bo\0b', { kind: 'reject', reason: 'bad-request', user: undefined }],
    [Buffer.from([0xff]), { kind: 'reject', reason: 'bad-username', user: undefined }],
    ['x'.repeat(1025), { kind: 'reject', reason: 'bad-username', user: undefined }],
  ];
  for (const [message, expected] of cases) {
    it(`takes ${JSON.stringify(message.toString().slice(0, 40))}, at once and when it was asked for`, () => {
      assert.deepEqual(playResponses(EXTERNAL.begin(STILL_WORLD), { responses: [message] }).step, expected);
      const exchange = EXTERNAL.begin(STILL_WORLD);
      assert.deepEqual(exchange.next(undefined), EMPTY);
      assert.deepEqual(playResponses(exchange, { responses: [message] }).step, expected);
    });
  }
});

describe('ANONYMOUS', () => {
  const cases: [string, MechanismStep][] = [
    ['', { kind: 'anonymous', trace: undefined }],
    ['sirhc@example.com', { kind: 'anonymous', trace: 'sirhc@example.com' }],
    ['a\0b', { kind: 'anonymous', trace: 'a\0b' }],
  ];
  for (const [message, expected] of cases) {
    it(`takes ${JSON.stringify(message)}, at once and when it was asked for`, () => {
      assert.deepEqual(playResponses(ANONYMOUS.begin(STILL_WORLD), { responses: [message] }).step, expected);
      const exchange = ANONYMOUS.begin(STILL_WORLD);
      assert.deepEqual(exchange.next(undefined), EMPTY);
      assert.deepEqual(playResponses(exchange, { responses: [message] }).step, expected);
    });
  }
});

describe('findMechanism()', () => {
  it('knows every mechanism in any case, with the flags Postfix filters by', () => {
    const flags: Readonly<Record<string, readonly string[]>> = {
      plain: ['plaintext'],
      login: ['plaintext'],
      'cram-md5': ['dictionary', 'active'],
      'digest-md5': ['dictionary', 'active', 'mutual-auth'],
      'scram-sha-1': ['mutual-auth'],
      'scram-sha-256': ['mutual-auth'],
      external: [],
      anonymous: ['anonymous'],
    };
    for (const [name, expected] of Object.entries(flags)) {
      assert.deepEqual(findMechanism(name)?.flags, expected, name);
      assert.equal(findMechanism(name)?.name, name.toUpperCase());
    }
    assert.equal(findMechanism('scram-sha-512'), undefined);
  });
});
