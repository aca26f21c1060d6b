/**
 * The port to password hashing: slow, so it runs in worker threads behind a bounded queue (RULES 31).
 */

/** What a verification says. `busy` means the queue was full or the deadline passed: an outage, never a mismatch. */
export type HashVerdict = 'match' | 'mismatch' | 'unusable' | 'busy';

export interface Hasher {
  /** Compares `password` with `{SCHEME}data`; `unusable` when the scheme is unknown or the data malformed. */
  verify(password: Buffer, stored: string): Promise<HashVerdict>;
  /** Spends the time of one verification with `scheme`, for users that do not exist (RULES 40). */
  spend(password: Buffer): Promise<HashVerdict>;
  /** Makes `{SCHEME}data` for a new password. */
  hash(password: Buffer, scheme?: string): Promise<string>;
}
