/**
 * SHA256-CRYPT (`$5$`) and SHA512-CRYPT (`$6$`) without libcrypt, by Ulrich Drepper's specification ("Unix crypt using
 * SHA-256 and SHA-512", 2007), whose numbered steps the comments name. About ten times slower than the library, so only
 * for systems without one, and only in hash workers.
 */
import { createHash, type Hash } from 'node:crypto';
import { encodeGroups } from './crypt-base64.ts';

type Variant = '5' | '6';

const ALGORITHMS = { 5: 'sha256', 6: 'sha512' } as const;
/** What a setting without `rounds=` means. */
export const DEFAULT_SHA_ROUNDS = 5000;
const MIN_ROUNDS = 1000;
const MAX_ROUNDS = 999_999_999;
const MAX_SALT_BYTES = 16;
const SETTING = /^\$([56])\$(?:rounds=(\d+)\$)?([^$]*)/;

/** Step 22: the digest's bytes in threes, each group starting a third further on; the last group is short. */
const ORDERS: Readonly<Record<Variant, readonly (readonly number[])[]>> = {
  5: [...makeOrder({ groups: 10, turn: [0, 10, 20], isLeft: false }), [31, 30]],
  6: [...makeOrder({ groups: 21, turn: [0, 21, 42], isLeft: true }), [63]],
};

/** The rounds a setting asks for; undefined when it is of another form. */
export function readShaCryptRounds(setting: string): number | undefined {
  const match = SETTING.exec(setting);
  if (match === null) return undefined;
  return match[2] === undefined ? DEFAULT_SHA_ROUNDS : Math.min(Math.max(Number(match[2]), MIN_ROUNDS), MAX_ROUNDS);
}

/** Hashes under a setting (a stored hash or `$6$salt$`); undefined when it is of another form. */
export function cryptSha(password: Buffer, setting: string): string | undefined {
  const [, variant = '', roundsText, saltText = ''] = SETTING.exec(setting) ?? [];
  const rounds = readShaCryptRounds(setting);
  if ((variant !== '5' && variant !== '6') || rounds === undefined) return undefined;
  const salt = Buffer.from(saltText, 'latin1').subarray(0, MAX_SALT_BYTES);
  const digest = digestRounds({ variant, password, salt, rounds });
  const roundsPart = roundsText === undefined ? '' : `rounds=${rounds}$`;
  return `$${variant}$${roundsPart}${salt.toString('latin1')}$${encodeGroups(digest, ORDERS[variant])}`;
}

interface ShaCryptInput {
  readonly variant: Variant;
  readonly password: Buffer;
  readonly salt: Buffer;
  readonly rounds: number;
}

function digestRounds({ variant, password, salt, rounds }: ShaCryptInput): Buffer {
  const start = (): Hash => createHash(ALGORITHMS[variant]);
  // Steps 4 to 8.
  const b = start().update(password).update(salt).update(password).digest();
  // Steps 1 to 3 and 9 to 12.
  const a = start().update(password).update(salt).update(repeat(b, password.length));
  for (let bits = password.length; bits > 0; bits >>>= 1) a.update((bits & 1) === 1 ? b : password);
  let digest = a.digest();
  // Steps 13 to 16: P. Steps 17 to 20: S.
  const p = repeat(digestTimes(start(), { bytes: password, times: password.length }), password.length);
  const s = repeat(digestTimes(start(), { bytes: salt, times: 16 + (digest[0] ?? 0) }), salt.length);
  // Step 21.
  for (let round = 0; round < rounds; round++) {
    const isOdd = round % 2 === 1;
    const c = start().update(isOdd ? p : digest);
    if (round % 3 !== 0) c.update(s);
    if (round % 7 !== 0) c.update(p);
    digest = c.update(isOdd ? digest : p).digest();
  }
  return digest;
}

function digestTimes(hash: Hash, { bytes, times }: { bytes: Buffer; times: number }): Buffer {
  for (let i = 0; i < times; i++) hash.update(bytes);
  return hash.digest();
}

/** The bytes again and again, up to a length. */
function repeat(bytes: Buffer, length: number): Buffer {
  return Buffer.alloc(length, bytes);
}

function makeOrder({ groups, turn, isLeft }: { groups: number; turn: readonly number[]; isLeft: boolean }): number[][] {
  return Array.from({ length: groups }, (_, i) => {
    const first = isLeft ? i % 3 : (3 - (i % 3)) % 3;
    return turn.map((_start, j) => (turn[(first + j) % 3] ?? 0) + i);
  });
}
