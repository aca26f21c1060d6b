/**
 * What a new hash may be: which schemes are made, at which cost, of which passwords; and decoys, which cost what a new
 * hash does and match nothing. Nothing is hashed here.
 */
import { MAX_CRYPT_PASSWORD_BYTES } from './crypt-forms.ts';
import { formatPbkdf2 } from './pbkdf2.ts';
import { formatArgon2, NEW_ARGON2 } from './phc.ts';
import { isSlow, type Scheme } from './scheme.ts';
import { formatScramData } from './scram.ts';
import { DEFAULT_SHA_ROUNDS } from './sha-crypt.ts';
import { readWork } from './stored-work.ts';
import { isBearable } from './work.ts';

interface NewHashKind {
  /** What `-r` counts. */
  readonly unit: string;
  readonly defaultRounds: number;
  readonly leastRounds: number;
  readonly mostRounds: number;
  /** Longest password; undefined for any. These are C strings as well: a NUL would end them. */
  readonly maxPasswordBytes?: number;
  /** Data of that cost which nobody's password has. */
  readonly format: (rounds: number) => string;
}

/** bcrypt looks at no more; two long passwords that begin alike would be one. */
const MAX_BCRYPT_PASSWORD_BYTES = 72;
const MAX_ROUNDS = 999_999_999;
/** The least RFC 5802 allows, and what users who do not exist are told (RULES 40). */
const LEAST_SCRAM_ITERATIONS = 4096;
const SALT_BYTES = 16;
const KEY_BYTES = 32;
const NO_SALT = Buffer.alloc(SALT_BYTES);

const BCRYPT: NewHashKind = {
  unit: 'the cost, each step of which takes twice the time',
  // doveadm makes 5, which is tried too quickly today.
  defaultRounds: 10,
  leastRounds: 4,
  mostRounds: 31,
  maxPasswordBytes: MAX_BCRYPT_PASSWORD_BYTES,
  format: (cost) => `$2y$${String(cost).padStart(2, '0')}$${'.'.repeat(53)}`,
};

const KINDS: Readonly<Record<string, NewHashKind>> = {
  ARGON2I: argon2('ARGON2I'),
  ARGON2ID: argon2('ARGON2ID'),
  'BLF-CRYPT': BCRYPT,
  // As doveadm does.
  CRYPT: BCRYPT,
  'SHA256-CRYPT': shaCrypt('5', 43),
  'SHA512-CRYPT': shaCrypt('6', 86),
  PBKDF2: {
    unit: 'rounds',
    // Dovecot makes 5,000, which is little today.
    defaultRounds: 100_000,
    leastRounds: 1000,
    mostRounds: MAX_ROUNDS,
    format: (rounds) => formatPbkdf2({ salt: '.'.repeat(SALT_BYTES), rounds }),
  },
  'SCRAM-SHA-1': scram('sha1'),
  'SCRAM-SHA-256': scram('sha256'),
};

/**
 * How a new hash is made, and what memory that takes. Throws RangeError, with what to tell the person, for a scheme that is not made,
 * rounds it cannot have, and a password it cannot hold.
 */
export function planHash(
  password: Buffer,
  { scheme, rounds }: { scheme: Scheme; rounds: number | undefined },
): { readonly rounds: number; readonly memoryKib: number } {
  const { name } = scheme;
  if (scheme.weakness !== undefined) throw new RangeError(`Cannot make a hash of scheme "${name}": ${scheme.weakness}`);
  const kind = KINDS[name];
  if (kind === undefined) {
    if (rounds !== undefined) throw new RangeError(`Cannot use rounds with scheme "${name}": it has none`);
    return { rounds: 0, memoryKib: 0 };
  }
  checkPassword(password, { name, maxBytes: kind.maxPasswordBytes });
  const chosen = rounds ?? kind.defaultRounds;
  const { leastRounds, mostRounds, unit } = kind;
  if (!Number.isInteger(chosen) || chosen < leastRounds || chosen > mostRounds) {
    throw new RangeError(`Cannot use ${chosen} with scheme "${name}": ${unit}, ${leastRounds} to ${mostRounds}`);
  }
  const work = readWork({ scheme, encoding: undefined, text: kind.format(chosen) }, password.length);
  if (work === undefined || !isBearable(work)) {
    throw new RangeError(`Cannot use ${chosen} with scheme "${name}": each login would take longer than 4 s`);
  }
  return { rounds: chosen, memoryKib: work.memoryKib };
}

/** A stored password of the cost of a new one, which no password matches; undefined for schemes that cost nothing. */
export function makeDecoy(scheme: Scheme): string | undefined {
  const kind = KINDS[scheme.name];
  return kind === undefined || !isSlow(scheme) ? undefined : `{${scheme.name}}${kind.format(kind.defaultRounds)}`;
}

/** Cut passwords are refused rather than made: what is typed after the cut would not matter. */
function checkPassword(password: Buffer, { name, maxBytes }: { name: string; maxBytes: number | undefined }): void {
  if (maxBytes === undefined) return;
  if (password.includes(0)) {
    throw new RangeError(`Cannot hash with scheme "${name}": the password holds a NUL byte, which would end it`);
  }
  if (password.length > maxBytes) {
    throw new RangeError(
      `Cannot hash with scheme "${name}": it holds ${maxBytes} bytes of a password, and this one has ${password.length}`,
    );
  }
}

function argon2(name: 'ARGON2I' | 'ARGON2ID'): NewHashKind {
  const parameters = NEW_ARGON2[name];
  return {
    unit: 'passes over the memory',
    defaultRounds: parameters.passes,
    leastRounds: 1,
    mostRounds: MAX_ROUNDS,
    format: (passes) =>
      formatArgon2({ parameters: { ...parameters, passes }, salt: NO_SALT, key: Buffer.alloc(KEY_BYTES) }),
  };
}

function shaCrypt(id: '5' | '6', hashChars: number): NewHashKind {
  return {
    unit: 'rounds',
    defaultRounds: DEFAULT_SHA_ROUNDS,
    leastRounds: 1000,
    mostRounds: MAX_ROUNDS,
    maxPasswordBytes: MAX_CRYPT_PASSWORD_BYTES,
    format: (rounds) =>
      `$${id}$${rounds === DEFAULT_SHA_ROUNDS ? '' : `rounds=${rounds}$`}${'.'.repeat(16)}$${'.'.repeat(hashChars)}`,
  };
}

function scram(algorithm: 'sha1' | 'sha256'): NewHashKind {
  return {
    unit: 'iterations',
    defaultRounds: LEAST_SCRAM_ITERATIONS,
    leastRounds: LEAST_SCRAM_ITERATIONS,
    mostRounds: MAX_ROUNDS,
    format: (iterations) => formatScramData({ algorithm, salt: NO_SALT, iterations }),
  };
}
