/**
 * crypt(3) of the system's libcrypt. Synchronous and slow by design, so it is loaded in hash workers only. Whatever
 * the library understands verifies here (`$1$ $5$ $6$ $y$ ...`), as with Dovecot.
 */
import { load, type LibraryHandle } from 'koffi';

/** libxcrypt's own name, and the one with glibc's symbols (Debian, Ubuntu). */
const LIBRARY_NAMES = ['libcrypt.so.2', 'libcrypt.so.1', 'libcrypt.so'];

/** `struct crypt_data` has 131,232 bytes in glibc and 32,768 in libxcrypt; it must start as zeros. */
const CRYPT_DATA_BYTES = 256 * 1024;

export interface Libcrypt {
  /** The hash of `password` under `setting` (a stored hash or a salt); undefined when it has no sense to the library. */
  crypt(password: Uint8Array, setting: string): string | undefined;
}

/** Opens the library; undefined on a system without one. */
export function openLibcrypt(): Libcrypt | undefined {
  const library = loadFirst();
  if (library === undefined) return undefined;
  const cryptR = library.func('crypt_r', 'str', ['const uint8_t *', 'const char *', 'void *']);
  // One buffer for the life of the worker. Its own ArrayBuffer (it is larger than Buffer's pool), so it never moves.
  const state = Buffer.alloc(CRYPT_DATA_BYTES);
  return {
    crypt: (password, setting) => {
      const result: unknown = cryptR(Buffer.concat([password, Buffer.alloc(1)]), setting, state);
      // `*0` and `*1` are libxcrypt's words for a setting it does not understand; glibc gives NULL.
      return typeof result === 'string' && !result.startsWith('*') ? result : undefined;
    },
  };
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
