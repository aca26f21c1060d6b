/**
 * What the modifiers, substrings, hashes and comparisons of `%` variables do to a value, as Dovecot 2.3 does it
 * (facts/dovecot.md E.5). Two things differ: characters are counted, cut and turned round as characters and not as bytes,
 * so that a name in UTF-8 is never cut in half, and upper and lower case are those of Unicode.
 */
import { createHash } from 'node:crypto';
import type { Cut, Hash, Modifier, Operator } from './template.ts';

const ORDERS: Readonly<Record<Exclude<Operator, '*' | '!*'>, (difference: number) => boolean>> = {
  eq: (difference) => difference === 0,
  '==': (difference) => difference === 0,
  ne: (difference) => difference !== 0,
  '!=': (difference) => difference !== 0,
  lt: (difference) => difference < 0,
  '<': (difference) => difference < 0,
  le: (difference) => difference <= 0,
  '<=': (difference) => difference <= 0,
  gt: (difference) => difference > 0,
  '>': (difference) => difference > 0,
  ge: (difference) => difference >= 0,
  '>=': (difference) => difference >= 0,
};

/** A value on its way: hashes use the cut up, as their base and their length. */
interface Draft {
  readonly text: string;
  readonly cut: Cut;
}

const HEX = 16;
const NUMBER = /^\s*([+-]?\d+)/;
const MAX_UINT64 = 2n ** 64n - 1n;
const UINT32 = 2n ** 32n;

/** Applies modifiers from left to right, then the cut. */
export function modify(value: string, { modifiers, cut }: { modifiers: readonly Modifier[]; cut: Cut }): string {
  let draft: Draft = { text: value, cut };
  for (const modifier of modifiers) draft = applyModifier(draft, modifier);
  return cutText(draft.text, draft.cut);
}

/** The hash of a value, in hex. */
export function hashText(text: string, hash: Hash): string {
  return createHash(hash).update(text).digest('hex');
}

/** Compares two values; throws SyntaxError when numbers are to be compared and one is none. */
export function compareTexts(left: string, { operator, right }: { operator: Operator; right: string }): boolean {
  if (operator === '*') return matchesPattern(left, right);
  if (operator === '!*') return !matchesPattern(left, right);
  const isNumeric = !/^[a-z]/.test(operator);
  const difference = isNumeric
    ? Number(readNumber(left) - readNumber(right))
    : Buffer.compare(Buffer.from(left), Buffer.from(right));
  return ORDERS[operator](difference);
}

/** Whether a whole text fits a pattern with `*` for any characters and `?` for one; never more steps than their product. */
export function matchesPattern(text: string, pattern: string): boolean {
  let at = 0;
  let patternAt = 0;
  let star = -1;
  let retryAt = 0;
  while (at < text.length) {
    const wanted = pattern[patternAt];
    if (wanted === '*') {
      star = patternAt;
      retryAt = at;
      patternAt += 1;
    } else if (wanted !== undefined && (wanted === '?' || wanted === text[at])) {
      patternAt += 1;
      at += 1;
    } else {
      if (star === -1) return false;
      patternAt = star + 1;
      retryAt += 1;
      at = retryAt;
    }
  }
  while (pattern[patternAt] === '*') patternAt += 1;
  return patternAt === pattern.length;
}

function applyModifier(draft: Draft, modifier: Modifier): Draft {
  const { text } = draft;
  switch (modifier) {
    case 'L':
      return { ...draft, text: text.toLowerCase() };
    case 'U':
      return { ...draft, text: text.toUpperCase() };
    case 'E':
      return { ...draft, text: text.replaceAll(/["'\\]/g, String.raw`\$&`) };
    case 'X':
      return { ...draft, text: toUnsigned(text).toString(HEX) };
    case 'R':
      return { ...draft, text: Array.from(text).toReversed().join('') };
    case 'N':
      return reduce(draft, createHash('md5').update(text).digest().readBigUInt64BE());
    case 'H':
      return reduce(draft, BigInt(hashOld(text)));
    case 'M':
      return { ...draft, text: hashText(text, 'md5') };
    case 'D':
      return { ...draft, text: text.replaceAll('.', ',dc=') };
    case 'T':
      return { ...draft, text: text.replace(/[ \t\n\v\f\r]+$/, '') };
  }
}

/** The width is the number of different hashes, the offset the number of their digits. */
function reduce({ cut }: Draft, value: bigint): Draft {
  const reduced = cut.width > 0 ? value % BigInt(cut.width) : value;
  const digits = (reduced % UINT32).toString(HEX).padStart(Math.max(cut.offset, 0), '0');
  return { text: digits, cut: { offset: 0, width: 0, isPadded: false } };
}

/** The hash of Dovecot 1: that of the dragon book, 28 bits. */
function hashOld(text: string): number {
  let hash = 0;
  for (const byte of Buffer.from(text)) {
    hash = ((hash << 4) + byte) >>> 0;
    const high = hash & 0xf0000000;
    if (high !== 0) hash = (hash ^ (high >>> 24) ^ high) >>> 0;
  }
  return hash;
}

/** As strtoull(3): the digits at the start, 0 without any. */
function toUnsigned(text: string): bigint {
  const [, digits = '0'] = NUMBER.exec(text) ?? [];
  const value = BigInt(digits.replace('+', ''));
  if (value > MAX_UINT64) return MAX_UINT64;
  return BigInt.asUintN(64, value);
}

function cutText(text: string, { offset, width, isPadded }: Cut): string {
  if (offset === 0 && width === 0) return text;
  const characters = Array.from(text);
  // From the end only when there is so much.
  const start = offset >= 0 ? offset : characters.length > -offset ? characters.length + offset : 0;
  const rest = characters.slice(start);
  if (isPadded) return '0'.repeat(Math.max(width - rest.length, 0)) + rest.join('');
  if (width === 0) return rest.join('');
  return rest.slice(0, width > 0 ? width : Math.max(rest.length + width, 0)).join('');
}

function readNumber(text: string): bigint {
  if (!/^-?\d{1,18}$/.test(text)) throw new SyntaxError(`Cannot compare ${JSON.stringify(text)}: it is no number`);
  return BigInt(text);
}
