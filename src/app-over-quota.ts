/**
 * The part of `app.ts` that builds the rule that acts on time: whoever is over quota for days gets no more mail until there is
 * room. It stands before everything that knows accounts, since it changes what they say.
 */
import { join } from 'node:path';
import type { Config } from './config/load-config.ts';
import { systemClock } from './core/clock.ts';
import type { Logger } from './core/logger.ts';
import type { Lookup } from './core/outcome.ts';
import { RecordKeeper } from './core/record-keeper.ts';
import type { Restraint } from './directory/restrained-source.ts';
import type { Account } from './directory/source.ts';
import type { NoticeSender } from './mail/notice-sender.ts';
import { OverQuota, type OverQuotaRecord } from './mail/over-quota.ts';
import { OverQuotaSweep } from './mail/over-quota-sweep.ts';
import type { QuotaMeter, QuotaMeterOptions } from './mail/quota-meter.ts';
import { OverQuotaFile } from './store/over-quota-file.ts';

export interface OverQuotaPorts {
  readonly logger: Logger;
  /** Made after us. */
  readonly findAccount: (address: string) => Promise<Lookup<Account>>;
  readonly meter: () => QuotaMeter;
  readonly sender: () => NoticeSender;
}

export interface OverQuotaRule {
  /** What it says of accounts. */
  readonly restraint: Restraint;
  /** For the quota meter. */
  readonly onUsage: NonNullable<QuotaMeterOptions['onUsage']>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

const FILE = 'over-quota';
const DAY_MS = 86_400_000;
const MAX_INTERVAL_MS = 600_000;
const MIN_INTERVAL_MS = 1000;
/** Looks within the time that makes an account overdue. */
const LOOKS = 10;

/** Undefined with `over_quota_after = 0`. */
export function createOverQuotaRule(config: Config, ports: OverQuotaPorts): OverQuotaRule | undefined {
  const { overQuotaAfterMs: afterMs, overQuotaState: receive, warningMail } = config.quota;
  if (afterMs === 0) return undefined;
  const { logger, findAccount, meter, sender } = ports;
  const { hostname, stateDir } = config.postern;
  const days = new Intl.NumberFormat(config.mail.noticeLanguage, { maximumFractionDigits: 1 }).format(afterMs / DAY_MS);
  const accounts = new OverQuota({
    afterMs,
    clock: systemClock,
    onChange: (user, isOverdue) => {
      void keeper.save();
      if (isOverdue) logger.warn('quota.overdue', { user, receive }, 'Over quota for too long; mail is kept away now');
      else logger.info('quota.overdue-ended', { user }, 'There is room again; mail is taken');
      const kind = isOverdue ? (`over-quota-${receive}` as const) : 'over-quota-end';
      if (warningMail) sender().send(kind, user, { user, hostname, days });
    },
  });
  const keeper = new RecordKeeper<OverQuotaRecord>({
    records: accounts,
    store: new OverQuotaFile(join(stateDir, FILE)),
    clock: systemClock,
    logger,
    name: 'accounts over quota',
    events: { loaded: 'quota.overdue-loaded', fault: 'quota.overdue-fault' },
  });
  const intervalMs = Math.min(MAX_INTERVAL_MS, Math.max(MIN_INTERVAL_MS, afterMs / LOOKS));
  const sweep = new OverQuotaSweep({ accounts, findUser: findAccount, meter, intervalMs, logger });
  return {
    restraint: { receive, isRestrained: accounts.isOverdue.bind(accounts) },
    onUsage: accounts.observe.bind(accounts),
    start: async () => {
      await keeper.start();
      sweep.start();
    },
    stop: async () => {
      await sweep.stop();
      await keeper.stop();
    },
  };
}
