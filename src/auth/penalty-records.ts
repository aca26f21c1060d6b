/** What penalties look like as records, and how they are put back. What is no delay any longer is not worth a record. */
import { KNOWN_MS } from './known-networks.ts';
import type { AttemptPenalties, PenaltyTables } from './penalties.ts';
import { decayLevel, findStep, limitLevel } from './penalty-curve.ts';
import { formatSite, findNetworkPrefix } from './network-prefix.ts';
import { parsePair } from './penalty-names.ts';
import { PENALTY_KINDS, type LevelRecord, type PenaltyKind, type PenaltyRecord } from './penalty-store.ts';
import type { PenaltyTable } from './penalty-table.ts';

/** Every record worth saving. Read slowly, it gives what there is when it gets there, and may give an entry twice. */
export function* listRecords({ tables, known }: AttemptPenalties, now: number): IterableIterator<PenaltyRecord> {
  for (const kind of PENALTY_KINDS) {
    const table = tableOf(tables, kind);
    for (const [key, entry] of table.heavyEntries()) {
      if (findStep(table.curve, table.findLevel(entry, now)) === 0) continue;
      const { level, changedAt, lastFailureAt } = entry;
      yield { kind, key, level, changedAt, lastFailureAt };
    }
  }
  for (const [user, networks] of known.entries(now)) {
    for (const { siteNumber, until } of networks) {
      const site = formatSite(siteNumber);
      if (site !== undefined) yield { kind: 'known', user, site, until };
    }
  }
}

/** Puts a record back; what makes no sense, or is over, is left out. */
export function restoreRecord({ tables, known }: AttemptPenalties, record: PenaltyRecord, now: number): void {
  if (record.kind === 'known') {
    const siteNumber = findSiteNumber(record.site);
    const until = Math.min(record.until, now + KNOWN_MS);
    if (siteNumber !== undefined && until > now) known.restore(record.user, { siteNumber, until });
    return;
  }
  const table = tableOf(tables, record.kind);
  // A clock that was wrong must not make a penalty last.
  const changedAt = Math.min(record.changedAt, now);
  const level = decayLevel(table.curve, limitLevel(table.curve, record.level), now - changedAt);
  if (!hasNetwork(record) || findStep(table.curve, level) === 0) return;
  table.restore(record.key, { level, changedAt: now, lastFailureAt: Math.min(record.lastFailureAt, now) });
}

/** The table of a kind. */
export function tableOf(tables: PenaltyTables, kind: PenaltyKind): PenaltyTable {
  switch (kind) {
    case 'network':
      return tables.networks;
    case 'site':
      return tables.sites;
    case 'user':
      return tables.users;
    case 'pair':
      return tables.pairs;
  }
}

function hasNetwork({ kind, key }: LevelRecord): boolean {
  if (kind === 'user') return true;
  return findSiteNumber(kind === 'pair' ? parsePair(key).site : key) !== undefined;
}

function findSiteNumber(network: string): number | undefined {
  return findNetworkPrefix(network.replace(/\/\d+$/, ''))?.siteNumber;
}
