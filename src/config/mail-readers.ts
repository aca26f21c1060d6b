/**
 * Readers of the values that belong to mail: endpoints, networks, templates with `%` variables, quota rules. The
 * location is checked for its kind only: `mail/` reads its options (RULES 12).
 */
import * as z from 'zod';
import { MAX_UNIX_PATH_BYTES, formatEndpoint, type Endpoint } from '../core/endpoint.ts';
import {
  formatQuotaGrace,
  formatQuotaRule,
  parseQuotaGrace,
  parseQuotaRule,
  type QuotaAmount,
  type QuotaRule,
} from '../core/quota-rule.ts';
import { formatQuotaWarning, parseQuotaWarning, type QuotaWarning } from '../core/quota-warning.ts';
import { ACCOUNT_VARIABLES, checkVariables, tellsApart } from '../core/variables.ts';
import { createReader, readText, type Reader } from './reader.ts';
import { count, hostName, path, readOrThrow, text } from './readers.ts';

const MAX_PORT = 65_535;
export const port: Reader<number> = count({ min: 1, max: MAX_PORT });

const INET = /^inet:(?:\[([^\]]*)\]|([^:[\]]*)):([^:]*)$/;
const MAX_REPLY_CHARS = 400;
const MAX_DELIMITERS = 8;

/** `unix:PATH` or `inet:HOST:PORT`. */
export const endpoint: Reader<Endpoint> = createReader({
  parse: (value) => {
    if (value.startsWith('unix:')) return { kind: 'unix', path: parseSocketPath(value.slice('unix:'.length)) };
    const [whole, ipv6, name, digits = ''] = INET.exec(value) ?? [];
    if (whole === undefined) {
      throw new SyntaxError(`Cannot use endpoint "${value}": write unix:PATH or inet:HOST:PORT (IPv6 in brackets)`);
    }
    return { kind: 'inet', host: parseHost(ipv6, name), port: parsePort(digits) };
  },
  format: formatEndpoint,
  form: 'unix:PATH or inet:HOST:PORT',
});

function parseSocketPath(value: string): string {
  const socket = readOrThrow(path, value);
  const length = Buffer.byteLength(socket);
  if (length > MAX_UNIX_PATH_BYTES) {
    throw new RangeError(`Cannot use a socket path of ${length} bytes: at most ${MAX_UNIX_PATH_BYTES} can be used`);
  }
  if (value.endsWith('/')) throw new SyntaxError(`Cannot use socket path "${value}": it ends with a slash`);
  return socket;
}

function parsePort(digits: string): number {
  const reading = readText(port, digits);
  if (reading.kind === 'value') return reading.value;
  throw new RangeError(`Cannot use port "${digits}": write a number from 1 to ${MAX_PORT}`);
}

function parseHost(ipv6: string | undefined, name = ''): string {
  if (ipv6 !== undefined) {
    if (z.ipv6().safeParse(ipv6).success) return ipv6;
    throw new SyntaxError(`Cannot use "[${ipv6}]": it is no IPv6 address`);
  }
  if (name === '' || name === '*') {
    throw new SyntaxError(`Cannot use host "${name}": for every address write 0.0.0.0 or [::]`);
  }
  // Digits and dots alone are meant as an address, and 300.1.1.1 would pass for a name.
  if (!/^[\d.]+$/.test(name)) return readOrThrow(hostName, name);
  if (z.ipv4().safeParse(name).success) return name;
  throw new SyntaxError(`Cannot use "${name}": it is no IPv4 address`);
}

/** A network in CIDR form; a bare address stands for itself alone. */
export const network: Reader<string> = createReader({
  parse: (value) => {
    const bare = value.replace(/^\[(.*)\]((?:\/\d+)?)$/, '$1$2');
    if (isAddress(bare)) return `${bare}/${bare.includes(':') ? '128' : '32'}`;
    if (z.cidrv4().safeParse(bare).success || z.cidrv6().safeParse(bare).success) return bare;
    throw new SyntaxError(`Cannot use network "${value}": write it as 192.0.2.0/24 or 2001:db8::/32`);
  },
  format: (value) => value,
  form: 'network such as 192.0.2.0/24',
});

function isAddress(value: string): boolean {
  return z.ipv4().safeParse(value).success || z.ipv6().safeParse(value).success;
}

/** The account name made of a login name. */
export const usernameFormat: Reader<string> = createReader({
  parse: (value) => {
    checkVariables(value, ACCOUNT_VARIABLES);
    if (!tellsAccountsApart(value)) {
      throw new SyntaxError(`Cannot use "${value}": without a whole %u or %n every login would be the same account`);
    }
    return value;
  },
  format: (value) => value,
  form: 'text with the variables %u %n %d',
});

/** A home directory: absolute, and another one for every account. */
export const home: Reader<string> = createReader({
  parse: (value) => {
    checkVariables(value, ACCOUNT_VARIABLES);
    if (!value.startsWith('/')) throw new SyntaxError(`Cannot use path "${value}": it must be absolute`);
    if (!tellsAccountsApart(value)) {
      throw new SyntaxError(`Cannot use "${value}": without a whole %u or %n accounts would share one home`);
    }
    if (value.split('/').includes('..')) throw new SyntaxError(`Cannot use "${value}": ".." is not allowed in it`);
    return value;
  },
  format: (value) => value,
  form: 'absolute path with the variables %u %n %d',
});

/** The mailbox location, such as `maildir:~/Maildir`. */
export const location: Reader<string> = createReader({
  parse: (value) => {
    checkVariables(value, [...ACCOUNT_VARIABLES, 'home']);
    const [, place] = /^maildir:((?:~\/|\/|%h\/|%\{home\}\/)[^:]*)/.exec(value) ?? [];
    if (place === undefined) {
      throw new SyntaxError(`Cannot use location "${value}": write maildir: and a path that begins with ~/ or /`);
    }
    if (place.startsWith('/') && !tellsAccountsApart(place)) {
      throw new SyntaxError(`Cannot use "${value}": without ~ or a whole %u or %n accounts would share one mailbox`);
    }
    return value;
  },
  format: (value) => value,
  form: 'maildir:PATH, where ~ is the home, with INBOX=, CONTROL= and INDEX= behind it',
});

/** The characters that may part a user from the detail; none turns details off. */
export const delimiters: Reader<string> = createReader({
  parse: (value) => {
    if (value.length > MAX_DELIMITERS || /[^!-~]|[@"/\\%.]/.test(value)) {
      throw new SyntaxError(`Cannot use "${value}": write a few characters such as + or -, none of @ " / \\ % .`);
    }
    return value;
  },
  format: (value) => value,
  form: 'characters such as +; may be empty',
});

/** `*:storage=1G:messages=1000`, `Trash:storage=+10%`; empty for no rule. */
export const quotaRule: Reader<QuotaRule | undefined> = createReader({
  parse: (value) => (value === '' ? undefined : parseQuotaRule(value)),
  format: (rule) => (rule === undefined ? '' : formatQuotaRule(rule)),
  form: 'MAILBOX:storage=SIZE:messages=NUMBER or MAILBOX:ignore; may be empty',
});

/** `storage=95%`, and a command if any; empty for no warning. */
export const quotaWarning: Reader<QuotaWarning | undefined> = createReader({
  parse: (value) => (value === '' ? undefined : parseWarning(value)),
  format: (warning) => (warning === undefined ? '' : formatQuotaWarning(warning)),
  form: 'storage=95% or -storage=100%, messages=1K, and a whole path of a command with its arguments; may be empty',
});

function parseWarning(value: string): QuotaWarning {
  const warning = parseQuotaWarning(value);
  for (const word of warning.command) checkVariables(word, ACCOUNT_VARIABLES);
  return warning;
}

/** `10%` of a limit, or a size. */
export const quotaGrace: Reader<QuotaAmount> = createReader({
  parse: parseQuotaGrace,
  format: formatQuotaGrace,
  form: 'PERCENT% or size such as 10M',
});

/** Text behind a reply code: one line of ASCII, since not every client was asked for UTF-8. */
export const replyText: Reader<string> = text({
  pattern: new RegExp(`^[ -~]{1,${MAX_REPLY_CHARS}}$`),
  form: `a line of ASCII of at most ${MAX_REPLY_CHARS} characters`,
});

/** A reply code of SMTP. */
export function replyCode<const T extends number>(codes: readonly T[]): Reader<T> {
  return createReader({
    parse: (value) => {
      const code = codes.find((known) => String(known) === value);
      if (code === undefined) throw new SyntaxError(`Cannot use reply code "${value}": there are ${codes.join(', ')}`);
      return code;
    },
    format: String,
    form: `one of ${codes.join(', ')}`,
  });
}

/** Whether two accounts of one domain get different texts. */
function tellsAccountsApart(template: string): boolean {
  return tellsApart(template, ['user', 'username']);
}

/** Whether accounts of the same name in two domains get different texts. */
export function tellsDomainsApart(template: string): boolean {
  return tellsApart(template, ['user', 'domain', 'domain_first', 'domain_last']);
}

/** The directory that stands before the first variable of a home: the mail root. */
export function fixedDirectory(template: string): string {
  const [fixed = ''] = template.split('%', 1);
  return fixed.slice(0, fixed.lastIndexOf('/')) || '/';
}
