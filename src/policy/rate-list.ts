/** What `postern rate list` shows: who sent how much, beside the limits, a page at a time. */
import { RATE_WINDOWS, type RateTable, type RateWindow, type Sent } from './rate-table.ts';
import type { Suspensions } from './suspensions.ts';
import type { RateLimits } from './rules/rate.ts';

export interface RateRow {
  /** A login, or `@domain`. */
  readonly who: string;
  readonly sent: Readonly<Record<RateWindow, Sent>>;
  /** 0 is none. */
  readonly limits: RateLimits;
  /** When it was suspended, in milliseconds since 1970. */
  readonly suspendedAtMs?: number | undefined;
}

export interface RatePage {
  readonly rows: readonly RateRow[];
  /** Where the next page begins; undefined after the last. */
  readonly next: number | undefined;
}

interface RateState {
  readonly table: RateTable;
  readonly suspensions: Suspensions;
  readonly limits: { readonly login: RateLimits; readonly domain: RateLimits };
}

/** A reply of the control socket is one line of bounded length. */
const PAGE_ROWS = 200;

/** Lists everybody who sent something in the last day or is suspended, or one of them. */
export function listRates(
  { table, suspensions, limits }: RateState,
  { who, offset }: { readonly who: string | undefined; readonly offset: number },
  now: number,
): RatePage {
  const names = who === undefined ? [...new Set([...suspensions.names(), ...table.names()])] : [who];
  const page = names.slice(offset, offset + PAGE_ROWS);
  const rows = page
    .map((name) => ({
      who: name,
      sent: { hour: table.sentBy(name, 'hour', now), day: table.sentBy(name, 'day', now) },
      limits: name.startsWith('@') ? limits.domain : limits.login,
      suspendedAtMs: suspensions.since(name),
    }))
    .filter(
      ({ sent, suspendedAtMs }) =>
        suspendedAtMs !== undefined || RATE_WINDOWS.some((window) => sent[window].messages > 0),
    );
  const end = offset + page.length;
  return { rows, next: end < names.length ? end : undefined };
}
