/**
 * The schemes that are slow on purpose: crypt(3), bcrypt, argon2, PBKDF2, SCRAM. Synchronous, for hash workers only
 * (RULES 31). Whether a hash may be computed at all was decided before (`stored-work.ts`).
 */
import { randomBytes } from 'node:crypto';
import type { HashVerdict } from '../hasher.ts';
import { hashArgon2, verifyArgon2 } from './argon2.ts';
import { hashBcrypt, hashShaCrypt, makeCryptSalt, verifyCrypt } from './crypt.ts';
import type { Libcrypt } from './libcrypt.ts';
import { hashPbkdf2, readPbkdf2, verifyPbkdf2 } from './pbkdf2.ts';
import { NEW_ARGON2, readArgon2 } from './phc.ts';
import type { Scheme, SchemeKind } from './scheme.ts';
import { deriveScramData, NEW_SCRAM_SALT_BYTES, readScram, verifyScram } from './scram.ts';
import { readText, type StoredPassword } from './stored-password.ts';

type Verifier = (password: Buffer, stored: { readonly text: string; readonly scheme: Scheme }) => boolean | undefined;

/** All but crypt(3)'s; each gives undefined for malformed data. */
const VERIFIERS: Readonly<Partial<Record<SchemeKind, Verifier>>> = {
  argon2: (password, { text }) => {
    const stored = readArgon2(text);
    return stored && verifyArgon2(password, stored);
  },
  pbkdf2: (password, { text }) => {
    const stored = readPbkdf2(text);
    return stored && verifyPbkdf2(password, stored);
  },
  scram: (password, { text, scheme }) => {
    const stored = readScram(text, scheme);
    return stored && verifyScram(password, stored);
  },
};

/** Compares a password with a slow hash; `busy` when this machine has no library for it. */
export function verifySlow(password: Buffer, stored: StoredPassword, libcrypt: Libcrypt | undefined): HashVerdict {
  const text = readText(stored);
  if (text === undefined) return 'unusable';
  const verify = VERIFIERS[stored.scheme.kind];
  if (verify === undefined) return verifyCrypt(password, text, libcrypt);
  const isMatch = verify(password, { text, scheme: stored.scheme });
  if (isMatch === undefined) return 'unusable';
  return isMatch ? 'match' : 'mismatch';
}

/** Makes `{SCHEME}data`, as `planHash` planned it. */
export function hashSlow(
  password: Buffer,
  { scheme, rounds, libcrypt }: { scheme: Scheme; rounds: number; libcrypt: Libcrypt | undefined },
): string {
  return `{${scheme.name}}${makeText(password, { scheme, rounds, libcrypt })}`;
}

function makeText(
  password: Buffer,
  { scheme, rounds, libcrypt }: { scheme: Scheme; rounds: number; libcrypt: Libcrypt | undefined },
): string {
  switch (scheme.name) {
    case 'ARGON2I':
    case 'ARGON2ID':
      return hashArgon2(password, { ...NEW_ARGON2[scheme.name], passes: rounds });
    case 'PBKDF2':
      return hashPbkdf2(password, { salt: makeCryptSalt(), rounds: rounds });
    case 'SCRAM-SHA-1':
    case 'SCRAM-SHA-256':
      return deriveScramData(password, {
        algorithm: scheme.name === 'SCRAM-SHA-1' ? 'sha1' : 'sha256',
        salt: randomBytes(NEW_SCRAM_SALT_BYTES),
        iterations: rounds,
      });
    case 'SHA256-CRYPT':
      return hashShaCrypt(password, { id: '5', rounds, libcrypt });
    case 'SHA512-CRYPT':
      return hashShaCrypt(password, { id: '6', rounds, libcrypt });
    // CRYPT makes bcrypt, as doveadm does.
    case 'BLF-CRYPT':
    case 'CRYPT':
      return hashBcrypt(password, rounds);
    default:
      throw new RangeError(`Cannot hash with scheme "${scheme.name}": it is not made anew`);
  }
}
