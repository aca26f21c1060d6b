import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findScheme, isSlow, listSchemeNames, NEW_PASSWORD_SCHEMES } from '../../../../src/auth/schemes/scheme.ts';
import { storedScheme } from '../../../../src/config/auth-readers.ts';
import { auth } from '../../../../src/config/auth-settings.ts';
import { readText, type Reader } from '../../../../src/config/reader.ts';

/** The words a reader takes, from what it says to one it does not know. */
function wordsOf(reader: Reader<unknown>): string[] {
  const reading = readText(reader, 'no-such-scheme');
  assert.ok(reading.kind === 'fault');
  return (/: there are (.*)$/.exec(reading.reason)?.[1] ?? '').split(', ').toSorted();
}

describe('the list of schemes', () => {
  it('has every name of Dovecot 2.3 and 2.4 that is served', () => {
    const names = `PLAIN CLEAR CLEARTEXT PLAIN-TRUNC CRYPT DES-CRYPT MD5-CRYPT MD5 SHA256-CRYPT SHA512-CRYPT BLF-CRYPT
      ARGON2I ARGON2ID ARGON2 PBKDF2 SHA SHA1 SHA256 SHA512 SSHA SSHA256 SSHA512 SMD5 LDAP-MD5 PLAIN-MD5 PLAIN-MD4
      CRAM-MD5 HMAC-MD5 DIGEST-MD5 SCRAM-SHA-1 SCRAM-SHA-256`;
    assert.deepEqual(listSchemeNames().toSorted(), names.split(/\s+/).toSorted());
    for (const name of listSchemeNames()) assert.equal(findScheme(name.toLowerCase()), findScheme(name));
  });

  it('knows nothing else', () => {
    for (const name of ['', 'OTP', 'NTLM', 'constructor', '__proto__', 'toString'])
      assert.equal(findScheme(name), undefined);
  });

  it('is what the configuration takes for stored passwords', () => {
    assert.deepEqual(wordsOf(storedScheme), listSchemeNames().toSorted());
  });

  it('is what the configuration takes for new ones, all of them slow', () => {
    assert.deepEqual(wordsOf(auth.settings.default_scheme.reader), [...NEW_PASSWORD_SCHEMES].toSorted());
    for (const name of NEW_PASSWORD_SCHEMES) {
      const scheme = findScheme(name);
      assert.ok(scheme !== undefined && isSlow(scheme) && scheme.weakness === undefined, name);
    }
  });
});
