/** Keeps a Map within its limit. */

/** Eviction in batches: a Map finds its first key by stepping over every deleted one before it. */
const BATCHES = 32;

/** Deletes what was put in longest ago when `map` has more than `max` entries, and some more to make room for the next. */
export function evictOldest(map: Map<string, unknown>, max: number): void {
  if (map.size <= max) return;
  let left = map.size - max + Math.floor(max / BATCHES);
  for (const key of map.keys()) {
    if (left <= 0) break;
    map.delete(key);
    left -= 1;
  }
}
