/**
 * What computing a hash costs, as its parameters say before it is done. A hash that would hold a thread for many seconds
 * or take gigabytes is a mistake or an attack: one login with it would stop all others. Times are estimates for one
 * core of today; what counts is the order of magnitude.
 */

export interface HashWork {
  /** The algorithm and its parameters: equal for hashes that are equally hard to guess. */
  readonly signature: string;
  readonly estimatedMs: number;
  readonly memoryKib: number;
}

/** Longest time one hash may take. A login is decided in 7 s, and has to wait for its turn before. */
const MAX_MS = 4000;
/** The most one hash may take, and all that run at the same time together. */
export const MAX_MEMORY_KIB = 1024 * 1024;

/** Whether a thread may be held by it. */
export function isBearable({ estimatedMs, memoryKib }: HashWork): boolean {
  return estimatedMs <= MAX_MS && memoryKib <= MAX_MEMORY_KIB;
}
