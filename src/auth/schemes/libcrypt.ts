/**
 * crypt(3) of the system's libcrypt. Synchronous and slow by design, so it is loaded in hash workers only. Whatever
 * the library understands verifies here (`$1$ $5$ $6$ $y$ ...`), as with Dovecot.
 *
 * Every byte the library reads or writes lies outside the heap of JavaScript, in memory that is never moved and never
 * given back while the thread lives: handing it short-lived Buffers has crashed the process (koffi 3.3).
 */
import { alloc, load, view, type LibraryHandle } from 'koffi';
import { MAX_CRYPT_PASSWORD_BYTES } from './crypt-forms.ts';

/** libxcrypt's own name, and the one with glibc's symbols (Debian, Ubuntu). */
const LIBRARY_NAMES = ['libcrypt.so.2', 'libcrypt.so.1', 'libcrypt.so'];

/** `struct crypt_data` has 131,232 bytes in glibc and 32,768 in libxcrypt; it must start as zeros. */
const CRYPT_DATA_BYTES = 256 * 1024;
/** CRYPT_OUTPUT_SIZE of libxcrypt, the longest setting it looks at. */
const MAX_SETTING_BYTES = 384;

export interface Libcrypt {
  /**
   * The hash of `password` under `setting` (a stored hash or a salt); undefined when the library can make no sense of
   * it. Throws RangeError for a password over MAX_CRYPT_PASSWORD_BYTES or with a NUL.
   */
  crypt(password: Uint8Array, setting: string): string | undefined;
}

/** Opens the library; undefined on a system without one. */
export function openLibcrypt(): Libcrypt | undefined {
  const library = loadFirst();
  if (library === undefined) return undefined;
  const cryptR = library.func('crypt_r', 'str', ['void *', 'void *', 'void *']);
  const phrase = new FixedMemory(MAX_CRYPT_PASSWORD_BYTES + 1);
  const settings = new FixedMemory(MAX_SETTING_BYTES + 1);
  const state = new FixedMemory(CRYPT_DATA_BYTES);
  return {
    crypt: (password, setting) => {
      if (password.includes(0)) throw new RangeError('Cannot hash with libcrypt: the password holds a NUL');
      const settingBytes = Buffer.from(setting, 'latin1');
      if (settingBytes.length > MAX_SETTING_BYTES || settingBytes.includes(0)) return undefined;
      phrase.write(password);
      settings.write(settingBytes);
      try {
        const result: unknown = cryptR(phrase.address, settings.address, state.address);
        // `*0` and `*1` are libxcrypt's words for a setting it does not understand; glibc gives NULL.
        return typeof result === 'string' && !result.startsWith('*') ? result : undefined;
      } finally {
        phrase.clear();
      }
    },
  };
}

/** Memory with an address that stays. */
class FixedMemory {
  readonly address: bigint;
  readonly #bytes: Buffer;

  constructor(byteCount: number) {
    this.address = alloc('uint8_t', byteCount);
    this.#bytes = Buffer.from(view(this.address, byteCount));
    this.clear();
  }

  /** Puts a C string there; throws RangeError when there is no room for it and its NUL. */
  write(text: Uint8Array): void {
    if (text.length >= this.#bytes.length) {
      throw new RangeError(`Cannot hash with libcrypt: ${text.length} bytes are too many`);
    }
    this.#bytes.set(text);
    this.#bytes[text.length] = 0;
  }

  clear(): void {
    this.#bytes.fill(0);
  }
}

function loadFirst(): LibraryHandle | undefined {
  for (const name of LIBRARY_NAMES) {
    try {
      return load(name);
    } catch {
      // Not under this name: the next one.
    }
  }
  return undefined;
}
