/**
 * What the printed Postfix lines depend on, and how Postfix names sockets. Values only. Follows postconf(5) for
 * `queue_directory`, SASL_README, SMTPD_POLICY_README and socketmap_table(5) for the forms of a socket's name.
 */
import { isIPv6 } from 'node:net';
import type { Endpoint } from '../core/endpoint.ts';

/** What the lines depend on. A service without a socket is turned off, and its lines are left out. */
export interface PostfixWiring {
  /** Postfix's `queue_directory`: sockets below it are named relative to it, which works chrooted and not. */
  readonly queueDirectory: string;
  readonly saslSocket?: Endpoint | undefined;
  readonly policySocket?: Endpoint | undefined;
  readonly lmtpSocket?: Endpoint | undefined;
  readonly lookupSocket?: Endpoint | undefined;
  /** Our domains as lower-case A-labels. */
  readonly domains: readonly string[];
  readonly domainsFrom: 'static' | 'socketmap';
  readonly domainClass: 'virtual' | 'relay';
  /** Recipients are checked by probing LMTP instead of asking the `recipient` map. */
  readonly isVerifying: boolean;
  readonly recipientDelimiter: string;
  /** The largest message LMTP takes. */
  readonly maxMessageBytes: number;
}

/** Comments are wrapped to this width. */
const COMMENT_COLUMNS = 100;

/** Unix sockets that a chrooted Postfix process cannot reach. */
export function socketsOutside(wiring: PostfixWiring): string[] {
  const { saslSocket, policySocket, lmtpSocket, lookupSocket } = wiring;
  return [saslSocket, policySocket, lmtpSocket, lookupSocket].flatMap((socket) =>
    socket?.kind === 'unix' && !isBelow(socket.path, wiring.queueDirectory) ? [socket.path] : [],
  );
}

/** Whether `path` lies below the queue directory. */
export function isBelow(path: string, queueDirectory: string): boolean {
  return path.startsWith(withSlash(queueDirectory));
}

/** Relative to the queue directory when the socket lies below it. */
function unixPath(path: string, { queueDirectory }: PostfixWiring): string {
  return isBelow(path, queueDirectory) ? path.slice(withSlash(queueDirectory).length) : path;
}

function withSlash(directory: string): string {
  return directory.endsWith('/') ? directory : `${directory}/`;
}

/** The name of a socket as `check_policy_service` and `socketmap:` take it. */
export function socketName(socket: Endpoint, wiring: PostfixWiring): string {
  return socket.kind === 'unix' ? `unix:${unixPath(socket.path, wiring)}` : formatInet(socket);
}

/** The name of a socket after `lmtp:`; lmtp(8) looks a host up by MX unless it stands in brackets. */
export function nexthop(socket: Endpoint, wiring: PostfixWiring): string {
  if (socket.kind === 'unix') return socketName(socket, wiring);
  return `inet:[${isIPv6(socket.host) ? `ipv6:${socket.host}` : socket.host}]:${socket.port}`;
}

/** Writes a reason as comment lines. */
export function formatComment(text: string): string[] {
  const lines: string[] = [];
  let line = '#';
  for (const word of text.split(' ')) {
    if (line.length + 1 + word.length > COMMENT_COLUMNS && line !== '#') {
      lines.push(line);
      line = '#';
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}

function formatInet(socket: Extract<Endpoint, { kind: 'inet' }>): string {
  return `inet:${isIPv6(socket.host) ? `[${socket.host}]` : socket.host}:${socket.port}`;
}
