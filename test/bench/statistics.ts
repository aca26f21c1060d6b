/**
 * What the bench says about samples: order statistics, and whether two sets of samples differ. Nothing here assumes a
 * normal distribution, because times have a long tail. Chance is seeded: the same samples give the same answer.
 */

/** A difference of two quantiles with the range it lies in, in the unit of the samples. */
export interface Difference {
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
}

/** Mann, Whitney and Wilcoxon's test: `z` is positive when the first set tends to be larger. */
export interface RankSum {
  readonly z: number;
  /** How likely sets as different as these are when nothing is different. */
  readonly p: number;
}

/** Ends of a 99 % interval. */
const LOW = 0.005;
const HIGH = 0.995;
const RESAMPLES = 1000;
const SEED = 20_040_229;

/** The value below which a share `share` of the samples lies, between neighbours by proportion; NaN without samples. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = Float64Array.from(samples).toSorted();
  const position = share * (sorted.length - 1);
  const below = sorted[Math.floor(position)] ?? Number.NaN;
  const above = sorted[Math.ceil(position)] ?? Number.NaN;
  return below + (above - below) * (position - Math.floor(position));
}

/** The middle of the samples; NaN without samples. */
export function median(samples: readonly number[]): number {
  return quantile(samples, 0.5);
}

/** The arithmetic mean; NaN without samples. */
export function mean(samples: readonly number[]): number {
  return samples.reduce((sum, value) => sum + value, 0) / samples.length;
}

/** A quantile of `first` minus the same of `second`, with a 99 % interval from the bootstrap. */
export function compareQuantiles(first: readonly number[], second: readonly number[], share: number): Difference {
  const random = createRandom(SEED);
  const draw = (samples: readonly number[]): number =>
    quantile(
      samples.map(() => samples[Math.floor(random() * samples.length)] ?? Number.NaN),
      share,
    );
  const differences = Array.from({ length: RESAMPLES }, () => draw(first) - draw(second));
  return {
    estimate: quantile(first, share) - quantile(second, share),
    low: quantile(differences, LOW),
    high: quantile(differences, HIGH),
  };
}

/** Tests whether one set tends to be larger; the normal approximation, which needs some twenty samples of each. */
export function compareRanks(first: readonly number[], second: readonly number[]): RankSum {
  const all = [
    ...first.map((value) => ({ value, isFirst: true })),
    ...second.map((value) => ({ value, isFirst: false })),
  ].toSorted((a, b) => a.value - b.value);
  let rankSum = 0;
  let tieCorrection = 0;
  for (let start = 0; start < all.length;) {
    let end = start;
    while (end < all.length && all[end]?.value === all[start]?.value) end += 1;
    const tied = end - start;
    // Ranks count from 1; equal values share the mean of theirs.
    const rank = (start + 1 + end) / 2;
    rankSum += rank * all.slice(start, end).filter(({ isFirst }) => isFirst).length;
    tieCorrection += tied ** 3 - tied;
    start = end;
  }
  const total = all.length;
  const expected = (first.length * (total + 1)) / 2;
  const variance = ((first.length * second.length) / 12) * (total + 1 - tieCorrection / (total * (total - 1)));
  const z = variance > 0 ? (rankSum - expected) / Math.sqrt(variance) : 0;
  return { z, p: 2 * upperTail(Math.abs(z)) };
}

/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The items in an order of chance. */
export function shuffle<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, key: random() }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ item }) => item);
}

/** The share of the normal distribution above `z` (Abramowitz and Stegun 26.2.17, error below 1e-7). */
function upperTail(z: number): number {
  const t = 1 / (1 + 0.2316419 * z);
  const polynomial = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * polynomial;
}
