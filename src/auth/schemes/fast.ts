/**
 * The schemes that take microseconds: plain text, and digests with and without a salt. Every comparison takes the same
 * time whatever the bytes.
 */
import { createHash, randomBytes } from 'node:crypto';
import { CRAM_STATES_BYTES, makeCramStates } from '../md5-state.ts';
import { isSameSecret } from './compare.ts';
import { digestMd4 } from './md4.ts';
import { digestBytes, type DigestName, type Scheme } from './scheme.ts';
import { decodeExactly, decodeText, type StoredPassword } from './stored-password.ts';

/** A password and whose it is; {DIGEST-MD5} hashes both. */
export interface TypedPassword {
  readonly password: Buffer;
  /** The login name as it was typed. */
  readonly user: string | undefined;
}

/** New salts; Dovecot takes any length. */
const SALT_BYTES = 8;
/** `LENGTH-bytes` of {PLAIN-TRUNC}. */
const TRUNCATED = /^(\d{0,6})-(.*)$/s;

/** Compares a password with plain text or a digest; `unusable` for data that cannot be decoded. */
export function verifyFast(typed: TypedPassword, stored: StoredPassword): 'match' | 'mismatch' | 'unusable' {
  const { scheme } = stored;
  if (scheme.kind === 'truncated') return verifyTruncated(typed.password, stored);
  const pair = scheme.kind === 'plain' ? readPlain(typed, stored) : readDigests(typed, stored);
  if (pair === undefined) return 'unusable';
  return isSameSecret(pair.given, pair.wanted) ? 'match' : 'mismatch';
}

/** Makes `{SCHEME}data` for a new password; throws RangeError for {DIGEST-MD5} without a user. */
export function hashFast(typed: TypedPassword, scheme: Scheme): string {
  if (scheme.kind === 'plain') {
    const text = typed.password.toString();
    const isText = Buffer.from(text).equals(typed.password);
    return isText ? `{${scheme.name}}${text}` : `{${scheme.name}.B64}${typed.password.toString('base64')}`;
  }
  const salt = scheme.kind === 'salted' ? randomBytes(SALT_BYTES) : Buffer.alloc(0);
  const digest = digestPassword(typed, { scheme, salt });
  if (digest === undefined) throw new RangeError(`Cannot hash with scheme "${scheme.name}": it needs a user name`);
  return `{${scheme.name}}${Buffer.concat([digest, salt]).toString(scheme.encoding)}`;
}

interface Pair {
  readonly given: Buffer;
  readonly wanted: Buffer;
}

function readPlain({ password }: TypedPassword, { text, encoding }: StoredPassword): Pair | undefined {
  const wanted = encoding === undefined ? Buffer.from(text) : decodeText(text, encoding);
  return wanted === undefined ? undefined : { given: password, wanted };
}

function readDigests(typed: TypedPassword, stored: StoredPassword): Pair | undefined {
  const { scheme } = stored;
  const bytes = lengthOf(scheme);
  const raw =
    scheme.kind === 'salted'
      ? decodeText(stored.text, stored.encoding ?? scheme.encoding ?? 'base64')
      : decodeExactly(stored, bytes);
  // Salt follows the digest; a salted one without is broken.
  if (raw === undefined || (scheme.kind === 'salted' && raw.length <= bytes)) return undefined;
  const given = digestPassword(typed, { scheme, salt: raw.subarray(bytes) });
  return given === undefined ? undefined : { given, wanted: raw.subarray(0, bytes) };
}

/** The digest, or the state, that the scheme stores; undefined when it needs a user and there is none. */
function digestPassword(
  { password, user }: TypedPassword,
  { scheme, salt }: { scheme: Scheme; salt: Buffer },
): Buffer | undefined {
  if (scheme.kind === 'cram') return makeCramStates(password);
  if (scheme.kind !== 'user-digest') return hashOnce(Buffer.concat([password, salt]), scheme.digest);
  if (user === undefined) return undefined;
  const at = user.lastIndexOf('@');
  const [local, domain] = at === -1 ? [user, ''] : [user.slice(0, at), user.slice(at + 1)];
  return hashOnce(Buffer.concat([Buffer.from(`${local}:${domain}:`), password]), scheme.digest);
}

function lengthOf({ kind, digest: name = 'md5' }: Scheme): number {
  return kind === 'cram' ? CRAM_STATES_BYTES : digestBytes(name);
}

function hashOnce(bytes: Buffer, name: DigestName = 'md5'): Buffer {
  return name === 'md4' ? digestMd4(bytes) : createHash(name).update(bytes).digest();
}

/**
 * {PLAIN-TRUNC}: where exactly LENGTH bytes are stored, the password may have been longer and its start is enough.
 * Dovecot lets any password in where that is nothing (`0-`); here it is unusable.
 */
function verifyTruncated(password: Buffer, { text, encoding }: StoredPassword): 'match' | 'mismatch' | 'unusable' {
  const bytes = encoding === undefined ? Buffer.from(text) : decodeText(text, encoding);
  const [, length, kept = ''] = TRUNCATED.exec(bytes?.toString('latin1') ?? '') ?? [];
  const wanted = Buffer.from(kept, 'latin1');
  const isTruncated = wanted.length === Number(length);
  if (length === undefined || (isTruncated && wanted.length === 0)) return 'unusable';
  const given = isTruncated ? password.subarray(0, wanted.length) : password;
  return isSameSecret(given, wanted) ? 'match' : 'mismatch';
}
