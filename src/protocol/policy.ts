/**
 * The Postfix policy delegation protocol: what the bytes mean, and nothing else. Lines are `name=value`, ended by LF
 * alone; an empty line ends the request. A CR is data here, as it is for Postfix. No sockets, no decisions.
 * SMTPD_POLICY_README; facts/postfix.md B.1, B.3.
 */
import { ProtocolError } from '../core/errors.ts';
import { quotePeerText } from '../core/printable.ts';

/** The attributes of one request, by name. Unknown names are kept: Postfix adds some in every release. */
export type PolicyAttributes = ReadonlyMap<string, string>;

/** Postfix sends a few kilobytes: 30 values, each cut at `line_length_limit` (2048). Past this it is not Postfix. */
export const MAX_POLICY_REQUEST_BYTES = 64 * 1024;

/** What Postfix takes of a reply (facts/postfix.md B.3); the rest would be lost in the middle of a character. */
const MAX_ACTION_BYTES = 510;

const LF = 0x0a;

/**
 * Takes the first whole request off `bytes`, or returns undefined when more are needed. Of a name given twice the
 * first value stays. Throws ProtocolError for a line without a name and for a request past the limit.
 */
export function takePolicyRequest(bytes: Buffer): { value: PolicyAttributes; rest: Buffer } | undefined {
  // An empty line at once is a request without attributes.
  if (bytes[0] === LF) return { value: new Map(), rest: bytes.subarray(1) };
  const end = bytes.indexOf('\n\n');
  const length = end === -1 ? bytes.length : end;
  if (length > MAX_POLICY_REQUEST_BYTES) {
    throw new ProtocolError(`Cannot read policy request: more than ${MAX_POLICY_REQUEST_BYTES} bytes`);
  }
  if (end === -1) return undefined;
  return { value: parseAttributes(bytes.toString('utf8', 0, end)), rest: bytes.subarray(end + 2) };
}

/** Formats the attributes of a request as Postfix writes them. */
export function formatPolicyRequest(attributes: PolicyAttributes): string {
  let text = '';
  for (const [name, value] of attributes) text += `${name}=${value}\n`;
  return `${text}\n`;
}

/**
 * Formats a reply. The action becomes one line of valid UTF-8 within Postfix's limit; an empty one becomes DUNNO,
 * because Postfix takes `action=` for a permit and ends the restriction list (facts/dovecot.md H.5).
 */
export function formatPolicyReply(action: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what must go: a LF would start an attribute
  const line = action.replaceAll(/[\u0000-\u001F\u007F]+/g, ' ').trim();
  return `action=${line === '' ? 'DUNNO' : cutToBytes(line, MAX_ACTION_BYTES)}\n\n`;
}

function parseAttributes(text: string): PolicyAttributes {
  const attributes = new Map<string, string>();
  for (const line of text.split('\n')) {
    const equals = line.indexOf('=');
    if (equals < 1) throw new ProtocolError(`Cannot read policy attribute ${quotePeerText(line, 40)}: no name`);
    const name = line.slice(0, equals);
    if (!attributes.has(name)) attributes.set(name, line.slice(equals + 1));
  }
  return attributes;
}

/** Cuts at a character's border; a lone surrogate becomes U+FFFD on the way. */
function cutToBytes(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text, 'utf8');
  let end = Math.min(bytes.length, maxBytes);
  // Bytes 10xxxxxx continue a character.
  while (end < bytes.length && end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}
