/**
 * The parameters in a setting of yescrypt (`$y$`, `$gy$`) and of scrypt (`$7$`), as libxcrypt writes them; nothing is
 * hashed here. Source: libxcrypt 4.4, alg-yescrypt-common.c (`decode64_uint32`).
 */
import { CRYPT_ALPHABET } from './crypt-base64.ts';
import type { HashWork } from './work.ts';

/** Values up to this stand in one character; each further character takes half of what is left. */
const LAST_SINGLE = 47;
const LAST_VALUE = 62;
/** Flags of optional parameters, in their order: parallelism, time; then two that libxcrypt does not know. */
const HAS_PARALLELISM = 1;
const HAS_TIME = 2;
const BLOCK_BYTES = 128;
const KIB = 1024;
/** 16 MiB filled and read again (`$y$j9T$`) take 20 ms; plain scrypt takes twice as long. */
const YESCRYPT_MS_PER_KIB = 0.0007;
const SCRYPT_MS_PER_KIB = 0.0013;
/** Past this a number is no parameter of a sane hash, and its power would be infinite. */
const MAX_LOG2 = 40;

/** Reads what stands between `$y$` and the salt; undefined when it is malformed. */
export function readYescrypt(parameters: string): Omit<HashWork, 'signature'> | undefined {
  try {
    const reader = new NumberReader(parameters);
    reader.take(0);
    const log2 = reader.take(1);
    const blockSize = reader.take(1);
    const flags = reader.isAtEnd ? 0 : reader.take(1);
    const parallelism = (flags & HAS_PARALLELISM) === 0 ? 1 : reader.take(2);
    const time = (flags & HAS_TIME) === 0 ? 0 : reader.take(1);
    const passes = 1 + Math.max(1, time);
    return estimate({ log2, blockSize, parallelism, msPerKib: YESCRYPT_MS_PER_KIB * passes });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Reads the eleven characters behind `$7$`: log2(N), r and p of scrypt. */
export function readScrypt(parameters: string): Omit<HashWork, 'signature'> | undefined {
  const values = Array.from(parameters, (char) => CRYPT_ALPHABET.indexOf(char));
  if (values.length !== 11 || values.includes(-1)) return undefined;
  const [log2 = 0] = values;
  const blockSize = readFixed(values.slice(1, 6));
  const parallelism = readFixed(values.slice(6));
  return estimate({ log2, blockSize, parallelism, msPerKib: SCRYPT_MS_PER_KIB * 2 });
}

function estimate({
  log2,
  blockSize,
  parallelism,
  msPerKib,
}: {
  log2: number;
  blockSize: number;
  parallelism: number;
  msPerKib: number;
}): Omit<HashWork, 'signature'> {
  const lookupKib = (BLOCK_BYTES * blockSize * 2 ** Math.min(log2, MAX_LOG2)) / KIB;
  // Each lane but the first needs a block more.
  const memoryKib = lookupKib + (BLOCK_BYTES * blockSize * (parallelism - 1)) / KIB;
  return { memoryKib, estimatedMs: lookupKib * parallelism * msPerKib };
}

/** Little end first, six bits a character. */
function readFixed(values: readonly number[]): number {
  return values.reduce((sum, value, i) => sum + value * 64 ** i, 0);
}

/** Takes numbers of variable length off a text, one after the other; throws RangeError when there is none. */
class NumberReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#text.length;
  }

  /** The first character says how many follow. */
  take(least: number): number {
    const first = this.#takeValue();
    let start = 0;
    let last = LAST_SINGLE;
    let more = 0;
    let value = least;
    while (first > last) {
      value += (last + 1 - start) * 64 ** more;
      start = last + 1;
      last = start + Math.floor((LAST_VALUE - last) / 2);
      more += 1;
    }
    value += (first - start) * 64 ** more;
    while (more > 0) {
      more -= 1;
      value += this.#takeValue() * 64 ** more;
    }
    return value;
  }

  #takeValue(): number {
    const value = CRYPT_ALPHABET.indexOf(this.#text.charAt(this.#at) || ' ');
    this.#at += 1;
    if (value === -1) throw new RangeError('Cannot read yescrypt parameters');
    return value;
  }
}
