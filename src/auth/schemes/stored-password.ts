/**
 * Stored passwords as Dovecot writes them, `{SCHEME[.ENC]}data`: taking them apart and decoding the data. Who verifies
 * them is decided by the scheme (`scheme.ts`).
 */
import { decodeBase64 } from '../../core/base64.ts';
import { findScheme, type Encoding, type Scheme } from './scheme.ts';

interface EncodedData {
  /** As the name says it; undefined leaves it to the scheme. */
  readonly encoding: Encoding | undefined;
  readonly text: string;
}

export interface StoredPassword extends EncodedData {
  readonly scheme: Scheme;
}

const ENCODINGS: Readonly<Record<string, Encoding>> = { B64: 'base64', BASE64: 'base64', HEX: 'hex' };

/** Data without a scheme is for crypt(3), which knows itself what `$1$` or `$6$` is. */
const UNPREFIXED_SCHEME = 'CRYPT';
/** An alias of MD5-CRYPT, and of PLAIN-MD5 for whatever does not begin as that does. */
const AMBIGUOUS_NAME = 'MD5';
const MD5_CRYPT_START = '$1$';

/** Parses `{SCHEME[.ENC]}data`; undefined when the scheme or the encoding is not known. */
export function parseStoredPassword(stored: string): StoredPassword | undefined {
  const end = stored.startsWith('{') ? stored.indexOf('}') : -1;
  const [name = '', encodingName, ...more] = end === -1 ? [UNPREFIXED_SCHEME] : stored.slice(1, end).split('.');
  const encoding = ENCODINGS[encodingName?.toUpperCase() ?? ''];
  if (more.length > 0 || (encodingName !== undefined && encoding === undefined)) return undefined;
  const data = { encoding, text: stored.slice(end + 1) };
  if (name.toUpperCase() === AMBIGUOUS_NAME) return resolveMd5(data);
  const scheme = findScheme(name);
  return scheme === undefined ? undefined : { scheme, ...data };
}

function resolveMd5(data: EncodedData): StoredPassword | undefined {
  const text = decode(data) ?? '';
  const scheme = findScheme(text.startsWith(MD5_CRYPT_START) ? 'MD5-CRYPT' : 'PLAIN-MD5');
  return scheme === undefined ? undefined : { scheme, encoding: undefined, text };
}

const HEX = /^(?:[0-9a-f]{2})*$/i;

/** Decodes data strictly; undefined for what the encoding does not allow. */
export function decodeText(text: string, encoding: Encoding): Buffer | undefined {
  if (encoding === 'hex') return HEX.test(text) ? Buffer.from(text, 'hex') : undefined;
  return decodeBase64(text);
}

/**
 * Decodes data of one fixed length. Where the name says no encoding it is told by the length of the text: hex and
 * base64 of the same bytes are never equally long.
 */
export function decodeExactly({ text, encoding }: StoredPassword, byteCount: number): Buffer | undefined {
  const raw = decodeText(text, encoding ?? (text.length === byteCount * 2 ? 'hex' : 'base64'));
  return raw?.length === byteCount ? raw : undefined;
}

/** The data of a scheme that stores text; undefined when it cannot be decoded, or holds a NUL, where C would cut it. */
export function readText(stored: StoredPassword): string | undefined {
  const text = decode(stored);
  return text?.includes('\0') === true ? undefined : text;
}

function decode({ text, encoding }: EncodedData): string | undefined {
  return encoding === undefined ? text : decodeText(text, encoding)?.toString('latin1');
}
