/** Time as a port, so that tests pass it in. */

export interface Clock {
  /** Milliseconds since 1970, as Date.now. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };
