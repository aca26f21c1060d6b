/**
 * The port to password hashing: slow, so it runs in worker threads behind a bounded queue (RULES 31).
 */

/** What a verification says. `busy` means the queue was full or the deadline passed: an outage, never a mismatch. */
export type HashVerdict = 'match' | 'mismatch' | 'unusable' | 'busy';

/**
 * Whose turn it is. `known` pairs of user and network have a share of the queue of their own, `penalised` ones come after
 * everybody else (RULES 39).
 */
export type HashPriority = 'known' | 'usual' | 'penalised';

export interface HashOptions {
  readonly priority?: HashPriority | undefined;
  /** Longest time to an answer; what is left of the attempt's own. */
  readonly deadlineMs?: number | undefined;
  /** The name as it was typed: {DIGEST-MD5} hashes it with the password. */
  readonly user?: string | undefined;
}

export interface NewHashOptions {
  /** Whose password it is; {DIGEST-MD5} needs it. */
  readonly user?: string | undefined;
  /** `penalised` for what nobody waits for, such as an upgrade. */
  readonly priority?: HashPriority | undefined;
  /** Cost in the scheme's own unit (`doveadm pw -r`); undefined for the scheme's default. */
  readonly rounds?: number | undefined;
}

/** What SCRAM stores of a password (RFC 5802 section 3). */
export interface ScramParameters {
  readonly algorithm: 'sha1' | 'sha256';
  readonly salt: Buffer;
  readonly iterations: number;
}

export interface Hasher {
  /**
   * Compares `password` with `{SCHEME}data`; `unusable` when the scheme is unknown, the data malformed, or so costly that
   * it would hold up everybody else.
   */
  verify(password: Buffer, stored: string, options?: HashOptions): Promise<HashVerdict>;
  /** Spends the time of one verification with `scheme`, for users that do not exist (RULES 40). */
  spend(password: Buffer, options?: HashOptions): Promise<HashVerdict>;
  /**
   * Makes `{SCHEME}data` for a new password, of the configured scheme when none is given. Rejects with RangeError for a
   * scheme that is unknown or weak, rounds it cannot have and a password it cannot hold; with Error when it is busy.
   */
  hash(password: Buffer, scheme?: string, options?: NewHashOptions): Promise<string>;
  /**
   * Makes the data of {SCRAM-SHA-*} (`iterations,salt,StoredKey,ServerKey`) from a password that is prepared already;
   * undefined when it is busy. Rejects with RangeError for iterations that would take seconds.
   */
  deriveScram(password: Buffer, parameters: ScramParameters, options?: HashOptions): Promise<string | undefined>;
}
