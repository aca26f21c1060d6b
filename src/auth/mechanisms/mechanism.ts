/**
 * What a SASL mechanism is to the service: bytes in, one step out. It looks nothing up, checks no password and knows no
 * wire protocol; one exchange serves one attempt.
 */
import type { Claim, Credential, PasswordLogin, RejectReason } from '../login.ts';

export type MechanismStep =
  | { readonly kind: 'challenge'; readonly challenge: Buffer }
  /** Name and password came: somebody else compares them. */
  | { readonly kind: 'password'; readonly login: PasswordLogin }
  /** A name came: `resume` takes the exchange on with what its proof is to be checked with. */
  | { readonly kind: 'claim'; readonly claim: Claim; readonly resume: (credential: Credential) => MechanismStep }
  /** The proof was checked. `serverFinal` goes to the client when the login is accepted (SCRAM, DIGEST-MD5). */
  | { readonly kind: 'proof'; readonly isProven: boolean; readonly serverFinal?: Buffer | undefined }
  | { readonly kind: 'external'; readonly authorizationId: string | undefined }
  /** `trace` is what the client says of itself (RFC 4505), for the log. */
  | { readonly kind: 'anonymous'; readonly trace?: string | undefined }
  | { readonly kind: 'reject'; readonly reason: RejectReason; readonly user: string | undefined };

export interface MechanismExchange {
  /** Takes the client's next response; undefined only at the start, when the client sent none. */
  next(response: Buffer | undefined): MechanismStep;
}

/** What a mechanism needs of the world; given, so that its vectors can be tested. */
export interface MechanismWorld {
  readonly random: (bytes: number) => Buffer;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly hostname: string;
  /** What DIGEST-MD5 offers, in this order; empty for one nameless realm. */
  readonly realms: readonly string[];
}

export interface Mechanism {
  /** As IANA writes it, upper case. */
  readonly name: string;
  /** What Postfix's security options filter by; `plaintext` left out would defeat `noplaintext`. */
  readonly flags: readonly string[];
  begin(world: MechanismWorld): MechanismExchange;
}

/** Dovecot 2.4's limit for a name, in bytes. */
const MAX_NAME_BYTES = 1024;

/**
 * Reads a user name; undefined when it is far too long or when the bytes are no UTF-8, for a guess at them could be
 * somebody else's name.
 */
export function readName(bytes: Buffer): string | undefined {
  if (bytes.length > MAX_NAME_BYTES) return undefined;
  const text = bytes.toString();
  return text.includes('\uFFFD') && !Buffer.from(text).equals(bytes) ? undefined : text;
}

/**
 * The step after which a mechanism goes on with `resume`. Acting as oneself, by any of one's own names, is nothing special;
 * an `authorizationId` that cannot be read (undefined beside `isActing`) is refused.
 */
export function claimStep({
  claim,
  isActing,
  resume,
}: {
  readonly claim: Claim;
  /** Whether the client says whom it acts as. */
  readonly isActing: boolean;
  readonly resume: (credential: Credential) => MechanismStep;
}): MechanismStep {
  const { username, scheme, authorizationId } = claim;
  if (isActing && authorizationId === undefined) return { kind: 'reject', reason: 'authorization-id', user: username };
  const isOther = authorizationId !== undefined && authorizationId !== username;
  return { kind: 'claim', claim: isOther ? { username, scheme, authorizationId } : { username, scheme }, resume };
}
