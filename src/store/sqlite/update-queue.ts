/**
 * What the daemon still has to write to the embedded database: last uses of app passwords and replaced hashes, within
 * bounds. Newer news of the same thing take the place of older ones. When it is full the oldest last use goes first: it is
 * worth the least, and the next login tells it again.
 */

export interface AppPasswordUse {
  readonly id: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly remoteAddress: string;
  readonly service: string;
}

export interface HashChange {
  readonly user: string;
  readonly from: string;
  readonly to: string;
}

/** What goes to the database in one transaction. */
export interface UpdateBatch {
  readonly uses: readonly AppPasswordUse[];
  readonly hashes: readonly HashChange[];
}

export class UpdateQueue {
  readonly #maxWaiting: number;
  /** Maps keep the order of arrival. */
  readonly #uses = new Map<number, AppPasswordUse>();
  readonly #hashes = new Map<string, HashChange>();
  /** Updates that nobody will write any more. */
  droppedCount = 0;

  constructor(maxWaiting: number) {
    this.#maxWaiting = maxWaiting;
  }

  get size(): number {
    return this.#uses.size + this.#hashes.size;
  }

  addUse(use: AppPasswordUse): void {
    this.#uses.delete(use.id);
    this.#uses.set(use.id, use);
    this.#shrink();
  }

  addHash(change: HashChange): void {
    const key = keyOf(change);
    // Two logins at once hash twice; either result does, and the first may be on its way.
    if (!this.#hashes.has(key)) this.#hashes.set(key, change);
    this.#shrink();
  }

  /** Takes up to `max` updates out, hashes first; undefined when there are none. */
  takeBatch(max: number): UpdateBatch | undefined {
    if (this.size === 0) return undefined;
    const hashes = takeFirst(this.#hashes, max);
    return { hashes, uses: takeFirst(this.#uses, max - hashes.length) };
  }

  /** Takes a batch back that could not be written; what came meanwhile is newer. */
  putBack({ uses, hashes }: UpdateBatch): void {
    const newerUses = takeFirst(this.#uses, Number.POSITIVE_INFINITY);
    for (const use of [...uses, ...newerUses]) this.addUse(use);
    for (const change of hashes) this.addHash(change);
  }

  #shrink(): void {
    while (this.size > this.#maxWaiting) {
      const [oldestUse] = this.#uses.keys();
      const [oldestHash] = this.#hashes.keys();
      if (oldestUse !== undefined) this.#uses.delete(oldestUse);
      else if (oldestHash !== undefined) this.#hashes.delete(oldestHash);
      this.droppedCount += 1;
    }
  }
}

function takeFirst<K, V>(map: Map<K, V>, max: number): V[] {
  const taken: V[] = [];
  for (const [key, value] of map) {
    if (taken.length >= max) break;
    map.delete(key);
    taken.push(value);
  }
  return taken;
}

function keyOf({ user, from }: HashChange): string {
  return `${user}\n${from}`;
}
