/**
 * The schemes that take microseconds: plain text and digests with and without a salt. Every comparison takes the same
 * time whatever the bytes. facts: Dovecot's password schemes (SHA* detect hex by the length of what is stored, salted
 * ones hold digest then salt).
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { decodeText, type Encoding, type Scheme, type StoredPassword } from './schemes.ts';

/** New salts; Dovecot takes any length. */
const SALT_BYTES = 8;

/** Compares a password with plain text or a digest; `unusable` for data that cannot be decoded. */
export function verifyFast(password: Buffer, stored: StoredPassword): 'match' | 'mismatch' | 'unusable' {
  const { scheme, text } = stored;
  if (scheme.digest === undefined) {
    const wanted = stored.encoding === undefined ? Buffer.from(text) : decodeText(text, stored.encoding);
    return wanted === undefined ? 'unusable' : compare(password, wanted);
  }
  const { algorithm, bytes } = scheme.digest;
  const isHex = scheme.kind === 'digest' && text.length === bytes * 2;
  const encoding: Encoding = stored.encoding ?? (isHex ? 'hex' : 'base64');
  const raw = decodeText(text, encoding);
  const isWhole = raw !== undefined && (scheme.kind === 'digest' ? raw.length === bytes : raw.length > bytes);
  if (!isWhole) return 'unusable';
  const digest = createHash(algorithm).update(password).update(raw.subarray(bytes)).digest();
  return compare(digest, raw.subarray(0, bytes));
}

/** Makes `{SCHEME}data` for a new password. */
export function hashFast(password: Buffer, scheme: Scheme): string {
  if (scheme.digest === undefined) {
    const text = password.toString();
    const isText = Buffer.from(text).equals(password);
    return isText ? `{${scheme.name}}${text}` : `{${scheme.name}.B64}${password.toString('base64')}`;
  }
  const salt = scheme.kind === 'salted' ? randomBytes(SALT_BYTES) : Buffer.alloc(0);
  const digest = createHash(scheme.digest.algorithm).update(password).update(salt).digest();
  return `{${scheme.name}}${Buffer.concat([digest, salt]).toString('base64')}`;
}

function compare(given: Buffer, wanted: Buffer): 'match' | 'mismatch' {
  // Unequal lengths are told apart, but only after the same work.
  const isSameLength = given.length === wanted.length;
  const isEqual = timingSafeEqual(given, isSameLength ? wanted : given);
  return isSameLength && isEqual ? 'match' : 'mismatch';
}
