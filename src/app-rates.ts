/** The part of `app.ts` that builds what limits sending: the counters with their file, and the rule that asks them. */
import { join } from 'node:path';
import { LIST_RATES, RESET_RATES } from './cli/rate.ts';
import type { Config } from './config/load-config.ts';
import { systemClock } from './core/clock.ts';
import type { Logger } from './core/logger.ts';
import { RecordKeeper } from './core/record-keeper.ts';
import type { ControlHandler, ControlReply } from './net/control.ts';
import { listRates } from './policy/rate-list.ts';
import { RateTable, type RateRecord } from './policy/rate-table.ts';
import { RateRule, type RateLimits } from './policy/rules/rate.ts';
import { RateFile } from './store/rate-file.ts';

export interface Rates {
  readonly rule: RateRule;
  readonly keeper: RecordKeeper<RateRecord>;
  readonly handlers: ReadonlyMap<string, ControlHandler>;
}

/** The name of the file in `state_dir`. */
const RATES_FILE = 'rates';

export function createRates(config: Config, serverLogger: Logger): Rates {
  const logger = serverLogger.child({ service: 'policy' });
  const table = new RateTable();
  const limits = readLimits(config);
  const { rateWarning, rateExceededCode } = config.policy;
  const keeper = new RecordKeeper<RateRecord>({
    records: table,
    store: new RateFile(join(config.postern.stateDir, RATES_FILE)),
    clock: systemClock,
    logger,
    name: 'rates',
    events: { loaded: 'policy.rates-loaded', fault: 'policy.rates-fault' },
  });
  const rule = new RateRule({
    table,
    limits,
    warnPercent: rateWarning,
    isExceededTemporary: rateExceededCode === 450,
    clock: systemClock,
    logger,
  });
  const handlers = new Map<string, ControlHandler>([
    [
      LIST_RATES,
      ({ who, offset }) => {
        const question = { who: typeof who === 'string' ? who : undefined, offset: Number(offset ?? 0) };
        return Promise.resolve({ ok: true, ...listRates({ table, limits }, question, systemClock.now()) });
      },
    ],
    [RESET_RATES, ({ who }) => Promise.resolve(reset(table, who))],
  ]);
  return { rule, keeper, handlers };
}

function readLimits({ policy }: Config): { readonly login: RateLimits; readonly domain: RateLimits } {
  return {
    login: {
      hour: { messages: policy.rateMessagesPerHour, recipients: policy.rateRecipientsPerHour },
      day: { messages: policy.rateMessagesPerDay, recipients: policy.rateRecipientsPerDay },
    },
    domain: {
      hour: { messages: policy.rateDomainMessagesPerHour, recipients: policy.rateDomainRecipientsPerHour },
      day: { messages: policy.rateDomainMessagesPerDay, recipients: policy.rateDomainRecipientsPerDay },
    },
  };
}

function reset(table: RateTable, who: unknown): ControlReply {
  if (typeof who !== 'string') return { ok: false, error: 'Cannot reset rates: nobody is named' };
  if (who !== 'all') return { ok: true, reset: table.reset(who) ? 1 : 0 };
  const { size } = table;
  table.forgetAll();
  return { ok: true, reset: size };
}
