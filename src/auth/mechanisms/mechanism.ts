/**
 * What a SASL mechanism is to the service: bytes in, one of three steps out. It checks no password and knows no wire
 * protocol; one exchange serves one attempt.
 */
import type { PasswordLogin, RejectReason } from '../login.ts';

export type MechanismStep =
  | { readonly kind: 'challenge'; readonly challenge: Buffer }
  | { readonly kind: 'credentials'; readonly login: PasswordLogin }
  | { readonly kind: 'reject'; readonly reason: RejectReason; readonly user: string | undefined };

export interface MechanismExchange {
  /** Takes the client's next response; undefined only at the start, when the client sent none. */
  next(response: Buffer | undefined): MechanismStep;
}

export interface Mechanism {
  /** As IANA writes it, upper case. */
  readonly name: string;
  /** What Postfix's security options filter by; `plaintext` left out would defeat `noplaintext`. */
  readonly flags: readonly string[];
  begin(): MechanismExchange;
}

/** Reads a user name; undefined when the bytes are no UTF-8, for a guess at them could be somebody else's name. */
export function readName(bytes: Buffer): string | undefined {
  const text = bytes.toString();
  return text.includes('\uFFFD') && !Buffer.from(text).equals(bytes) ? undefined : text;
}
