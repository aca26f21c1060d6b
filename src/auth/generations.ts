/**
 * A bounded table of what was used lately, on node-cache. The library is told to sweep nothing and copy nothing: a sweep
 * blocks the loop for a second at a million keys, and `maxKeys` throws on updates (RULES 33). Times are the business of
 * who keeps something here.
 *
 * There are two generations: when the young one is full it becomes the old one, and the old one is dropped whole, so that
 * no entry costs a search. What is read moves into the young one. So the last `entries` that were used are always there,
 * however they follow one another, and there are never more than twice as many.
 */
import NodeCache from 'node-cache';

export class Generations<T> {
  readonly #entries: number;
  readonly #prefix: string;
  #young = createGeneration();
  #old = createGeneration();

  /** `prefix` stands before every key, so that no key means anything to the library. Without `entries` nothing is kept. */
  constructor(prefix: string, entries: number) {
    this.#prefix = `${prefix}:`;
    this.#entries = entries;
  }

  /** Entries kept now. */
  get size(): number {
    return this.#young.getStats().keys + this.#old.getStats().keys;
  }

  get(key: string): T | undefined {
    const name = this.#prefix + key;
    const young = this.#young.get<T>(name);
    if (young !== undefined) return young;
    const old = this.#old.take<T>(name);
    if (old !== undefined) this.#put(name, old);
    return old;
  }

  set(key: string, value: T): void {
    if (this.#entries <= 0) return;
    const name = this.#prefix + key;
    this.#old.del(name);
    this.#put(name, value);
  }

  delete(key: string): void {
    const name = this.#prefix + key;
    this.#young.del(name);
    this.#old.del(name);
  }

  #put(name: string, value: T): void {
    if (this.#young.getStats().keys >= this.#entries && !this.#young.has(name)) {
      this.#old = this.#young;
      this.#young = createGeneration();
    }
    this.#young.set(name, value);
  }
}

function createGeneration(): NodeCache {
  return new NodeCache({ checkperiod: 0, useClones: false, stdTTL: 0 });
}
