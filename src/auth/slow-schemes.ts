/**
 * The schemes that are slow on purpose: crypt(3), bcrypt, argon2. Synchronous, for hash workers only (RULES 31).
 * Stored parameters that would hold a worker for minutes or take gigabytes are refused as unusable: a hash like
 * that is a mistake or an attack, and one login would stop all others.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { hashRawSync as hashArgon2Raw, hashSync as hashArgon2, parseOptions } from '@node-rs/argon2';
import { hashSync as hashBcrypt, verifySync as verifyBcrypt } from '@node-rs/bcrypt';
import type { HashVerdict } from './hasher.ts';
import type { Libcrypt } from './libcrypt.ts';
import { decodeText, type Scheme, type StoredPassword } from './schemes.ts';

/** About 2 s of SHA512-CRYPT on one core; the default is 5,000. */
const MAX_CRYPT_ROUNDS = 5_000_000;
/** libxcrypt takes no longer password (CRYPT_MAX_PASSPHRASE_SIZE counts its NUL), so nobody has one. */
const MAX_CRYPT_PASSWORD_BYTES = 511;
/** About 4 s on one core; each step doubles. */
const MAX_BCRYPT_COST = 16;
const MAX_ARGON2_KIB = 1024 * 1024;
/** Memory times passes: 1 GiB eight times takes about 6 s. */
const MAX_ARGON2_KIB_PASSES = MAX_ARGON2_KIB * 8;
const MAX_ARGON2_LANES = 16;

/** What new hashes cost; libsodium's "interactive" of doveadm for argon2. */
const NEW_BCRYPT_COST = 10;
const NEW_ARGON2: Readonly<Record<string, { algorithm: number; memoryCost: number; timeCost: number }>> = {
  ARGON2I: { algorithm: 1, memoryCost: 32_768, timeCost: 4 },
  ARGON2ID: { algorithm: 2, memoryCost: 65_536, timeCost: 3 },
};

/** crypt(3) writes 6 bits a character. */
const SALT_ALPHABET = './ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const SALT_CHARS = 16;

/** Locked accounts are written `*` or `!...` in passwd files: no password matches, and nothing is broken. */
const LOCKED = /^[*!]/;
const BCRYPT_COST = /^\$2[abxy]\$(\d\d)\$/;
const BCRYPT = /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/;
const BCRYPT_FAMILY = /^\$2[abxy]\$/;
const CRYPT_ROUNDS = /^\$[56]\$rounds=(\d+)\$/;

/** Compares a password with a slow hash; `busy` when this machine has no library for it. */
export function verifySlow(password: Buffer, stored: StoredPassword, libcrypt: Libcrypt | undefined): HashVerdict {
  const text = readText(stored);
  if (text === undefined) return 'unusable';
  if (text === '' || LOCKED.test(text)) return 'mismatch';
  if (stored.scheme.kind === 'argon2') return verifyArgon2(password, text);
  if (stored.scheme.kind === 'bcrypt' && !BCRYPT_FAMILY.test(text)) return 'unusable';
  // C strings end at NUL: `secret\0x` must not match `secret`.
  return password.includes(0) ? 'mismatch' : verifyCrypt(password, text, libcrypt);
}

/** Makes `{SCHEME}data`; undefined when this machine has no library for it. */
export function hashSlow(password: Buffer, scheme: Scheme, libcrypt: Libcrypt | undefined): string | undefined {
  const argon2 = NEW_ARGON2[scheme.name];
  if (argon2 !== undefined) return `{${scheme.name}}${hashArgon2(password, { ...argon2, parallelism: 1 })}`;
  if (password.includes(0)) throw new RangeError('Cannot hash password: this scheme cannot hold a NUL byte');
  // CRYPT makes bcrypt, as doveadm does.
  if (scheme.kind === 'bcrypt' || scheme.name === 'CRYPT') {
    return `{${scheme.name}}${hashBcrypt(password, NEW_BCRYPT_COST)}`;
  }
  if (password.length > MAX_CRYPT_PASSWORD_BYTES) {
    throw new RangeError(`Cannot hash password: this scheme cannot hold more than ${MAX_CRYPT_PASSWORD_BYTES} bytes`);
  }
  const id = scheme.name === 'SHA256-CRYPT' ? '5' : '6';
  const hashed = libcrypt?.crypt(password, `$${id}$${makeSalt()}$`);
  return hashed === undefined ? undefined : `{${scheme.name}}${hashed}`;
}

function readText(stored: StoredPassword): string | undefined {
  if (stored.encoding === undefined) return stored.text;
  return decodeText(stored.text, stored.encoding)?.toString('latin1');
}

function isTooCostly(text: string): boolean {
  const cost = Number(BCRYPT_COST.exec(text)?.[1] ?? 0);
  const rounds = Number(CRYPT_ROUNDS.exec(text)?.[1] ?? 0);
  return cost > MAX_BCRYPT_COST || rounds > MAX_CRYPT_ROUNDS;
}

function verifyCrypt(password: Buffer, text: string, libcrypt: Libcrypt | undefined): HashVerdict {
  if (isTooCostly(text)) return 'unusable';
  if (BCRYPT.test(text)) return verifyBcrypt(password, text) ? 'match' : 'mismatch';
  if (libcrypt === undefined) return 'busy';
  // The same work as for any other, so that time and answer do not tell the users of this scheme from nobody.
  const hashed = libcrypt.crypt(password.subarray(0, MAX_CRYPT_PASSWORD_BYTES), text);
  if (hashed === undefined) return 'unusable';
  if (password.length > MAX_CRYPT_PASSWORD_BYTES) return 'mismatch';
  const given = Buffer.from(hashed);
  const wanted = Buffer.from(text);
  return given.length === wanted.length && timingSafeEqual(given, wanted) ? 'match' : 'mismatch';
}

/**
 * Hashes anew and compares, because the library's own `verifySync` (2.2.1) throws for a password that is not UTF-8,
 * which must be a mismatch like any other.
 */
function verifyArgon2(password: Buffer, text: string): HashVerdict {
  try {
    const { saltLen: _saltBytes, ...options } = parseOptions(text);
    const { memoryCost, timeCost, parallelism } = options;
    const isTooMuch =
      memoryCost > MAX_ARGON2_KIB || memoryCost * timeCost > MAX_ARGON2_KIB_PASSES || parallelism > MAX_ARGON2_LANES;
    const [salt, wanted] = text.split('$').slice(-2).map(decodePhc);
    if (isTooMuch || salt === undefined || wanted === undefined) return 'unusable';
    const given = hashArgon2Raw(password, { ...options, salt });
    return given.length === wanted.length && timingSafeEqual(given, wanted) ? 'match' : 'mismatch';
  } catch {
    // The library throws for malformed text only.
    return 'unusable';
  }
}

/** PHC strings hold base64 without padding. */
function decodePhc(text: string): Buffer {
  return Buffer.from(text, 'base64');
}

function makeSalt(): string {
  return [...randomBytes(SALT_CHARS)].map((byte) => SALT_ALPHABET.charAt(byte % SALT_ALPHABET.length)).join('');
}
