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

/** Postfix's own limit: a longer unix path is fatal for its clients (facts/postfix.md 0). */
export const MAX_UNIX_PATH_BYTES = 107;

/** Formats an endpoint as the configuration writes it. */
export function formatEndpoint(endpoint: Endpoint): string {
  if (endpoint.kind === 'unix') return `unix:${endpoint.path}`;
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
  return `inet:${host}:${endpoint.port}`;
}
