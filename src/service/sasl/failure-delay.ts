/**
 * Holds failures back, so that guessing is slow and the time of a reply tells nothing: a failure leaves at its arrival
 * plus the delay, and if it is later than that, at the next half second after its arrival (RULES 40). It knows no
 * protocol and never holds a success. A failure for which no place is free (`auth/delay-slots.ts`) leaves at once.
 */
import type { DelaySlots } from '../../auth/delay-slots.ts';

/** Late failures leave at whole multiples of this after their arrival. */
const MARK_MS = 500;

/** When a failure came, as of `performance.now()`, and from where. */
export interface FailedAttempt {
  readonly arrivedAt: number;
  readonly remoteAddress: string;
}

export class FailureDelay {
  #delayMs: number;
  readonly #slots: DelaySlots;

  /** `delayMs` 0 holds nothing. */
  constructor(delayMs: number, slots: DelaySlots) {
    this.#delayMs = delayMs;
    this.#slots = slots;
  }

  /** Changes the delay of failures to come. */
  setDelay(delayMs: number): void {
    this.#delayMs = delayMs;
  }

  /** Calls `send` when the failure may leave, perhaps at once; returns how to drop it. */
  hold({ arrivedAt, remoteAddress }: FailedAttempt, send: () => void): () => void {
    if (this.#delayMs > 0) {
      const waitMs = findWaitMs(performance.now() - arrivedAt, this.#delayMs);
      const drop = this.#slots.hold({ waitMs, remoteAddress, done: send });
      if (drop !== undefined) return drop;
    }
    send();
    return () => undefined;
  }
}

/** How long a failure that took `elapsedMs` so far still waits. */
export function findWaitMs(elapsedMs: number, delayMs: number): number {
  if (elapsedMs <= delayMs) return delayMs - elapsedMs;
  return Math.ceil(elapsedMs / MARK_MS) * MARK_MS - elapsedMs;
}
