/** The file `state_dir/penalties` (`record-file.ts`): how a penalty and a known network are written. */
import type { PenaltyKind, PenaltyRecord } from '../../auth/penalty-store.ts';
import { RecordFile } from '../record-file.ts';

const SECOND_MS = 1000;
const LEVEL_DIGITS = 2;

export class PenaltyFile extends RecordFile<PenaltyRecord> {
  constructor(path: string) {
    super(path, { name: 'penalties', version: 1, format: formatRecord, parse: parseRecord });
  }
}

function formatRecord(record: PenaltyRecord): unknown {
  if (record.kind === 'known') {
    return [record.kind, record.user, record.site, toSeconds(record.until)];
  }
  const { kind, key, level, changedAt, lastFailureAt } = record;
  return [kind, key, Number(level.toFixed(LEVEL_DIGITS)), toSeconds(changedAt), toSeconds(lastFailureAt)];
}

function parseRecord(value: unknown): PenaltyRecord | undefined {
  const [kind, key, ...rest]: unknown[] = Array.isArray(value) ? value : [];
  if (typeof kind === 'string' && typeof key === 'string') {
    if (kind === 'known' && typeof rest[0] === 'string' && isTime(rest[1])) {
      return { kind, user: key, site: rest[0], until: rest[1] * SECOND_MS };
    }
    const [level, changedAt, lastFailureAt] = rest;
    if (isKind(kind) && isTime(level) && isTime(changedAt) && isTime(lastFailureAt)) {
      return { kind, key, level, changedAt: changedAt * SECOND_MS, lastFailureAt: lastFailureAt * SECOND_MS };
    }
  }
  return undefined;
}

function isKind(text: string): text is PenaltyKind {
  return text === 'network' || text === 'site' || text === 'user' || text === 'pair';
}

/** Whether a value is a number that can be a time or a level. */
function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function toSeconds(ms: number): number {
  return Math.floor(ms / SECOND_MS);
}
