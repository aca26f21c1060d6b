/** What a mail client must know to use an account: the same facts for every format that tells them. */

/** TLS from the first byte, or begun by STARTTLS. There is no third way. */
export type SocketType = 'SSL' | 'STARTTLS';

export interface ServerSettings {
  /** A host name in A-labels. */
  readonly host: string;
  readonly port: number;
  readonly socketType: SocketType;
}

/** Exactly one server of each kind: some clients take the first of a kind, others the last (facts/autoconfig.md 0.8). */
export interface ClientSettings {
  /** Name of the provider for people. */
  readonly displayName: string;
  readonly imap: ServerSettings;
  readonly smtp: ServerSettings;
}
