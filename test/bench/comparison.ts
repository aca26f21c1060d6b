/** Runs of Postern beside runs of Dovecot, as ratios with their spread. */
import type { LoadResult } from './load.ts';
import { median } from './statistics.ts';
import { formatNumber } from './table.ts';
import type { Run } from './work.ts';

/** Each run of Postern against the one of Dovecot after it. */
export function compareSides(runs: readonly Run[], what: string): string[] {
  const findRatios = (figure: (result: LoadResult) => number): number[] => {
    const of = (name: string): number[] => runs.filter(({ side }) => side === name).map(({ result }) => figure(result));
    const others = of('Dovecot');
    return of('Postern').map((value, i) => value / (others[i] ?? Number.NaN));
  };
  return [
    `Postern does ${describeRatios(findRatios(({ rate }) => rate))} x the ${what} of Dovecot`,
    `and takes ${describeRatios(findRatios(({ serverCpuUs }) => serverCpuUs))} x its CPU time for each`,
  ];
}

/** The middle one, and all of them as the spread. */
export function describeRatios(ratios: readonly number[]): string {
  return `${formatNumber(median(ratios), 2)} (${ratios.map((ratio) => formatNumber(ratio, 2)).join(', ')})`;
}
