/** What an administrator sees of penalties, and takes back: `postern auth penalties`. */
import { findNetworkPrefix, formatSite, type NetworkPrefix } from './network-prefix.ts';
import type { AttemptPenalties } from './penalties.ts';
import { findStep, findStepDelayMs } from './penalty-curve.ts';
import { formatPair, parsePair, shortenName } from './penalty-names.ts';
import { tableOf } from './penalty-records.ts';
import { PENALTY_KINDS, type PenaltyKind } from './penalty-store.ts';
import type { PenaltyEntry, PenaltyTable } from './penalty-table.ts';

/** Who is slowed, or known; a row without a network is about a user wherever they are not known. */
export interface PenaltyRow {
  readonly network?: string;
  readonly user?: string;
  /** Failures that are not forgotten yet. */
  readonly failures: number;
  readonly delayMs: number;
  /** Milliseconds since 1970, here and below. */
  readonly lastFailureAt?: number;
  readonly goodUntil?: number;
}

export interface PenaltyQuestion {
  /** A user, a network, or an address in it; undefined for everybody. */
  readonly who?: string | undefined;
  /** Also those who have failed and are not slowed yet; always so when `who` is given. */
  readonly isAll?: boolean | undefined;
}

/** Whom a question is about: everything is, or one user, or some networks. */
interface Subject {
  readonly user?: string;
  readonly isNetwork?: (network: string) => boolean;
}

/** Everything for `clear`. */
const ALL = 'all';

/** One piece of a list: `next` is the offset of the piece after it, and missing in the last one. */
export interface PenaltyPage {
  readonly rows: readonly PenaltyRow[];
  readonly next?: number;
}

/** An entry on its way to become a row. */
interface Candidate {
  readonly kind: PenaltyKind;
  readonly table: PenaltyTable;
  readonly key: string;
  readonly entry: PenaltyEntry;
}

/** Entries looked at for one page: few milliseconds, and far less than the control socket lets through. */
const ENTRIES_PER_PAGE = 800;

/**
 * Gives the rows that fit, in no order, from the offset of a page on. Where a user is known comes only when the question is
 * about that user. What changes between two pages may be missed or come twice.
 */
export function listPenalties(
  penalties: AttemptPenalties,
  question: PenaltyQuestion,
  { offset, now }: { readonly offset: number; readonly now: number },
): PenaltyPage {
  const subject = readSubject(question.who);
  const isAll = question.isAll === true || question.who !== undefined;
  const rows: PenaltyRow[] = [];
  let place = 0;
  for (const candidate of listCandidates(penalties, isAll)) {
    place += 1;
    if (place <= offset) continue;
    if (place > offset + ENTRIES_PER_PAGE) return { rows, next: offset + ENTRIES_PER_PAGE };
    const names = readKey(candidate.kind, candidate.key);
    const row = fits(names, subject) ? describeEntry(candidate, now) : undefined;
    if (row === undefined || (!isAll && row.delayMs === 0)) continue;
    rows.push({ ...names, ...row, ...describeKnown(penalties, names, now) });
  }
  if (subject.user !== undefined) rows.push(...listUnblamed(penalties, subject.user, now));
  return { rows };
}

/** Forgets the failures of a user, of a network or an address in it, or (`all`) of everybody; where users are known stays. */
export function clearPenalties(penalties: AttemptPenalties, who: string): number {
  const subject = who === ALL ? {} : readSubject(who);
  let count = 0;
  for (const kind of PENALTY_KINDS) {
    const table = tableOf(penalties.tables, kind);
    for (const [key] of allEntries(table)) if (fits(readKey(kind, key), subject) && table.delete(key)) count += 1;
  }
  if (count > 0) penalties.revision += 1;
  return count;
}

function* listCandidates({ tables }: AttemptPenalties, isAll: boolean): IterableIterator<Candidate> {
  for (const kind of PENALTY_KINDS) {
    const table = tableOf(tables, kind);
    for (const [key, entry] of isAll ? allEntries(table) : table.heavyEntries()) yield { kind, table, key, entry };
  }
}

function* allEntries(table: PenaltyTable): IterableIterator<[string, PenaltyEntry]> {
  yield* table.heavyEntries();
  yield* table.lightEntries();
}

/** Networks a user is known in and has not failed in. */
function listUnblamed({ known, tables }: AttemptPenalties, user: string, now: number): PenaltyRow[] {
  return known.networksOf(user, now).flatMap(({ siteNumber, until }) => {
    const network = formatSite(siteNumber);
    if (network === undefined) return [];
    const entry = tables.pairs.find(formatPair(network, user));
    const hasFailed = entry !== undefined && tables.pairs.findLevel(entry, now) > 0;
    return hasFailed ? [] : [{ network, user, failures: 0, delayMs: 0, goodUntil: until }];
  });
}

function readSubject(who: string | undefined): Subject {
  if (who === undefined) return {};
  const prefix = findPrefixOf(who);
  if (prefix === undefined) return { user: shortenName(who) };
  const { network, site } = prefix;
  if (who.endsWith('/64')) return { isNetwork: (listed) => listed === network };
  // A /48 is about every network in it, an address about the networks it is in.
  if (who.endsWith('/48')) return { isNetwork: (listed) => findPrefixOf(listed)?.site === site };
  return { isNetwork: (listed) => listed === network || listed === site };
}

function findPrefixOf(network: string): NetworkPrefix | undefined {
  return findNetworkPrefix(network.replace(/\/\d+$/, ''));
}

function readKey(kind: PenaltyKind, key: string): { network?: string; user?: string } {
  if (kind === 'user') return { user: key };
  if (kind !== 'pair') return { network: key };
  const { site, user } = parsePair(key);
  return { network: site, user };
}

function fits(names: { network?: string; user?: string }, { user, isNetwork }: Subject): boolean {
  if (user !== undefined) return names.user === user;
  return isNetwork === undefined || (names.network !== undefined && isNetwork(names.network));
}

/** Undefined for an entry of which all is forgotten. */
function describeEntry({ entry, table }: Candidate, now: number): Omit<PenaltyRow, 'network' | 'user'> | undefined {
  const level = table.findLevel(entry, now);
  if (level === 0) return undefined;
  return {
    failures: Math.ceil(level),
    delayMs: findStepDelayMs(findStep(table.curve, level)),
    lastFailureAt: entry.lastFailureAt,
  };
}

function describeKnown(
  { known }: AttemptPenalties,
  { network, user }: { network?: string; user?: string },
  now: number,
): { goodUntil?: number } {
  if (network === undefined || user === undefined) return {};
  const siteNumber = findPrefixOf(network)?.siteNumber;
  const goodUntil = siteNumber === undefined ? undefined : known.findUntil(user, siteNumber, now);
  return goodUntil === undefined ? {} : { goodUntil };
}
