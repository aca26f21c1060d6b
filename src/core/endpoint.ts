/** Where a service listens: a unix socket or a TCP address. Values only; `net/` does the listening. */

export interface UnixEndpoint {
  readonly kind: 'unix';
  /** Absolute path of the socket. */
  readonly path: string;
}

export interface InetEndpoint {
  readonly kind: 'inet';
  /** A host name or an address; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

export type Endpoint = UnixEndpoint | InetEndpoint;

/** The system's limit, and Postfix's: a longer unix path is fatal for its clients (facts/postfix.md 0). */
const MAX_SOCKET_ADDRESS_BYTES = 107;
/** A dot and five characters: the temporary name under which `net/` makes a socket. */
const MAX_SOCKET_SUFFIX_BYTES = 6;

/** The longest path of a unix socket. Node cuts a longer one off without a word, and listens elsewhere. */
export const MAX_UNIX_PATH_BYTES = MAX_SOCKET_ADDRESS_BYTES - MAX_SOCKET_SUFFIX_BYTES;

/** Formats an endpoint as the configuration writes it. */
export function formatEndpoint(endpoint: Endpoint): string {
  if (endpoint.kind === 'unix') return `unix:${endpoint.path}`;
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
  return `inet:${host}:${endpoint.port}`;
}
