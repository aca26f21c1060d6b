import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeHash } from '../../../../src/auth/schemes/hash-facts.ts';

const SHA512 = '$6$saltsaltsaltsalt$';

describe('describeHash()', () => {
  const cases: readonly (readonly [stored: string, scheme: string | undefined, marks?: string])[] = [
    ['{PLAIN}x', 'PLAIN', 'proofs'],
    ['{cleartext}x', 'PLAIN', 'proofs'],
    ['{PLAIN}!x', 'PLAIN', 'proofs'],
    ['{PLAIN}', 'PLAIN', 'proofs'],
    [`{SHA512-CRYPT}${SHA512}${'x'.repeat(86)}`, 'SHA512-CRYPT'],
    [`{CRYPT}${SHA512}${'x'.repeat(86)}`, 'CRYPT'],
    ['{CRYPT}$1$salt$abcdefghijklmnopqrstuv', 'CRYPT', 'weak'],
    ['{CRYPT}abcdefghijklm', 'CRYPT', 'weak'],
    ['{PLAIN-MD5}0cc175b9c0f1b6a831c399e269772661', 'PLAIN-MD5', 'weak'],
    ['{CRYPT}', 'CRYPT', 'locked'],
    ['{CRYPT}!', 'CRYPT', 'locked'],
    ['{CRYPT}*', 'CRYPT', 'locked'],
    [`{SHA512-CRYPT}!${SHA512}x`, 'SHA512-CRYPT', 'locked'],
    ['{CRYPT}secret', undefined],
    ['{SHA256.hex}00', undefined],
    [`{SHA256.hex}${'0'.repeat(64)}`, 'SHA256'],
    ['{SSHA512}no base64', undefined],
    ['{DIGEST-MD5}secret', undefined],
    ['{DIGEST-MD5}0cc175b9c0f1b6a831c399e269772661', 'DIGEST-MD5', 'proofs'],
    ['{ARGON2ID}$argon2id$nonsense', undefined],
    ['{NTLM}0cc175b9c0f1b6a831c399e269772661', undefined],
    ['{SHA512-CRYPT.rot13}x', undefined],
    ['{__proto__}x', undefined],
  ];
  for (const [stored, scheme, marks = ''] of cases) {
    it(`says of ${stored.slice(0, 40)}: ${scheme ?? 'nothing can match'} ${marks}`, () => {
      const facts = describeHash(stored);
      assert.equal(facts?.scheme, scheme);
      assert.equal(facts?.isLocked ?? false, marks === 'locked');
      assert.equal(facts?.weakness !== undefined, marks === 'weak');
      assert.equal((facts?.proofs.length ?? 0) > 0, marks === 'proofs');
    });
  }
});
