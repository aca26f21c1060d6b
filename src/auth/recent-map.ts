/**
 * A bounded table of what was used lately, for the way that nearly every login takes. As `generations.ts`, but on Map: the
 * library's objects intern each key that is asked for, which takes as long as making the key. Times are the business of
 * who keeps something here.
 */

export class RecentMap<T> {
  readonly #entries: number;
  #young = new Map<string, T>();
  #old = new Map<string, T>();

  /** The last `entries` that were used stay, and never more than twice as many; without `entries` nothing is kept. */
  constructor(entries: number) {
    this.#entries = entries;
  }

  /** Entries kept now. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(key: string): T | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: string, value: T): void {
    if (this.#entries <= 0) return;
    this.#old.delete(key);
    if (this.#young.size >= this.#entries && !this.#young.has(key)) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }

  delete(key: string): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }
}
