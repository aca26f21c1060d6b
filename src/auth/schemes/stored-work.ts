/**
 * What verifying a stored password takes, told from its text alone: whether it is fast, what a slow one costs, and
 * which can never match. Nothing is hashed here, so the event loop may ask.
 */
import { findCryptWeakness, readCryptWork } from './crypt-forms.ts';
import { readPbkdf2 } from './pbkdf2.ts';
import { readArgon2 } from './phc.ts';
import type { SchemeKind } from './scheme.ts';
import { readScram } from './scram.ts';
import { parseStoredPassword, readText, type StoredPassword } from './stored-password.ts';
import type { HashWork } from './work.ts';

type WorkReader = (
  text: string,
  about: { readonly stored: StoredPassword; readonly passwordBytes: number },
) => HashWork | undefined;

/** Locked accounts are written `*` or `!...` in passwd files, and empty hashes match nothing: neither is broken. */
const NEVER_MATCHING = /^(?:$|[*!])/;
const LOCKABLE_KINDS: ReadonlySet<SchemeKind> = new Set(['crypt', 'md5-crypt', 'bcrypt', 'argon2']);
const MD5_CRYPT = /^\$1\$/;
const BCRYPT = /^\$2[abxy]\$/;

const READERS: Readonly<Partial<Record<SchemeKind, WorkReader>>> = {
  argon2: (text) => readArgon2(text)?.work,
  pbkdf2: (text) => readPbkdf2(text)?.work,
  scram: (text, { stored }) => readScram(text, stored.scheme)?.work,
  // These two hold what their names say; the others whatever libcrypt knows.
  'md5-crypt': (text, { passwordBytes }) => (MD5_CRYPT.test(text) ? readCryptWork(text, passwordBytes) : undefined),
  bcrypt: (text, { passwordBytes }) => (BCRYPT.test(text) ? readCryptWork(text, passwordBytes) : undefined),
  crypt: (text, { passwordBytes }) => readCryptWork(text, passwordBytes),
};

/** Whether no password can match, by intent: a locked account, or no password yet. */
export function isLocked(stored: StoredPassword): boolean {
  return LOCKABLE_KINDS.has(stored.scheme.kind) && NEVER_MATCHING.test(readText(stored) ?? '?');
}

/** What a slow hash costs with a password of `passwordBytes`; undefined for malformed data and for fast schemes. */
export function readWork(stored: StoredPassword, passwordBytes: number): HashWork | undefined {
  const text = readText(stored);
  return text === undefined ? undefined : READERS[stored.scheme.kind]?.(text, { stored, passwordBytes });
}

/**
 * Why a stored password should be replaced by a stronger one: a sentence about its scheme, or about what a crypt hash is
 * inside whatever its label says. Undefined when it need not, and for what cannot be read.
 */
export function findWeakness(stored: string): string | undefined {
  const parsed = parseStoredPassword(stored);
  if (parsed === undefined || isLocked(parsed)) return undefined;
  if (parsed.scheme.kind !== 'crypt') return parsed.scheme.weakness;
  const text = readText(parsed);
  return text === undefined ? undefined : findCryptWeakness(text);
}
