/**
 * Netstrings: `LENGTH:BYTES,` with a decimal length. Read strictly, as Postfix does: no sign, no leading zero, no
 * white space; anything else is a ProtocolError at the first wrong byte. https://cr.yp.to/proto/netstrings.txt
 */
import { ProtocolError } from '../core/errors.ts';

const COLON = 0x3a;
const COMMA = 0x2c;
const DIGIT_ZERO = 0x30;
const DIGIT_NINE = 0x39;

/** Takes the first whole netstring off `bytes`, or returns undefined when more are needed. Throws ProtocolError. */
export function takeNetstring(bytes: Buffer, maxBytes: number): { value: Buffer; rest: Buffer } | undefined {
  const header = takeLength(bytes, maxBytes);
  if (header === undefined) return undefined;
  const end = header.start + header.length;
  const comma = bytes[end];
  if (comma === undefined) return undefined;
  if (comma !== COMMA) throw new ProtocolError(`Cannot read netstring of ${header.length} bytes: no comma after it`);
  return { value: bytes.subarray(header.start, end), rest: bytes.subarray(end + 1) };
}

/** Formats one netstring around the UTF-8 bytes of `payload`. */
export function formatNetstring(payload: string): string {
  return `${Buffer.byteLength(payload)}:${payload},`;
}

function takeLength(bytes: Buffer, maxBytes: number): { length: number; start: number } | undefined {
  let length = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0;
    if (byte === COLON && i > 0) return { length, start: i + 1 };
    if (byte < DIGIT_ZERO || byte > DIGIT_NINE) throw new ProtocolError('Cannot read netstring: no decimal length');
    if (i > 0 && length === 0) throw new ProtocolError('Cannot read netstring: leading zero in its length');
    length = length * 10 + byte - DIGIT_ZERO;
    if (length > maxBytes) throw new ProtocolError(`Cannot read netstring: more than ${maxBytes} bytes`);
  }
  return undefined;
}
