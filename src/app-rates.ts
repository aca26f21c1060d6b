/**
 * The part of `app.ts` that builds what limits sending: the counters and the suspended logins with their files, and the
 * rule that asks them.
 */
import { join } from 'node:path';
import type { Notices } from './app-notices.ts';
import { LIST_RATES, RESET_RATES } from './cli/rate.ts';
import type { Config } from './config/load-config.ts';
import { domainOf } from './core/address.ts';
import { systemClock } from './core/clock.ts';
import type { Logger } from './core/logger.ts';
import { RecordKeeper } from './core/record-keeper.ts';
import type { ControlHandler, ControlReply } from './net/control.ts';
import { listRates } from './policy/rate-list.ts';
import { RateTable, type RateRecord } from './policy/rate-table.ts';
import { RateRule, type RateLimits, type Standing } from './policy/rules/rate.ts';
import { Suspensions, type Suspension } from './policy/suspensions.ts';
import { RateFile } from './store/rate-file.ts';
import { SuspensionFile } from './store/suspension-file.ts';

export interface Rates {
  readonly rule: RateRule;
  /** Of the counters, and of the suspended logins. */
  readonly keepers: readonly [RecordKeeper<RateRecord>, RecordKeeper<Suspension>];
  readonly handlers: ReadonlyMap<string, ControlHandler>;
}

/** The names of the files in `state_dir`. */
const RATES_FILE = 'rates';
const SUSPENSIONS_FILE = 'suspensions';

export function createRates(config: Config, serverLogger: Logger, notices: Pick<Notices, 'sender'>): Rates {
  const logger = serverLogger.child({ service: 'policy' });
  const table = new RateTable();
  const limits = readLimits(config);
  const suspensions = new Suspensions();
  const { rateWarning, rateExceededCode, rateSuspend } = config.policy;
  const keeper = new RecordKeeper<RateRecord>({
    records: table,
    store: new RateFile(join(config.postern.stateDir, RATES_FILE)),
    clock: systemClock,
    logger,
    name: 'rates',
    events: { loaded: 'policy.rates-loaded', fault: 'policy.rates-fault' },
  });
  const suspensionKeeper = new RecordKeeper<Suspension>({
    records: suspensions,
    store: new SuspensionFile(join(config.postern.stateDir, SUSPENSIONS_FILE)),
    clock: systemClock,
    logger,
    name: 'suspensions',
    events: { loaded: 'policy.suspensions-loaded', fault: 'policy.suspensions-fault' },
  });
  const suspend = (login: string, standing: Standing): void => {
    // The next save is ten seconds away: long enough for a crash to set a thief free.
    void suspensionKeeper.save();
    const domain = domainOf(login);
    notices.sender.send('sender-suspended', `postmaster@${domain}`, {
      login,
      domain,
      hostname: config.postern.hostname,
      sent: String(standing.sent),
      limit: String(standing.limit),
      unit: standing.unit,
      window: standing.window,
    });
  };
  const rule = new RateRule({
    table,
    suspensions,
    onSuspend: rateSuspend ? suspend : undefined,
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
        return Promise.resolve({ ok: true, ...listRates({ table, suspensions, limits }, question, systemClock.now()) });
      },
    ],
    [RESET_RATES, ({ who }) => Promise.resolve(reset({ table, suspensions }, who))],
  ]);
  return { rule, keepers: [keeper, suspensionKeeper], handlers };
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

function reset({ table, suspensions }: { table: RateTable; suspensions: Suspensions }, who: unknown): ControlReply {
  if (typeof who !== 'string') return { ok: false, error: 'Cannot reset rates: nobody is named' };
  if (who !== 'all') {
    const [wasSuspended, hadSent] = [suspensions.lift(who), table.reset(who)];
    return { ok: true, reset: wasSuspended || hadSent ? 1 : 0 };
  }
  const { size } = new Set([...suspensions.names(), ...table.names()]);
  suspensions.forgetAll();
  table.forgetAll();
  return { ok: true, reset: size };
}
