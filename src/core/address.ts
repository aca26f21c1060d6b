/**
 * Mail addresses as Postern keeps them: an unquoted local part and a domain in lower-case A-labels. No lookups, no
 * SMTP paths with parameters. Domains are judged leniently (underscores are in real use, RULES 25), local parts
 * by length and control characters only. RFC 5321 section 4.1.2, RFC 6531, RFC 5890.
 */
import { domainToASCII } from 'node:url';

/** An address taken apart. `local` is unquoted and keeps its case; `domain` is a lower-case A-label name. */
export interface Address {
  readonly local: string;
  readonly domain: string;
}

/** RFC 5321 says 64 and 255 octets; real local parts (VERP, SRS) are longer, so the local part gets 255 as well. */
const MAX_LOCAL_BYTES = 255;
const MAX_DOMAIN_BYTES = 253;

const DOMAIN = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/;
/** ASCII that no domain holds in any notation. */
const NOT_IN_DOMAIN = /[^a-z0-9._\-\u0080-\uFFFF]/i;
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /[\u0000-\u001F\u007F\uFFFD]/;
const ATOM = /^[^\s"(),:;<>@[\\\]]+$/;

/**
 * Parses `local@domain`, quoted or not, as a client or an administrator may have written it. Returns undefined for
 * what is no address: no `@`, an empty part, control characters, an impossible domain.
 */
export function parseAddress(text: string): Address | undefined {
  const at = text.lastIndexOf('@');
  if (at < 1 || text.length > MAX_LOCAL_BYTES * 2 + MAX_DOMAIN_BYTES) return undefined;
  const local = unquoteLocal(text.slice(0, at));
  const domain = parseDomain(text.slice(at + 1));
  if (local === undefined || domain === undefined) return undefined;
  return { local, domain };
}

/** Parses a domain in any form (U-labels, upper case, trailing dot) to lower-case A-labels. */
export function parseDomain(text: string): string | undefined {
  const bare = text.endsWith('.') ? text.slice(0, -1) : text;
  if (bare === '' || bare.length > MAX_DOMAIN_BYTES) return undefined;
  // domainToASCII reads its argument as a URL's host and silently drops what follows a slash or a question mark.
  if (NOT_IN_DOMAIN.test(bare)) return undefined;
  const ascii = DOMAIN.test(bare) ? bare : domainToASCII(bare).toLowerCase();
  return ascii.length <= MAX_DOMAIN_BYTES && DOMAIN.test(ascii) ? ascii : undefined;
}

/** Formats an address without quotes, as Postfix writes it in policy requests and table keys. */
export function formatAddress(address: Address): string {
  return `${address.local}@${address.domain}`;
}

/** Formats an address for an SMTP command or header: the local part is quoted where RFC 5321 demands it. */
export function formatPath(address: Address): string {
  const { local, domain } = address;
  const isDotAtom = ATOM.test(local) && !local.startsWith('.') && !local.endsWith('.') && !local.includes('..');
  return isDotAtom ? `${local}@${domain}` : `"${local.replaceAll(/["\\]/g, String.raw`\$&`)}"@${domain}`;
}

/**
 * The form under which addresses are stored and compared: NFC, lower case. Case in local parts is not kept apart
 * anywhere in Postern (facts/postfix.md C.5: tables must fold case themselves).
 */
export function normalizeAddress(address: Address): Address {
  return { local: foldCase(address.local), domain: address.domain };
}

/** The form in which a login name is stored and looked up: an address normalised, any other name with its case folded. */
export function normalizeLogin(name: string): string {
  return parseNormalized(name) ?? foldCase(name);
}

/** Parses an address and formats it in the form under which it is stored; undefined for what is no address. */
export function parseNormalized(text: string): string | undefined {
  const address = parseAddress(text);
  return address === undefined ? undefined : formatAddress(normalizeAddress(address));
}

/** The domain of a normalised address. */
export function domainOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1);
}

/** Folds case as addresses and login names are compared: NFC, then lower case, independent of the locale. */
export function foldCase(text: string): string {
  return text.normalize('NFC').toLowerCase();
}

/**
 * Splits `user+detail` at the first delimiter character; `delimiters` is a set of single characters (Dovecot's and
 * Postfix's `recipient_delimiter`). A delimiter at the very start does not split (Postfix's rule).
 */
export function splitDetail(local: string, delimiters: string): { user: string; detail: string | undefined } {
  for (let i = 1; i < local.length; i++) {
    if (delimiters.includes(local.charAt(i))) return { user: local.slice(0, i), detail: local.slice(i + 1) };
  }
  return { user: local, detail: undefined };
}

/** Takes the quotes off a quoted local part; returns undefined for one that is empty, too long or malformed. */
function unquoteLocal(text: string): string | undefined {
  let local = text;
  if (text.startsWith('"')) {
    if (text.length < 3 || !text.endsWith('"')) return undefined;
    const inner = text.slice(1, -1);
    if (/(^|[^\\])(\\\\)*"/.test(inner) || /(^|[^\\])(\\\\)*\\$/.test(inner)) return undefined;
    local = inner.replaceAll(/\\(.)/gs, '$1');
  }
  if (local === '' || CONTROL.test(local) || Buffer.byteLength(local) > MAX_LOCAL_BYTES) return undefined;
  return local;
}
