/**
 * MD5-CRYPT (`$1$`) without libcrypt, as FreeBSD 2.0's crypt.c (Poul-Henning Kamp, 1994) made it. Weak; for systems that
 * have no library and users who still have such a hash. For hash workers.
 */
import { createHash } from 'node:crypto';
import { encodeGroups } from './crypt-base64.ts';

const ROUNDS = 1000;
const MAX_SALT_BYTES = 8;
const SETTING = /^\$1\$([^$]*)/;
const NUL = Buffer.alloc(1);
const ORDER = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5], [11]];

/** Hashes under a setting (a stored hash or `$1$salt$`); undefined when it is of another form. */
export function cryptMd5(password: Buffer, setting: string): string | undefined {
  const match = SETTING.exec(setting);
  if (match === null) return undefined;
  const salt = Buffer.from(match[1] ?? '', 'latin1').subarray(0, MAX_SALT_BYTES);
  const b = md5(password, salt, password);
  const start = [password, Buffer.from('$1$'), salt, Buffer.alloc(password.length, b)];
  // Meant to be other bytes, but a slip of 1994 made them these; every implementation has it since.
  for (let bits = password.length; bits > 0; bits >>>= 1) {
    start.push((bits & 1) === 1 ? NUL : password.subarray(0, 1));
  }
  let digest = md5(...start);
  for (let round = 0; round < ROUNDS; round++) {
    const isOdd = round % 2 === 1;
    digest = md5(
      isOdd ? password : digest,
      ...(round % 3 === 0 ? [] : [salt]),
      ...(round % 7 === 0 ? [] : [password]),
      isOdd ? digest : password,
    );
  }
  return `$1$${salt.toString('latin1')}$${encodeGroups(digest, ORDER)}`;
}

function md5(...parts: readonly Buffer[]): Buffer {
  return createHash('md5').update(Buffer.concat(parts)).digest();
}
