/**
 * The forms of crypt(3), told by how they begin: what each costs, and which are weak. A form that is not listed is not
 * given to the library, because nobody could say how long it takes.
 */
import { CRYPT_ALPHABET } from './crypt-base64.ts';
import { DEFAULT_SHA_ROUNDS } from './sha-crypt.ts';
import type { HashWork } from './work.ts';
import { readScrypt, readYescrypt } from './yescrypt.ts';

type Estimate = Omit<HashWork, 'signature'> | undefined;

interface CryptForm {
  /** Matches the start of a hash; the groups are its parameters. */
  readonly pattern: RegExp;
  readonly weakness?: string;
  /** Bytes of a password that it looks at; all of them when not given. */
  readonly readBytes?: number;
  readonly estimate: (parameters: readonly string[], passwordBytes: number) => Estimate;
}

/** libxcrypt takes no longer password (CRYPT_MAX_PASSPHRASE_SIZE counts its NUL), so nobody has one. */
export const MAX_CRYPT_PASSWORD_BYTES = 511;

/** What one round takes on a core that makes 700 SHA512-CRYPT of 5,000 rounds a second. */
const SHA_ROUND_MS = 0.0003;
/** Each round hashes the password once or twice: with this length it takes twice the time. */
const SHA512_DOUBLING_BYTES = 130;
const SHA256_DOUBLING_BYTES = 60;
const MD5_CRYPT_MS = 0.3;
/** Cost 10 takes 50 ms. */
const BCRYPT_STEP_MS = 0.05;
const SHA1_ROUND_MS = 0.001;
const SUN_MD5_ROUND_MS = 0.0017;
const SUN_MD5_LEAST_ROUNDS = 4096;
const DES_ROUND_MS = 0.00015;
const BCRYPT_BYTES = 72;
/** Of each of them it drops the eighth bit. */
const DES_BYTES = 8;
const ASCII_END = 0x80;
const SMALL = 1;

const FORMS: readonly CryptForm[] = [
  { pattern: /^\$6\$(?:rounds=(\d+)\$)?/, estimate: shaEstimate(SHA512_DOUBLING_BYTES) },
  { pattern: /^\$5\$(?:rounds=(\d+)\$)?/, estimate: shaEstimate(SHA256_DOUBLING_BYTES) },
  {
    pattern: /^\$2[aby]\$(\d\d)\$/,
    readBytes: BCRYPT_BYTES,
    estimate: ([cost]) => time(2 ** Number(cost) * BCRYPT_STEP_MS),
  },
  {
    pattern: /^\$2x\$(\d\d)\$/,
    weakness: 'a broken bcrypt of long ago made it',
    readBytes: BCRYPT_BYTES,
    estimate: ([cost]) => time(2 ** Number(cost) * BCRYPT_STEP_MS),
  },
  { pattern: /^\$g?y\$([^$]*)\$/, estimate: ([parameters = '']) => readYescrypt(parameters) },
  { pattern: /^\$7\$(.{11})/, estimate: ([parameters = '']) => readScrypt(parameters) },
  {
    pattern: /^\$1\$/,
    weakness: 'its thousand rounds of MD5 are quickly tried',
    estimate: (_, passwordBytes) => time(MD5_CRYPT_MS * (1 + passwordBytes / SHA512_DOUBLING_BYTES)),
  },
  { pattern: /^\$sha1\$(\d+)\$/, estimate: ([rounds]) => time(Number(rounds) * SHA1_ROUND_MS) },
  {
    pattern: /^\$md5(?:[,$]rounds=(\d+))?\$/,
    weakness: 'its rounds of MD5 are quickly tried',
    estimate: ([rounds = '0']) => time((Number(rounds) + SUN_MD5_LEAST_ROUNDS) * SUN_MD5_ROUND_MS),
  },
  { pattern: /^\$3\$/, weakness: 'MD4 without salt is broken', estimate: () => time(SMALL) },
  {
    pattern: /^_([./0-9A-Za-z]{4})/,
    weakness: 'DES can be tried too quickly',
    estimate: ([rounds = '']) =>
      time(Array.from(rounds).reduce((sum, char, i) => sum + CRYPT_ALPHABET.indexOf(char) * 64 ** i, 0) * DES_ROUND_MS),
  },
  {
    pattern: /^[./0-9A-Za-z]{13}/,
    weakness: 'DES looks at the first 8 bytes of a password only',
    readBytes: DES_BYTES,
    estimate: () => time(SMALL),
  },
];

/** Reads what a password of `passwordBytes` costs with this hash; undefined when it is malformed or of no known form. */
export function readCryptWork(text: string, passwordBytes: number): HashWork | undefined {
  const { form, match } = findForm(text) ?? {};
  if (form === undefined || match === undefined) return undefined;
  // What is longer is cut before it is hashed (`crypt.ts`), and must cost no more than that: nobody else's login is put off.
  const estimate = form.estimate(match.slice(1), Math.min(passwordBytes, MAX_CRYPT_PASSWORD_BYTES));
  // `$2a$` and `$2y$` are one algorithm, and rounds left out are those of the default.
  const start = match[0].replace(/^\$2[aby]\$/, '$2y$').replace(`rounds=${DEFAULT_SHA_ROUNDS}$`, '');
  return estimate === undefined ? undefined : { signature: start, ...estimate };
}

/** Why a hash of this form should be replaced; undefined when it need not, or when the form is not known. */
export function findCryptWeakness(text: string): string | undefined {
  return findForm(text)?.form.weakness;
}

/** Whether a hash of this form tells the password from every other one, such as one with the same start. */
export function readsWhole(text: string, password: Buffer): boolean {
  const { readBytes = Number.POSITIVE_INFINITY } = findForm(text)?.form ?? {};
  return password.length <= readBytes && (readBytes !== DES_BYTES || password.every((byte) => byte < ASCII_END));
}

function findForm(text: string): { form: CryptForm; match: RegExpExecArray } | undefined {
  for (const form of FORMS) {
    const match = form.pattern.exec(text);
    if (match !== null) return { form, match };
  }
  return undefined;
}

function shaEstimate(doublingBytes: number): CryptForm['estimate'] {
  return ([rounds = `${DEFAULT_SHA_ROUNDS}`], passwordBytes) =>
    time(Number(rounds) * SHA_ROUND_MS * (1 + passwordBytes / doublingBytes));
}

function time(estimatedMs: number): Estimate {
  return { estimatedMs, memoryKib: 0 };
}
