/**
 * How failures become a delay: the first ones are free, then each few more make it a step longer, and time takes one
 * failure after the other back. Pure arithmetic; who is counted for what is in `penalties.ts`.
 */

export interface PenaltyCurve {
  /** So many failures cost nothing: people mistype. */
  readonly freeFailures: number;
  /** So many more make one step. */
  readonly failuresPerStep: number;
  /** One failure is forgotten in this time. */
  readonly forgetMs: number;
  /** Steps that are ever reached. */
  readonly maxStep: number;
}

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;

/** Postfix waits 10 s and we answer within 8: after the last step there is still time to compare the password. */
const STEPS_MS = [0, SECOND_MS, 2 * SECOND_MS, 4 * SECOND_MS, 6 * SECOND_MS];

/** Failures beyond the last step are not counted: who stops is free again after half an hour or a little more. */
const STEPS_COUNTED = 1.5;

/** One user from one network: a person, or somebody after just this person. 12 guesses an hour stay free. */
export const PAIR_CURVE: PenaltyCurve = { freeFailures: 3, failuresPerStep: 1, forgetMs: 5 * MINUTE_MS, maxStep: 4 };

/** One IPv4 /24 or IPv6 /64: perhaps an office behind one address. 60 guesses an hour stay free. */
export const NETWORK_CURVE: PenaltyCurve = { freeFailures: 10, failuresPerStep: 5, forgetMs: MINUTE_MS, maxStep: 4 };

/** One IPv6 /48: one customer with 65,536 networks to hop between, or a provider with some thousand customers. */
export const SITE_CURVE: PenaltyCurve = {
  freeFailures: 40,
  failuresPerStep: 20,
  forgetMs: 15 * SECOND_MS,
  maxStep: 4,
};

/**
 * One user from all networks they are not known in: a botnet, each member of which fails but once. The user pays for it
 * only in a network that is new, and at most 4 s.
 */
export const USER_CURVE: PenaltyCurve = {
  freeFailures: 10,
  failuresPerStep: 5,
  forgetMs: 2 * MINUTE_MS,
  maxStep: 3,
};

/** The step of the delay at a level, from 0 (none). */
export function findStep(curve: PenaltyCurve, level: number): number {
  const step = Math.ceil((level - curve.freeFailures) / curve.failuresPerStep);
  return Math.max(0, Math.min(step, curve.maxStep));
}

/** The delay of a step. */
export function findStepDelayMs(step: number): number {
  return STEPS_MS[step] ?? 0;
}

/** What is left of a level after a time; a clock that went back forgets nothing. */
export function decayLevel(curve: PenaltyCurve, level: number, elapsedMs: number): number {
  return Math.max(0, level - Math.max(0, elapsedMs) / curve.forgetMs);
}

/** The level after one more failure. */
export function raiseLevel(curve: PenaltyCurve, level: number): number {
  return limitLevel(curve, level + 1);
}

/** A level as high as it may be. */
export function limitLevel(curve: PenaltyCurve, level: number): number {
  return Math.min(level, curve.freeFailures + curve.failuresPerStep * curve.maxStep * STEPS_COUNTED);
}
