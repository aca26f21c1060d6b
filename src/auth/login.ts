/**
 * A login attempt and its verdict, as the SASL service and the command see them.
 */

/** Everything known of an attempt beside the credentials. */
export interface LoginContext {
  /** `service=` of the client, such as `smtp` or `submission`. */
  readonly service: string;
  readonly mechanism: string;
  /** Client address, empty when it is not known. */
  readonly remoteAddress: string;
  readonly localAddress: string;
  /** The session is under TLS, or the transport is trusted. */
  readonly isSecured: boolean;
}

/** Why a login failed, for the log only: the peer reads the same words for every one of them. */
export type RejectReason =
  | 'unknown-user'
  | 'wrong-password'
  | 'login-off'
  | 'network'
  | 'plaintext'
  | 'bad-username'
  | 'bad-request'
  | 'authorization-id'
  | 'no-password';

export type LoginOutcome =
  | { readonly kind: 'accepted'; readonly user: string; readonly isCached: boolean }
  | { readonly kind: 'rejected'; readonly reason: RejectReason; readonly user: string | undefined }
  /** Could not tell: the connection is closed or `temp` is said, never a plain failure (RULES 21). */
  | { readonly kind: 'unavailable'; readonly reason: string };

export interface PasswordLogin {
  readonly username: string;
  /** The bytes as typed; they are wiped by nobody, and never logged. */
  readonly password: Buffer;
}

export interface Authenticator {
  /** Decides one plain-text login; never throws, and answers within the SASL deadline. */
  verify(login: PasswordLogin, context: LoginContext): Promise<LoginOutcome>;
}
