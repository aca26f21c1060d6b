/**
 * A login attempt and its verdict, as the SASL service and the command see them, and the port between that service and
 * the core. Mechanisms that carry a password are verified in one step; those that prove knowledge of one are a claim, a
 * credential to check the proof with, and a conclusion.
 */
import type { Fields } from '../core/fields.ts';

/** Everything known of an attempt beside the credentials. */
export interface LoginContext {
  /** `service=` of the client, such as `smtp` or `submission`. */
  readonly service: string;
  readonly mechanism: string;
  /** Client address, empty when it is not known. */
  readonly remoteAddress: string;
  readonly localAddress: string;
  /** Ports as given, unchecked; Postfix sends none. */
  readonly remotePort?: string | undefined;
  readonly localPort?: string | undefined;
  /** The session is under TLS, or the transport is trusted. */
  readonly isSecured: boolean;
  /** Name in a client certificate that was verified (`valid-client-cert` and `cert_username=`, RULES 37). */
  readonly certificateName?: string | undefined;
  /** `no-penalty`: the client asks that this attempt be neither delayed nor counted. */
  readonly skipsPenalty?: boolean | undefined;
}

/** Why a login failed, for the log only: the peer reads the same words for every one of them. */
export type RejectReason =
  | 'unknown-user'
  | 'wrong-password'
  | 'wrong-proof'
  | 'no-credential'
  | 'login-off'
  | 'denied'
  | 'network'
  | 'plaintext'
  | 'bad-username'
  | 'bad-request'
  /** The login was good, but the client never took the server's last word (SCRAM, DIGEST-MD5). */
  | 'unconfirmed'
  | 'authorization-id'
  | 'unknown-target'
  | 'no-certificate'
  | 'no-password'
  | 'app-password-required'
  | 'app-password-expired'
  | 'app-password-network'
  | 'app-password-scope';

export interface Accepted {
  readonly kind: 'accepted';
  /** Canonical address (RULES 22); the name of `anonymous_username` for ANONYMOUS. */
  readonly user: string;
  readonly isCached: boolean;
  /** Name of the passdb that decided. */
  readonly passdb?: string | undefined;
  /** Who logged in as `user`, in a master login. */
  readonly masterUser?: string | undefined;
  /** Label of the app password that matched. */
  readonly appPassword?: string | undefined;
  readonly isAnonymous?: boolean | undefined;
}

export interface Rejected {
  readonly kind: 'rejected';
  readonly reason: RejectReason;
  /** The name after formatting; undefined when there was none. */
  readonly user: string | undefined;
  readonly masterUser?: string | undefined;
  /** The entry has `nodelay`: the failure leaves at once. */
  readonly hasNoDelay?: boolean | undefined;
  /** The domain wants app passwords, and says so to everybody (RULES 41). */
  readonly tellsAppPassword?: boolean | undefined;
}

/** Could not tell: the connection is closed or `temp` is said, never a plain failure (RULES 21). */
export interface Undecided {
  readonly kind: 'unavailable';
  readonly reason: string;
}

export type LoginOutcome = Accepted | Rejected | Undecided;

export interface PasswordLogin {
  readonly username: string;
  /** The bytes as typed; they are wiped by nobody, and never logged. */
  readonly password: Buffer;
  /** Whom to act as (authzid), when it is somebody else: a master login. */
  readonly authorizationId?: string | undefined;
  /** The initial response as it came, in base64: what `recall` may be asked for the next time. */
  readonly initialResponse?: string | undefined;
}

/** Schemes that store what a proof is checked with. Every one of them can be made from PLAIN. */
export type ProofScheme = 'CRAM-MD5' | 'DIGEST-MD5' | 'SCRAM-SHA-1' | 'SCRAM-SHA-256';

/** Who somebody says to be before proving it. */
export interface Claim {
  readonly username: string;
  readonly authorizationId?: string | undefined;
  readonly scheme: ProofScheme;
}

/**
 * What a proof is checked with. `verifier` is the data of the claim's scheme as it is stored, in the scheme's own
 * encoding. `plain` comes for CRAM-MD5 and DIGEST-MD5 only. A user that does not exist, or has nothing that fits, gets
 * one that no proof matches and that is the same at every attempt.
 */
export type Credential =
  { readonly kind: 'plain'; readonly password: Buffer } | { readonly kind: 'verifier'; readonly data: string };

/** An exchange between credential and verdict. */
export interface PendingProof {
  readonly kind: 'pending';
  readonly credential: Credential;
  /** Gives the verdict; called once. It is a rejection for an invented credential whatever `isProven` says. */
  conclude(isProven: boolean): Promise<LoginOutcome>;
}

/** Nothing here throws or rejects, and each answer comes within the SASL deadline. */
export interface Authenticator {
  /**
   * The verdict on a PLAIN initial response (base64) that was good lately and is surely still good; undefined when it has
   * to be verified. Synchronous: the way of nearly every login on a busy server.
   */
  recall(initialResponse: string, context: LoginContext): Accepted | undefined;
  /** Decides one login with a password. */
  verify(login: PasswordLogin, context: LoginContext): Promise<LoginOutcome>;
  /** Finds what the proof of a claim is checked with. */
  findCredential(claim: Claim, context: LoginContext): Promise<PendingProof | Undecided>;
  /** Decides a login by client certificate (EXTERNAL). */
  verifyExternal(authorizationId: string | undefined, context: LoginContext): Promise<LoginOutcome>;
  /** Decides an ANONYMOUS login. */
  acceptAnonymous(context: LoginContext): Promise<LoginOutcome>;
}

/** A verdict with what led to it, for `postern auth test`. */
export interface ExplainedOutcome {
  readonly outcome: LoginOutcome;
  /** The passdbs in the order they were asked, and what each had to say. */
  readonly steps: readonly { readonly passdb: string; readonly verdict: string }[];
  /** Fields of the entry that decided, without the password. */
  readonly fields: Fields;
}
