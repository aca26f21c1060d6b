/**
 * App passwords: passwords made by Postern for one program each. What is kept is a keyed digest, fast because a token of
 * 128 random bits is not guessable.
 */

export type AppPasswordScope = 'smtp' | 'imap' | 'pop3' | 'sieve';

export interface AppPassword {
  readonly id: number;
  /** What its owner calls it. */
  readonly label: string;
  /** Random key of this one digest, and HMAC-SHA256 of the token under it. */
  readonly key: Buffer;
  readonly digest: Buffer;
  readonly scopes: readonly AppPasswordScope[];
  /** Networks it may be used from; empty for all. */
  readonly allowNets: readonly string[];
  /** Milliseconds since 1970; undefined for never. */
  readonly expiresAt: number | undefined;
}
