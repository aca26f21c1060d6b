/**
 * App passwords: passwords made by Postern for one program each. What is kept is a keyed digest, fast because a token of
 * 128 random bits is not guessable. Whether one may be used now and from here is decided by the login code.
 *
 * A token is written in Crockford's base 32 (crockford.com/base32.html): no letter I, L, O or U, and whoever types one
 * all the same means the digit or letter it looks like. Case and separators do not count.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { AppPasswordScope } from '../core/app-password-words.ts';

export interface AppPassword {
  readonly id: number;
  /** What its owner calls it. */
  readonly label: string;
  /** Random key of this one digest, and HMAC-SHA256 of the token under it. */
  readonly key: Buffer;
  readonly digest: Buffer;
  readonly scopes: readonly AppPasswordScope[];
  /** Networks it may be used from; empty for all. */
  readonly allowNets: readonly string[];
  /** Milliseconds since 1970; undefined for never. */
  readonly expiresAt: number | undefined;
}

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
/** 26 symbols of 5 bits: 130 random bits. */
const TOKEN_SYMBOLS = 26;
const SYMBOL_MASK = ALPHABET.length - 1;
/** Four groups of five symbols, and the six that are left. */
const GROUPS = /^(.{5})(.{5})(.{5})(.{5})(.{6})$/;
const SEPARATOR = '-';
/** A token with a separator of three bytes behind each symbol; what is longer is no token and not looked at. */
const MAX_TYPED_BYTES = TOKEN_SYMBOLS * 4;
/** White space and every hyphen or dash a phone may put in its place. */
const SEPARATORS = /[\s._\-\u00AD\u2010-\u2015\u2212\uFE58\uFE63\uFF0D]/g;
const TOKEN = new RegExp(`^[${ALPHABET}]{${TOKEN_SYMBOLS}}$`);
const KEY_BYTES = 32;

/** What is kept of a token. */
export interface SealedToken {
  readonly key: Buffer;
  readonly digest: Buffer;
}

/** Makes a token as it is shown to its owner, in groups. */
export function makeToken(random: (bytes: number) => Buffer = randomBytes): string {
  const symbols = Array.from(random(TOKEN_SYMBOLS), (byte) => ALPHABET.charAt(byte & SYMBOL_MASK)).join('');
  return symbols.replace(GROUPS, ['$1', '$2', '$3', '$4', '$5'].join(SEPARATOR));
}

/** Reads what somebody typed as a token, without separators and in one spelling; undefined when it cannot be one. */
export function parseToken(typed: Buffer): string | undefined {
  if (typed.length < TOKEN_SYMBOLS || typed.length > MAX_TYPED_BYTES) return undefined;
  const token = typed
    .toString()
    .replaceAll(SEPARATORS, '')
    .toLowerCase()
    .replaceAll('o', '0')
    .replaceAll(/[il]/g, '1')
    .replaceAll('u', 'v');
  return TOKEN.test(token) ? token : undefined;
}

/** The digest of a parsed token under the key of one entry. */
export function digestToken(token: string, key: Buffer): Buffer {
  return createHmac('sha256', key).update(token).digest();
}

/** Makes what is kept of a parsed token, under a key of its own. */
export function sealToken(token: string, random: (bytes: number) => Buffer = randomBytes): SealedToken {
  const key = random(KEY_BYTES);
  return { key, digest: digestToken(token, key) };
}

/**
 * Finds the app password that a parsed token belongs to. Every entry is compared to its end, so the time taken tells
 * nothing about which one matched, or whether one did.
 */
export function findAppPassword(token: string, list: readonly AppPassword[]): AppPassword | undefined {
  let match: AppPassword | undefined;
  for (const entry of list) {
    const digest = digestToken(token, entry.key);
    // A digest of another length was damaged in the store.
    const isEqual = digest.length === entry.digest.length && timingSafeEqual(digest, entry.digest);
    match = isEqual ? entry : match;
  }
  return match;
}
