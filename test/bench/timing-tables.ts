/** Times of several kinds of requests, compared with those of the first kind: figures, and what to make of them. */
import { compareQuantiles, compareRanks, mean, median, quantile } from './statistics.ts';
import { formatNumber, formatSigned, type Table } from './table.ts';

export interface KindOfTimes {
  readonly name: string;
  /** Milliseconds. */
  readonly times: readonly number[];
}

/** A difference is called one below this chance of being none. */
const SIGNIFICANT = 0.001;
/** Waiting for a core only ever adds time, so the fast tail is where a small difference shows first. */
const FAST = 0.1;
const MS_TO_US = 1000;

/** A table of the times and one of the differences, in microseconds. */
export function tabulateTimes(title: string, kinds: readonly KindOfTimes[]): Table[] {
  const inUs = kinds.map(({ name, times }) => ({ name, times: times.map((ms) => ms * MS_TO_US) }));
  const reference = inUs[0] ?? { name: '', times: [] };
  return [
    {
      head: [`${title}, us`, 'logins', 'fastest 10 %', 'median', 'mean', 'p99'],
      rows: inUs.map(({ name, times }) => {
        const figures = [quantile(times, FAST), median(times), mean(times), quantile(times, 0.99)];
        return [name, String(times.length), ...figures.map((figure) => formatNumber(figure, 1))];
      }),
    },
    {
      head: [`minus ${reference.name}, us`, 'fastest 10 %', '99 % within', 'median', '99 % within', 'rank-sum p', ''],
      rows: inUs.slice(1).map(({ name, times }) => [name, ...compare(times, reference.times)]),
    },
  ];
}

/** How a kind differs from the first: figures, and what to make of them. */
function compare(own: readonly number[], reference: readonly number[]): string[] {
  const differences = [FAST, 0.5].map((share) => compareQuantiles(own, reference, share));
  const { p } = compareRanks(own, reference);
  const isClear = differences.some(({ low, high }) => low > 0 || high < 0);
  return [
    ...differences.flatMap(({ estimate, low, high }) => [
      formatSigned(estimate, 1),
      `${formatSigned(low, 1)} .. ${formatSigned(high, 1)}`,
    ]),
    p < SIGNIFICANT ? `< ${SIGNIFICANT}` : p.toFixed(3),
    p < SIGNIFICANT ? 'DIFFERENT' : isClear ? 'look again' : 'no difference seen',
  ];
}
