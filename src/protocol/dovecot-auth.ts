/**
 * The Dovecot auth client protocol, server side: lines to commands and replies to bytes. No sockets, no timers, no
 * judgement of credentials. Minor versions matter only where a client's own minor says so (`readInitialResponse`).
 * facts: Dovecot's auth-protocol document and Postfix's xsasl_dovecot_server.c.
 *
 * A line that cannot be tied to a request throws ProtocolError and costs the connection; one that can is `malformed`
 * and costs only its own request, because other requests of the connection may belong to other people.
 */
import { decodeBase64 } from '../core/base64.ts';
import { ProtocolError } from '../core/errors.ts';

/** Line length including LF; Dovecot's own input buffer. Postfix's responses are limited to 12,288 octets. */
export const MAX_LINE_BYTES = 16_384;

/** The only major version there is; minors never cause a refusal. */
export const PROTOCOL_MAJOR = 1;
/** What we speak: Dovecot 2.3's, so that an empty `resp=` is an empty response for clients of minor 2 and up. */
const PROTOCOL_MINOR = 2;
/** From this client minor on, an empty `resp=` is an empty response; before, it is none (the rule made for Exim). */
const EMPTY_RESPONSE_MINOR = 2;

/** The usual success says who, and nothing else. */
const NO_OK_FIELDS: OkFields = {};

const NOTHING = Buffer.alloc(0);
const LF = 0x0a;
const CR = 0x0d;
const MAX_ID = 0xffff_ffff;
const AUTH = 'AUTH\t';

/** An AUTH command with the parameters that mean something to us. */
export interface AuthCommand {
  readonly kind: 'auth';
  readonly id: number;
  /** As the client wrote it, in any case. */
  readonly mechanism: string;
  readonly service: string;
  /** Addresses as given, unchecked; empty when the client does not know them. */
  readonly remoteAddress: string;
  readonly localAddress: string;
  /** Ports as given, unchecked; undefined when the client does not tell. */
  readonly remotePort?: string | undefined;
  readonly localPort?: string | undefined;
  /** `session=`: what the client calls the session in its own log. */
  readonly session?: string | undefined;
  readonly isSecured: boolean;
  /** `valid-client-cert`: the client verified a certificate; `certificateName` is what it calls its owner. */
  readonly hasValidCertificate: boolean;
  readonly certificateName?: string | undefined;
  /** `final-resp-ok`: what the server says last may come with the OK; otherwise it is a challenge of its own. */
  readonly takesFinalResponse: boolean;
  /** `no-penalty`: neither delay nor count. */
  readonly skipsPenalty: boolean;
  /** Value of `resp=`, still base64; undefined when the parameter is absent. */
  readonly initialResponse: string | undefined;
}

export type ClientCommand =
  | { readonly kind: 'version'; readonly major: number; readonly minor: number }
  | { readonly kind: 'cpid'; readonly pid: number }
  | AuthCommand
  /** `response` is still base64. */
  | { readonly kind: 'cont'; readonly id: number; readonly response: string }
  | { readonly kind: 'cancel'; readonly id: number }
  /** A known command of a known request that makes no sense; only that request fails. */
  | { readonly kind: 'malformed'; readonly id: number; readonly reason: string };

/** Takes the first line off `bytes`, without its LF and the one CR before it; undefined when more bytes are needed. */
export function takeLine(bytes: Buffer): { value: string; rest: Buffer } | undefined {
  const end = bytes.indexOf(LF);
  if (end >= MAX_LINE_BYTES || (end === -1 && bytes.length >= MAX_LINE_BYTES)) {
    throw new ProtocolError(`Cannot read auth command: more than ${MAX_LINE_BYTES} bytes in a line`);
  }
  if (end === -1) return undefined;
  const textEnd = end > 0 && bytes[end - 1] === CR ? end - 1 : end;
  const rest = end + 1 === bytes.length ? NOTHING : bytes.subarray(end + 1);
  return { value: bytes.toString('utf8', 0, textEnd), rest };
}

/** Parses one line. Throws ProtocolError for what only a close can answer: unknown command, impossible id. */
export function parseCommand(line: string): ClientCommand {
  // Nearly every line.
  if (line.startsWith(AUTH)) return parseAuth(line);
  const fields = line.split('\t');
  const name = fields[0] ?? '';
  switch (name) {
    case 'AUTH':
      throw new ProtocolError('Cannot read AUTH: no request id');
    case 'CONT':
      return parseCont(fields);
    case 'CANCEL':
      return { kind: 'cancel', id: parseId(fields[1]) };
    case 'VERSION':
      return { kind: 'version', major: parseNumber(fields[1]), minor: parseNumber(fields[2]) };
    case 'CPID': {
      const pid = parseNumber(fields[1]);
      if (pid === 0) throw new ProtocolError('Cannot read CPID: zero');
      return { kind: 'cpid', pid };
    }
    default:
      // The text itself could hold a password typed in the wrong place, so only its length is told.
      throw new ProtocolError(`Cannot read auth command: unknown name of ${name.length} characters`);
  }
}

/**
 * The initial response as bytes: undefined for none, `invalid` for bad base64. `resp==` is RFC 4954's empty response
 * for everybody; an empty value is one only for clients of minor 2 and up.
 */
export function readInitialResponse(value: string | undefined, clientMinor: number): Buffer | undefined | 'invalid' {
  if (value === undefined || (value === '' && clientMinor < EMPTY_RESPONSE_MINOR)) return undefined;
  return decodeResponse(value) ?? 'invalid';
}

/** Decodes base64 strictly; a lone `=` is empty, as RFC 4954 writes it. Undefined for what is no base64. */
export function decodeResponse(text: string): Buffer | undefined {
  return text === '=' ? Buffer.alloc(0) : decodeBase64(text);
}

/** A mechanism as the handshake lists it; Postfix filters by the flags. */
export interface OfferedMechanism {
  readonly name: string;
  readonly flags: readonly string[];
}

/**
 * Formats the whole greeting at once: Postfix speaks first, Exim waits for DONE, and both are content with it.
 * MECH stands before SPID, else Postfix believes it is on the wrong socket.
 */
export function formatHandshake(greeting: {
  readonly mechanisms: readonly OfferedMechanism[];
  readonly serverPid: number;
  /** Unique among the connections of this process. */
  readonly connectionUid: number;
  /** 32 hexadecimal digits. */
  readonly cookie: string;
}): string {
  const { mechanisms, serverPid, connectionUid, cookie } = greeting;
  return [
    `VERSION\t${PROTOCOL_MAJOR}\t${PROTOCOL_MINOR}\n`,
    ...mechanisms.map(({ name, flags }) => `${['MECH', name, ...flags].join('\t')}\n`),
    `SPID\t${serverPid}\nCUID\t${connectionUid}\nCOOKIE\t${cookie}\nDONE\n`,
  ].join('');
}

/** What a success may say beside the user; Postfix reads none of it. */
export interface OkFields {
  /** The name as it was typed. */
  readonly originalUser?: string | undefined;
  /** Who logged in as `user`. */
  readonly authUser?: string | undefined;
  readonly isAnonymous?: boolean;
  /** The server's last word in the mechanism, for clients that take it here. */
  readonly finalResponse?: Buffer | undefined;
}

/** Formats a success. `user` must not be empty: Postfix takes an empty name for a login. */
export function formatOk(id: number, user: string, fields: OkFields = NO_OK_FIELDS): string {
  if (user === '') throw new RangeError('Cannot format OK: the user is empty');
  if (fields === NO_OK_FIELDS) return `OK\t${id}\tuser=${escapeValue(user)}\n`;
  const { originalUser, authUser, isAnonymous, finalResponse } = fields;
  const original = originalUser === undefined ? '' : `\toriginal_user=${escapeValue(originalUser)}`;
  const auth = authUser === undefined ? '' : `\tauth_user=${escapeValue(authUser)}`;
  const anonymous = isAnonymous === true ? '\tanonymous' : '';
  const response = finalResponse === undefined ? '' : `\tresp=${finalResponse.toString('base64')}`;
  return `OK\t${id}\tuser=${escapeValue(user)}${original}${auth}${anonymous}${response}\n`;
}

/** Formats a challenge; the field after the id is there even when empty. */
export function formatCont(id: number, challenge: Buffer): string {
  return `CONT\t${id}\t${challenge.toString('base64')}\n`;
}

/**
 * Formats a failure. `isTemporary` adds the word that clients of minor 1 know beside the code of later ones; `hasNoDelay`
 * tells the client not to hold it back either.
 */
export function formatFail(
  id: number,
  fields: {
    readonly user?: string | undefined;
    readonly hasNoDelay?: boolean;
    readonly isTemporary?: boolean;
    readonly code?: 'temp_fail' | 'invalid_base64';
    readonly reason: string;
  },
): string {
  const user = fields.user === undefined ? '' : `\tuser=${escapeValue(fields.user)}`;
  const noDelay = fields.hasNoDelay === true ? '\tnodelay' : '';
  const temporary = fields.isTemporary === true ? '\ttemp' : '';
  const code = fields.code === undefined ? '' : `\tcode=${fields.code}`;
  return `FAIL\t${id}${user}${noDelay}${temporary}${code}\treason=${escapeValue(fields.reason)}\n`;
}

const ESCAPES: Readonly<Record<string, string>> = { '\0': '0', '\x01': '1', '\t': 't', '\r': 'r', '\n': 'n' };
const UNESCAPES: Readonly<Record<string, string>> = { '0': '\0', '1': '\x01', t: '\t', r: '\r', n: '\n' };
// oxlint-disable-next-line no-control-regex -- these are the characters that must be escaped
const NEEDS_ESCAPE = /[\0\x01\t\r\n]/g;
// oxlint-disable-next-line no-control-regex -- the same; without a place to go on from
const HAS_ESCAPES = /[\0\x01\t\r\n]/;
// oxlint-disable-next-line no-control-regex -- the escape character of the protocol
const ESCAPED = /\x01(.?)/gs;

/** Escapes a parameter value (`^A` codes), so that it can hold neither a field nor a line end. */
export function escapeValue(value: string): string {
  if (!HAS_ESCAPES.test(value)) return value;
  return value.replaceAll(NEEDS_ESCAPE, (c) => `\x01${ESCAPES[c] ?? ''}`);
}

/** The reverse of `escapeValue`: an unknown code stands for its own letter, a lone `^A` at the end for nothing. */
export function unescapeValue(value: string): string {
  if (!value.includes('\x01')) return value;
  return value.replaceAll(ESCAPED, (_whole, code: string) => UNESCAPES[code] ?? code);
}

function parseAuth(line: string): ClientCommand {
  let end = findFieldEnd(line, AUTH.length);
  const id = parseId(line.slice(AUTH.length, end));
  let start = end + 1;
  end = findFieldEnd(line, start);
  const mechanism = line.slice(start, end);
  if (mechanism === '') return { kind: 'malformed', id, reason: 'no mechanism' };
  const parameters: AuthParameters = {
    service: undefined,
    remoteAddress: '',
    localAddress: '',
    remotePort: undefined,
    localPort: undefined,
    session: undefined,
    isSecured: false,
    hasValidCertificate: false,
    certificateName: undefined,
    takesFinalResponse: false,
    skipsPenalty: false,
    initialResponse: undefined,
  };
  while (end < line.length) {
    if (parameters.initialResponse !== undefined) return { kind: 'malformed', id, reason: 'a parameter after resp' };
    start = end + 1;
    end = findFieldEnd(line, start);
    const equals = line.indexOf('=', start);
    if (equals === -1 || equals >= end) takeWord(line.slice(start, end), parameters);
    else takeParameter(line.slice(start, equals), line.slice(equals + 1, end), parameters);
  }
  const { service } = parameters;
  if (service === undefined) return { kind: 'malformed', id, reason: 'no service' };
  return {
    kind: 'auth',
    id,
    mechanism,
    service,
    remoteAddress: parameters.remoteAddress,
    localAddress: parameters.localAddress,
    remotePort: parameters.remotePort,
    localPort: parameters.localPort,
    session: parameters.session,
    isSecured: parameters.isSecured,
    hasValidCertificate: parameters.hasValidCertificate,
    certificateName: parameters.certificateName,
    takesFinalResponse: parameters.takesFinalResponse,
    skipsPenalty: parameters.skipsPenalty,
    initialResponse: parameters.initialResponse,
  };
}

/** Where the field that begins at `from` ends: before a TAB or the end of the line. */
function findFieldEnd(line: string, from: number): number {
  const tab = line.indexOf('\t', from);
  return tab === -1 ? line.length : tab;
}

/** Writable, and without what stands before the parameters. */
type AuthParameters = {
  -readonly [K in Exclude<keyof AuthCommand, 'kind' | 'id' | 'mechanism' | 'service'>]: AuthCommand[K];
} & { service: string | undefined };

/** Takes a bare word. A word that should have a value has an empty one; names nobody knows are skipped. */
function takeWord(word: string, parameters: AuthParameters): void {
  switch (word) {
    case 'secured':
      parameters.isSecured = true;
      break;
    case 'valid-client-cert':
      parameters.hasValidCertificate = true;
      break;
    case 'final-resp-ok':
      parameters.takesFinalResponse = true;
      break;
    case 'no-penalty':
      parameters.skipsPenalty = true;
      break;
    default:
      takeParameter(word, '', parameters);
  }
}

/**
 * Takes a parameter with a value. Of doubles the last wins; names nobody knows are skipped, since every release adds
 * some. `real_rip=` and its kin are among them: `rip=` is whom Postfix means, proxies and XCLIENT considered.
 */
function takeParameter(name: string, value: string, parameters: AuthParameters): void {
  switch (name) {
    case 'service':
    // The same under its name of Dovecot 2.4.
    case 'protocol':
      parameters.service = unescapeValue(value);
      break;
    case 'resp':
      parameters.initialResponse = value;
      break;
    case 'secured':
      parameters.isSecured = true;
      break;
    default: {
      const field = TEXT_PARAMETERS.get(name);
      if (field !== undefined) parameters[field] = unescapeValue(value);
    }
  }
}

/** Parameters that are kept as they are. */
const TEXT_PARAMETERS: ReadonlyMap<
  string,
  'remoteAddress' | 'localAddress' | 'remotePort' | 'localPort' | 'session' | 'certificateName'
> = new Map([
  ['rip', 'remoteAddress'],
  ['lip', 'localAddress'],
  ['rport', 'remotePort'],
  ['lport', 'localPort'],
  ['session', 'session'],
  ['cert_username', 'certificateName'],
]);

function parseCont(fields: readonly string[]): ClientCommand {
  const id = parseId(fields[1]);
  if (fields[2] === undefined) return { kind: 'malformed', id, reason: 'CONT without a response' };
  // A further field is bad base64 to Dovecot, too: the response is the rest of the line.
  return { kind: 'cont', id, response: fields.slice(2).join('\t') };
}

function parseId(text: string | undefined): number {
  const id = parseNumber(text);
  if (id === 0 || id > MAX_ID) throw new ProtocolError('Cannot read request id: not between 1 and 4294967295');
  return id;
}

/** Digits only; leading zeros are accepted, as Dovecot does. */
function parseNumber(text: string | undefined): number {
  if (text === undefined || !/^\d{1,20}$/.test(text)) throw new ProtocolError('Cannot read number: not decimal');
  return Number(text);
}
