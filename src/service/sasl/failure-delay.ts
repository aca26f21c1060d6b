/**
 * Holds failures back, so that guessing is slow and the time of a reply tells nothing: a failure leaves at its arrival
 * plus the delay, and if it is later than that, at the next half second after its arrival (RULES 40). It knows no
 * protocol and never holds a success.
 *
 * Every held reply keeps an smtpd process of Postfix waiting, so only so many are held at once in the whole process;
 * the others leave at once (RULES 39).
 */

/** Half of what Postfix allows by default for all smtpd processes of a service (`default_process_limit` 100). */
const MAX_HELD = 50;
/** Late failures leave at whole multiples of this after their arrival. */
const MARK_MS = 500;

export class FailureDelay {
  #delayMs: number;
  readonly #held = new Map<NodeJS.Timeout, () => void>();
  #isFlushed = false;
  /** Failures that left at once because too many were held. */
  overflowCount = 0;

  /** `delayMs` 0 holds nothing. */
  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  /** Failures held now. */
  get heldCount(): number {
    return this.#held.size;
  }

  /** Changes the delay of failures to come. */
  setDelay(delayMs: number): void {
    this.#delayMs = delayMs;
  }

  /** Calls `send` when the failure may leave, perhaps at once; returns how to drop it. `arrivedAt` is of `performance.now()`. */
  hold(arrivedAt: number, send: () => void): () => void {
    const isFull = this.#held.size >= MAX_HELD;
    if (isFull) this.overflowCount += 1;
    if (isFull || this.#isFlushed || this.#delayMs === 0) {
      send();
      return () => undefined;
    }
    const timer = setTimeout(
      () => {
        this.#held.delete(timer);
        send();
      },
      findWaitMs(performance.now() - arrivedAt, this.#delayMs),
    );
    this.#held.set(timer, send);
    return () => {
      clearTimeout(timer);
      this.#held.delete(timer);
    };
  }

  /** Sends everything held, and from now on holds nothing: a stop must not wait for the slow. */
  flush(): void {
    this.#isFlushed = true;
    for (const [timer, send] of this.#held) {
      clearTimeout(timer);
      send();
    }
    this.#held.clear();
  }
}

/** How long a failure that took `elapsedMs` so far still waits. */
export function findWaitMs(elapsedMs: number, delayMs: number): number {
  if (elapsedMs <= delayMs) return delayMs - elapsedMs;
  return Math.ceil(elapsedMs / MARK_MS) * MARK_MS - elapsedMs;
}
