/**
 * The list of password schemes: how each is called, who verifies it, what it is good for. A new one is one entry
 * here and one in `fast.ts` or `slow.ts`. Names, aliases and encodings are Dovecot's (`doveadm pw -l`); which ones are
 * weak is what Dovecot 2.4 refuses unless told otherwise.
 *
 * Not served: OTP, whose data changes with every login and which Dovecot gave up as well, and what Dovecot removed
 * long ago (RPA, LANMAN, NTLM, SKEY). A hash of theirs is unusable like that of any unknown scheme.
 */
import type { ProofScheme } from '../login.ts';

/** How a scheme works; this decides who verifies it. */
export type SchemeKind =
  | 'plain'
  | 'truncated'
  | 'digest'
  | 'salted'
  | 'cram'
  | 'user-digest'
  | 'md5-crypt'
  | 'crypt'
  | 'bcrypt'
  | 'argon2'
  | 'pbkdf2'
  | 'scram';

export type DigestName = 'md4' | 'md5' | 'sha1' | 'sha256' | 'sha512';

/** What stands after the dot: how the data is encoded; undefined leaves it to the scheme. */
export type Encoding = 'base64' | 'hex';

export interface Scheme {
  /** The name new hashes get; aliases are resolved. */
  readonly name: string;
  readonly aliases: readonly string[];
  readonly kind: SchemeKind;
  /** Of what is a digest, alone or in rounds. */
  readonly digest?: DigestName;
  /** How binary data is written where nothing else is said; undefined for data that is text. */
  readonly encoding?: Encoding;
  /** Why it should be replaced; it verifies and is never made. */
  readonly weakness?: string;
  /** The mechanisms it can serve beside those that bring the password, such as PLAIN. */
  readonly proofs: readonly ProofScheme[];
}

/** Mechanisms that prove knowledge of a password without sending it. */
export const PROOF_SCHEMES: readonly ProofScheme[] = ['CRAM-MD5', 'DIGEST-MD5', 'SCRAM-SHA-1', 'SCRAM-SHA-256'];

/** Schemes `[auth] default_scheme` can have: slow enough to be guessed badly. */
export const NEW_PASSWORD_SCHEMES = [
  'ARGON2ID',
  'BLF-CRYPT',
  'SHA512-CRYPT',
  'SHA256-CRYPT',
  'SCRAM-SHA-256',
  'PBKDF2',
] as const;

const SLOW_KINDS: ReadonlySet<SchemeKind> = new Set(['md5-crypt', 'crypt', 'bcrypt', 'argon2', 'pbkdf2', 'scram']);

const DIGEST_BYTES: Readonly<Record<DigestName, number>> = { md4: 16, md5: 16, sha1: 20, sha256: 32, sha512: 64 };

const FAST_MD5 = 'MD5 is so fast that most passwords are found by trying';
const NOT_SALTED = 'MD5 without salt: most passwords can be looked up';
const OLD_CRYPT = 'its thousand rounds of MD5 are quickly tried';

const SCHEMES: readonly Scheme[] = [
  scheme('PLAIN', 'plain', { aliases: ['CLEAR', 'CLEARTEXT'], proofs: PROOF_SCHEMES }),
  scheme('PLAIN-TRUNC', 'truncated', { weakness: 'it takes every longer password that begins alike' }),
  scheme('SHA', 'digest', { aliases: ['SHA1'], digest: 'sha1', encoding: 'base64' }),
  scheme('SHA256', 'digest', { digest: 'sha256', encoding: 'base64' }),
  scheme('SHA512', 'digest', { digest: 'sha512', encoding: 'base64' }),
  scheme('SSHA', 'salted', { digest: 'sha1', encoding: 'base64' }),
  scheme('SSHA256', 'salted', { digest: 'sha256', encoding: 'base64' }),
  scheme('SSHA512', 'salted', { digest: 'sha512', encoding: 'base64' }),
  scheme('SMD5', 'salted', { digest: 'md5', encoding: 'base64', weakness: FAST_MD5 }),
  scheme('LDAP-MD5', 'digest', { digest: 'md5', encoding: 'base64', weakness: NOT_SALTED }),
  scheme('PLAIN-MD5', 'digest', { digest: 'md5', encoding: 'hex', weakness: NOT_SALTED }),
  scheme('PLAIN-MD4', 'digest', { digest: 'md4', encoding: 'hex', weakness: 'MD4 without salt is broken' }),
  scheme('CRAM-MD5', 'cram', { aliases: ['HMAC-MD5'], encoding: 'hex', proofs: ['CRAM-MD5'] }),
  scheme('DIGEST-MD5', 'user-digest', { digest: 'md5', encoding: 'hex', proofs: ['DIGEST-MD5'] }),
  scheme('CRYPT', 'crypt'),
  scheme('DES-CRYPT', 'crypt', { weakness: 'DES looks at the first 8 bytes of a password only' }),
  scheme('MD5-CRYPT', 'md5-crypt', { aliases: ['MD5'], weakness: OLD_CRYPT }),
  scheme('SHA256-CRYPT', 'crypt'),
  scheme('SHA512-CRYPT', 'crypt'),
  scheme('BLF-CRYPT', 'bcrypt'),
  scheme('ARGON2I', 'argon2'),
  scheme('ARGON2ID', 'argon2', { aliases: ['ARGON2'] }),
  scheme('PBKDF2', 'pbkdf2', { digest: 'sha1' }),
  scheme('SCRAM-SHA-1', 'scram', { digest: 'sha1', proofs: ['SCRAM-SHA-1'] }),
  scheme('SCRAM-SHA-256', 'scram', { digest: 'sha256', proofs: ['SCRAM-SHA-256'] }),
];
const BY_NAME: ReadonlyMap<string, Scheme> = new Map(
  SCHEMES.flatMap((entry) => [entry.name, ...entry.aliases].map((name) => [name, entry] as const)),
);

/** Every scheme, in the order of the documents. */
export function listSchemes(): readonly Scheme[] {
  return SCHEMES;
}

/** Every name a stored password can have: schemes and aliases. */
export function listSchemeNames(): string[] {
  return [...BY_NAME.keys()];
}

/** Finds a scheme by its name or alias, in any case. */
export function findScheme(name: string): Scheme | undefined {
  return BY_NAME.get(name.toUpperCase());
}

/** Whether verifying takes milliseconds, so that it must not run on the event loop (RULES 31). */
export function isSlow({ kind }: Scheme): boolean {
  return SLOW_KINDS.has(kind);
}

/** The length of a digest. */
export function digestBytes(digest: DigestName): number {
  return DIGEST_BYTES[digest];
}

function scheme(name: string, kind: SchemeKind, more: Partial<Omit<Scheme, 'name' | 'kind'>> = {}): Scheme {
  return { name, kind, aliases: [], proofs: [], ...more };
}
