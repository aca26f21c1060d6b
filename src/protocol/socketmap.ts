/**
 * Postfix's socketmap protocol over netstrings: `NAME SPACE KEY` in, `OK DATA`, `NOTFOUND `, `TEMP WHY` or `PERM WHY`
 * out. What a map holds is not known here. socketmap_table(5); facts/postfix.md C.1.
 */
import { ProtocolError } from '../core/errors.ts';
import { quotePeerText } from '../core/printable.ts';
import { formatNetstring, takeNetstring } from './netstring.ts';

export interface SocketmapRequest {
  readonly map: string;
  /** The key as it came: it may be empty and may hold spaces, quotes and any UTF-8. */
  readonly key: string;
}

export type SocketmapReply =
  | { readonly kind: 'ok'; readonly data: string }
  | { readonly kind: 'notfound' }
  /** Postfix answers 451 4.3.0 and asks again. */
  | { readonly kind: 'temp'; readonly reason: string };

/** Postfix's own limit of a query (`socketmap_max_query_size`). */
const MAX_REQUEST_BYTES = 10_000;

/** Length digits, colon and comma come on top of the payload. */
export const MAX_SOCKETMAP_FRAME_BYTES = MAX_REQUEST_BYTES + 7;

/** Postfix's own limit of a reply (`socketmap_max_reply_size`); a longer one is a broken connection there. */
const MAX_REPLY_BYTES = 100_000;

/** Takes the first whole request off `bytes`, or returns undefined when more are needed. Throws ProtocolError. */
export function takeSocketmapRequest(bytes: Buffer): { value: SocketmapRequest; rest: Buffer } | undefined {
  const taken = takeNetstring(bytes, MAX_REQUEST_BYTES);
  if (taken === undefined) return undefined;
  const text = taken.value.toString('utf8');
  const space = text.indexOf(' ');
  if (space < 1) throw new ProtocolError(`Cannot read socketmap request ${quotePeerText(text, 40)}: no map name`);
  return { value: { map: text.slice(0, space), key: text.slice(space + 1) }, rest: taken.rest };
}

/** Formats a request as Postfix writes it. */
export function formatSocketmapRequest(request: SocketmapRequest): string {
  return formatNetstring(`${request.map} ${request.key}`);
}

/**
 * Formats a reply. Throws RangeError for data that is empty (Postfix 3.7 reads `OK` without data as "not found" and
 * would bounce mail), too long, or not one line.
 */
export function formatSocketmapReply(reply: SocketmapReply): string {
  switch (reply.kind) {
    case 'ok':
      return formatNetstring(`OK ${checkText(reply.data)}`);
    case 'notfound':
      // The space belongs to the reply, also without text after it.
      return formatNetstring('NOTFOUND ');
    case 'temp':
      return formatNetstring(`TEMP ${checkText(reply.reason)}`);
  }
}

function checkText(text: string): string {
  if (text.trim() === '') throw new RangeError('Cannot format socketmap reply: no data');
  if (Buffer.byteLength(text) > MAX_REPLY_BYTES - 'TEMP '.length) {
    throw new RangeError(`Cannot format socketmap reply: more than ${MAX_REPLY_BYTES} bytes`);
  }
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u001F\u007F]/.test(text)) throw new RangeError('Cannot format socketmap reply: a control character');
  return text;
}
