/** Makes penalties outlive the process (`core/record-keeper.ts`). */
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import { RecordKeeper } from '../core/record-keeper.ts';
import type { RecordStore } from '../core/record-store.ts';
import type { AttemptPenalties } from './penalties.ts';
import { listRecords, restoreRecord } from './penalty-records.ts';
import type { PenaltyRecord } from './penalty-store.ts';

export interface PenaltyKeeperOptions {
  readonly penalties: AttemptPenalties;
  readonly store: RecordStore<PenaltyRecord>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Time between two saves. */
  readonly intervalMs?: number;
}

export class PenaltyKeeper extends RecordKeeper<PenaltyRecord> {
  constructor({ penalties, ...options }: PenaltyKeeperOptions) {
    super({
      ...options,
      name: 'penalties',
      events: { loaded: 'auth.penalties-loaded', fault: 'auth.penalties-fault' },
      records: {
        get revision() {
          return penalties.revision;
        },
        list: (now) => listRecords(penalties, now),
        restore: (record, now) => restoreRecord(penalties, record, now),
        forgetAll: () => penalties.forgetAll(),
      },
    });
  }
}
