/**
 * The places of replies that wait on purpose: held failures and penalties together. Each of them keeps an smtpd process of
 * Postfix waiting, so there are only so many in the whole process (RULES 39). It knows neither why somebody waits nor what
 * for.
 *
 * A network may take a place while it has fewer than there are free: one alone gets half of them, two a third each, and a
 * hundred all of them together. So nobody who fills their share keeps another from their first one.
 */
import { findNetworkPrefix } from './network-prefix.ts';

/** Half of what Postfix allows by default for all smtpd processes of a service (`default_process_limit` 100). */
const MAX_HELD = 50;

interface Held {
  readonly network: string;
  readonly timer: NodeJS.Timeout;
  readonly done: () => void;
}

/** Who waits for how long, and what happens then. */
export interface Hold {
  readonly waitMs: number;
  /** Client address; those without one share as one network. */
  readonly remoteAddress: string;
  /** Called once when the time is over, or at `releaseAll`; never after the hold was dropped. */
  readonly done: () => void;
}

export class DelaySlots {
  readonly #maxHeld: number;
  readonly #held = new Set<Held>();
  readonly #heldByNetwork = new Map<string, number>();
  #isReleased = false;
  /** Replies that did not wait because no place was free for them. */
  overflowCount = 0;

  constructor({ maxHeld = MAX_HELD }: { readonly maxHeld?: number } = {}) {
    this.#maxHeld = maxHeld;
  }

  /** Replies that wait now. */
  get heldCount(): number {
    return this.#held.size;
  }

  /** Takes a place and returns how to drop it; undefined, and `done` is never called, when none is free. */
  hold({ waitMs, remoteAddress, done }: Hold): (() => void) | undefined {
    const network = findNetworkPrefix(remoteAddress)?.site ?? '';
    if (this.#isReleased || !this.#hasPlaceFor(network)) return undefined;
    const held: Held = {
      network,
      done,
      timer: setTimeout(() => {
        this.#drop(held);
        done();
      }, waitMs),
    };
    this.#held.add(held);
    this.#heldByNetwork.set(network, (this.#heldByNetwork.get(network) ?? 0) + 1);
    return () => this.#drop(held);
  }

  /** Waits; false, at once, when no place is free. A stop ends the wait as if the time were over. */
  wait(waitMs: number, remoteAddress: string): Promise<boolean> {
    if (waitMs <= 0 || this.#isReleased) return Promise.resolve(true);
    return new Promise((resolve) => {
      if (this.hold({ waitMs, remoteAddress, done: () => resolve(true) }) === undefined) resolve(false);
    });
  }

  /** Ends every wait now, and lets nobody wait from now on: a stop must not wait for the slow. */
  releaseAll(): void {
    this.#isReleased = true;
    for (const held of this.#held) {
      this.#drop(held);
      held.done();
    }
  }

  #hasPlaceFor(network: string): boolean {
    const hasPlace = (this.#heldByNetwork.get(network) ?? 0) < this.#maxHeld - this.#held.size;
    if (!hasPlace) this.overflowCount += 1;
    return hasPlace;
  }

  #drop(held: Held): void {
    if (!this.#held.delete(held)) return;
    clearTimeout(held.timer);
    const count = (this.#heldByNetwork.get(held.network) ?? 0) - 1;
    if (count > 0) this.#heldByNetwork.set(held.network, count);
    else this.#heldByNetwork.delete(held.network);
  }
}
