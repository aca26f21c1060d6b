/**
 * The crypt(3) family: the system's libcrypt, and without one the forms that are done here (SHA-crypt, MD5-CRYPT, bcrypt).
 * Every other form is an outage then, not a mismatch: the password may well be right. Synchronous, for hash workers.
 */
import { randomBytes } from 'node:crypto';
import { hashSync as hashBcryptSync, verifySync as verifyBcryptSync } from '@node-rs/bcrypt';
import type { HashVerdict } from '../hasher.ts';
import { isSameSecret } from './compare.ts';
import { CRYPT_ALPHABET } from './crypt-base64.ts';
import { MAX_CRYPT_PASSWORD_BYTES } from './crypt-forms.ts';
import type { Libcrypt } from './libcrypt.ts';
import { cryptMd5 } from './md5-crypt.ts';
import { cryptSha, DEFAULT_SHA_ROUNDS, readShaCryptRounds } from './sha-crypt.ts';

const SALT_CHARS = 16;
const BCRYPT = /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/;
/** Done here it takes ten times as long as in the library; more rounds than this would be seconds. */
const MAX_ROUNDS_WITHOUT_LIBRARY = 1_000_000;

/** Compares a password with a hash of whatever form. */
export function verifyCrypt(password: Buffer, text: string, libcrypt: Libcrypt | undefined): HashVerdict {
  // C strings end at NUL: `secret\0x` must not match `secret`.
  if (password.includes(0)) return 'mismatch';
  // The same work as for any other, so that time and answer do not tell the users of this scheme from nobody.
  const hashable = password.subarray(0, MAX_CRYPT_PASSWORD_BYTES);
  const verdict = libcrypt === undefined ? verifyAlone(hashable, text) : verifyWith(libcrypt, { hashable, text });
  return verdict === 'match' && password.length > MAX_CRYPT_PASSWORD_BYTES ? 'mismatch' : verdict;
}

/** Makes the text of a SHA256-CRYPT or SHA512-CRYPT hash. */
export function hashShaCrypt(
  password: Buffer,
  { id, rounds, libcrypt }: { id: '5' | '6'; rounds: number; libcrypt: Libcrypt | undefined },
): string {
  const setting = `$${id}$${rounds === DEFAULT_SHA_ROUNDS ? '' : `rounds=${rounds}$`}${makeCryptSalt()}$`;
  const text = libcrypt === undefined ? cryptSha(password, setting) : libcrypt.crypt(password, setting);
  if (text === undefined) throw new Error('Cannot hash password: libcrypt does not know SHA-crypt');
  return text;
}

/** Makes the text of a bcrypt hash, as `$2y$` like doveadm: the same algorithm as the library's `$2b$`. */
export function hashBcrypt(password: Buffer, cost: number): string {
  return hashBcryptSync(password, cost).replace(/^\$2b\$/, '$2y$');
}

/** A new salt in the alphabet of crypt(3). */
export function makeCryptSalt(): string {
  return [...randomBytes(SALT_CHARS)].map((byte) => CRYPT_ALPHABET.charAt(byte % CRYPT_ALPHABET.length)).join('');
}

function verifyWith(libcrypt: Libcrypt, { hashable, text }: { hashable: Buffer; text: string }): HashVerdict {
  return compare(libcrypt.crypt(hashable, text), text);
}

function verifyAlone(hashable: Buffer, text: string): HashVerdict {
  if (BCRYPT.test(text)) return verifyBcryptSync(hashable, text) ? 'match' : 'mismatch';
  const rounds = readShaCryptRounds(text);
  if (rounds !== undefined) {
    return rounds > MAX_ROUNDS_WITHOUT_LIBRARY ? 'busy' : compare(cryptSha(hashable, text), text);
  }
  const md5 = cryptMd5(hashable, text);
  return md5 === undefined ? 'busy' : compare(md5, text);
}

function compare(hashed: string | undefined, wanted: string): HashVerdict {
  if (hashed === undefined) return 'unusable';
  return isSameSecret(Buffer.from(hashed), Buffer.from(wanted)) ? 'match' : 'mismatch';
}
