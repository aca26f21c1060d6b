/**
 * The port to what slows guessing down (RULES 39). It only ever delays and lowers priority: a right password is never
 * turned into a failure by it.
 */
import type { HashPriority } from './hasher.ts';

export interface Attempt {
  /** The name after formatting, the same before and after the verdict; existing or not. */
  readonly user: string;
  /** Client address; empty attempts are not counted. */
  readonly remoteAddress: string;
}

export interface AttemptVerdict {
  /** What the attempt waits before it is looked at; at most 6 s. */
  readonly delayMs: number;
  readonly priority: HashPriority;
}

export interface AttemptLimits {
  /** Before an attempt is looked at. Synchronous, microseconds. */
  judge(attempt: Attempt): AttemptVerdict;
  /** After a failure. `password` tells a phone that repeats its old one from a guesser; it is not kept. */
  failed(attempt: Attempt, password: Buffer | undefined): void;
  /** After a success. */
  succeeded(attempt: Attempt): void;
}

/** Nobody is ever slowed. */
export const NO_LIMITS: AttemptLimits = {
  judge: () => ({ delayMs: 0, priority: 'usual' }),
  failed: () => undefined,
  succeeded: () => undefined,
};
