/**
 * The last state that kept mail out, by address, for the time of an outage (RULES 27). Only such states are kept: an
 * address without one is answered as an unknown one, with no opinion. Bounded; the longest unused goes first.
 */

/** Suspended accounts are few; a provider with more than this loses the oldest, which then pass during an outage. */
const MAX_ENTRIES = 10_000;

export class LastKnown<T> {
  readonly #states = new Map<string, T>();

  /** Keeps `state` for `address`; undefined says that nothing keeps mail out any more. */
  remember(address: string, state: T | undefined): void {
    this.#states.delete(address);
    if (state === undefined) return;
    this.#states.set(address, state);
    if (this.#states.size <= MAX_ENTRIES) return;
    const [oldest] = this.#states.keys();
    if (oldest !== undefined) this.#states.delete(oldest);
  }

  /** The state kept for `address`, if one is. */
  recall(address: string): T | undefined {
    return this.#states.get(address);
  }
}
