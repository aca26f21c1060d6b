/**
 * The three answers every lookup gives: found, absent, could not tell. "Absent" and "could not look" are never the
 * same value, because the one refuses mail for good and the other makes Postfix try again (DESIGN 1.2).
 */

/** What was asked for exists. */
export interface Found<T> {
  readonly kind: 'found';
  readonly value: T;
}

/** It surely does not exist: every place that could hold it was asked and said no. */
export interface Absent {
  readonly kind: 'absent';
}

/** Nobody could tell. `reason` is for the log only; peers get a fixed text. */
export interface Unavailable {
  readonly kind: 'unavailable';
  readonly reason: string;
}

export type Lookup<T> = Found<T> | Absent | Unavailable;

export const ABSENT: Absent = Object.freeze({ kind: 'absent' });

export function found<T>(value: T): Found<T> {
  return { kind: 'found', value };
}

export function unavailable(reason: string): Unavailable {
  return { kind: 'unavailable', reason };
}
