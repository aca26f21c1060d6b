/**
 * argon2 (RFC 9106). Synchronous, and it takes the memory its parameters say: for hash workers, which see to it that not
 * too many run at a time.
 */
import { randomBytes } from 'node:crypto';
import { hashRawSync } from '@node-rs/argon2';
import { isSameSecret } from './compare.ts';
import { formatArgon2, type Argon2Parameters, type StoredArgon2 } from './phc.ts';

const SALT_BYTES = 16;
const KEY_BYTES = 32;

/** Numbers of the variants in RFC 9106. */
const VARIANTS: Readonly<Record<Argon2Parameters['variant'], number>> = { argon2d: 0, argon2i: 1, argon2id: 2 };
/** The library's own numbers of versions 16 and 19. */
const VERSIONS: Readonly<Record<Argon2Parameters['version'], number>> = { 16: 0, 19: 1 };

/**
 * Compares by hashing anew: the library's own `verifySync` (2.2.1) throws for a password that is not UTF-8, which must
 * be a mismatch like any other. Undefined for parameters the algorithm does not allow.
 */
export function verifyArgon2(password: Buffer, { parameters, salt, key }: StoredArgon2): boolean | undefined {
  try {
    return isSameSecret(derive(password, { parameters, salt, keyBytes: key.length }), key);
  } catch {
    // The library throws for parameters only: less memory than lanes need, a salt under 8 bytes.
    return undefined;
  }
}

/** Makes the text of a new hash. */
export function hashArgon2(password: Buffer, parameters: Argon2Parameters): string {
  const salt = randomBytes(SALT_BYTES);
  return formatArgon2({ parameters, salt, key: derive(password, { parameters, salt, keyBytes: KEY_BYTES }) });
}

function derive(
  password: Buffer,
  { parameters, salt, keyBytes }: { parameters: Argon2Parameters; salt: Buffer; keyBytes: number },
): Buffer {
  const { variant, version, memoryKib, passes, lanes } = parameters;
  const options = {
    algorithm: VARIANTS[variant],
    version: VERSIONS[version],
    memoryCost: memoryKib,
    timeCost: passes,
    parallelism: lanes,
    outputLen: keyBytes,
    salt,
  };
  return hashRawSync(password, options);
}
