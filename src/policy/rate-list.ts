/** What `postern rate list` shows: who sent how much, beside the limits, a page at a time. */
import { RATE_WINDOWS, type RateTable, type RateWindow, type Sent } from './rate-table.ts';
import type { RateLimits } from './rules/rate.ts';

export interface RateRow {
  /** A login, or `@domain`. */
  readonly who: string;
  readonly sent: Readonly<Record<RateWindow, Sent>>;
  /** 0 is none. */
  readonly limits: RateLimits;
}

export interface RatePage {
  readonly rows: readonly RateRow[];
  /** Where the next page begins; undefined after the last. */
  readonly next: number | undefined;
}

interface RateState {
  readonly table: RateTable;
  readonly limits: { readonly login: RateLimits; readonly domain: RateLimits };
}

/** A reply of the control socket is one line of bounded length. */
const PAGE_ROWS = 200;

/** Lists everybody who sent something in the last day, or one of them. */
export function listRates(
  { table, limits }: RateState,
  { who, offset }: { readonly who: string | undefined; readonly offset: number },
  now: number,
): RatePage {
  const names = who === undefined ? [...table.names()] : [who];
  const page = names.slice(offset, offset + PAGE_ROWS);
  const rows = page
    .map((name) => ({
      who: name,
      sent: { hour: table.sentBy(name, 'hour', now), day: table.sentBy(name, 'day', now) },
      limits: name.startsWith('@') ? limits.domain : limits.login,
    }))
    .filter(({ sent }) => RATE_WINDOWS.some((window) => sent[window].messages > 0));
  const end = offset + page.length;
  return { rows, next: end < names.length ? end : undefined };
}
