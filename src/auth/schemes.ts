/**
 * Stored passwords as Dovecot writes them, `{SCHEME[.ENC]}data`: taking them apart, and the list of schemes. The
 * hashing is done in `fast-schemes.ts` (microseconds, any thread) and `slow-schemes.ts` (worker threads only).
 */
import { decodeBase64 } from '../core/base64.ts';

/** How a scheme works; this decides who verifies it. */
export type SchemeKind = 'plain' | 'digest' | 'salted' | 'crypt' | 'bcrypt' | 'argon2';

export interface Scheme {
  /** As Dovecot calls it; aliases are resolved. */
  readonly name: string;
  readonly kind: SchemeKind;
  /** Of `digest` and `salted`: the algorithm of node:crypto and the length of its digest. */
  readonly digest?: { readonly algorithm: string; readonly bytes: number };
}

/** What stands after the dot: how the data is encoded; undefined leaves it to the scheme. */
export type Encoding = 'base64' | 'hex';

export interface StoredPassword {
  readonly scheme: Scheme;
  readonly encoding: Encoding | undefined;
  readonly text: string;
}

const SHA1 = { algorithm: 'sha1', bytes: 20 };
const SHA256 = { algorithm: 'sha256', bytes: 32 };
const SHA512 = { algorithm: 'sha512', bytes: 64 };

const SCHEMES: readonly Scheme[] = [
  { name: 'PLAIN', kind: 'plain' },
  { name: 'SHA', kind: 'digest', digest: SHA1 },
  { name: 'SHA256', kind: 'digest', digest: SHA256 },
  { name: 'SHA512', kind: 'digest', digest: SHA512 },
  { name: 'SSHA', kind: 'salted', digest: SHA1 },
  { name: 'SSHA256', kind: 'salted', digest: SHA256 },
  { name: 'SSHA512', kind: 'salted', digest: SHA512 },
  { name: 'CRYPT', kind: 'crypt' },
  { name: 'SHA256-CRYPT', kind: 'crypt' },
  { name: 'SHA512-CRYPT', kind: 'crypt' },
  { name: 'BLF-CRYPT', kind: 'bcrypt' },
  { name: 'ARGON2I', kind: 'argon2' },
  { name: 'ARGON2ID', kind: 'argon2' },
];
const ALIASES: Readonly<Record<string, string>> = {
  CLEAR: 'PLAIN',
  CLEARTEXT: 'PLAIN',
  SHA1: 'SHA',
  ARGON2: 'ARGON2ID',
};
const ENCODINGS: Readonly<Record<string, Encoding>> = { B64: 'base64', BASE64: 'base64', HEX: 'hex' };
const BY_NAME: ReadonlyMap<string, Scheme> = new Map(SCHEMES.map((scheme) => [scheme.name, scheme]));

/** Data without a scheme is for crypt(3), which knows itself what `$1$` or `$6$` is. */
const UNPREFIXED_SCHEME = 'CRYPT';

/** Finds a scheme by its name or alias, in any case. */
export function findScheme(name: string): Scheme | undefined {
  const upper = name.toUpperCase();
  return BY_NAME.get(ALIASES[upper] ?? upper);
}

/** Parses `{SCHEME[.ENC]}data`; undefined when the scheme or the encoding is not known. */
export function parseStoredPassword(stored: string): StoredPassword | undefined {
  const end = stored.startsWith('{') ? stored.indexOf('}') : -1;
  const [name = '', encodingName, ...more] = end === -1 ? [UNPREFIXED_SCHEME] : stored.slice(1, end).split('.');
  const scheme = findScheme(name);
  const encoding = encodingName === undefined ? undefined : ENCODINGS[encodingName.toUpperCase()];
  if (scheme === undefined || more.length > 0 || (encodingName !== undefined && encoding === undefined))
    return undefined;
  return { scheme, encoding, text: stored.slice(end + 1) };
}

/** Whether verifying takes milliseconds, so that it must not run on the event loop (RULES 31). */
export function isSlow(scheme: Scheme): boolean {
  return scheme.kind === 'crypt' || scheme.kind === 'bcrypt' || scheme.kind === 'argon2';
}

const HEX = /^(?:[0-9a-f]{2})*$/i;

/** Decodes data strictly; undefined for what the encoding does not allow. */
export function decodeText(text: string, encoding: Encoding): Buffer | undefined {
  if (encoding === 'hex') return HEX.test(text) ? Buffer.from(text, 'hex') : undefined;
  return decodeBase64(text);
}
