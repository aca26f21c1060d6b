/**
 * What each account holds. Measured by a worker thread from file names, at most every five seconds an account; our own
 * deliveries count at once (RULES 34, `measured-usage.ts`). Limits and verdicts are not here but in `quota-meter.ts`.
 */
import type { Clock } from '../core/clock.ts';
import { settleWithin } from '../core/deadline.ts';
import type { Logger } from '../core/logger.ts';
import { locate, type LocationSettings, type MailLocation } from './location.ts';
import type { MailRoots } from './mail-root.ts';
import type { MailUser } from './mail-user.ts';
import type { NameMaker } from './maildir-name.ts';
import { MeasuredTotals, type MeasuredUsage } from './measured-usage.ts';
import type { ScanRequest } from './usage-scan.ts';
import type { ScanReply } from './usage-worker.ts';

export interface UsageCacheOptions {
  readonly settings: LocationSettings;
  readonly roots: MailRoots;
  readonly names: NameMaker;
  /** Reads the directories, off the event loop. */
  readonly thread: { measure(request: ScanRequest): Promise<ScanReply> };
  readonly clock: Clock;
  readonly logger: Logger;
}

export type FoundUsage =
  { readonly kind: 'found'; readonly usage: MeasuredUsage } | { readonly kind: 'unknown'; readonly reason: string };

export interface UsageWish {
  /** Whether a verdict could turn: then a measurement may be at most a second old. */
  readonly isNear: (usage: MeasuredUsage) => boolean;
  /** Longest wait for a measurement. */
  readonly waitMs: number;
}

interface Account {
  readonly location: MailLocation;
  readonly totals: MeasuredTotals;
  /** Why the last measurement failed; undefined when it did not. */
  fault: string | undefined;
  measuring: Promise<void> | undefined;
}

/** What is said before a first measurement is done. */
export const NOT_MEASURED = 'not measured yet';

const MAX_AGE_MS = 5000;
const MAX_AGE_NEAR_LIMIT_MS = 1000;
const MAX_ACCOUNTS = 100_000;

export class UsageCache {
  readonly #options: UsageCacheOptions;
  readonly #accounts = new Map<string, Account>();

  constructor(options: UsageCacheOptions) {
    this.#options = options;
  }

  /** The usage of an account from a measurement that is fresh enough, or `unknown`. */
  async find(user: MailUser, { isNear, waitMs }: UsageWish): Promise<FoundUsage> {
    const located = locate(user, this.#options.settings);
    if (located.kind === 'fault') return { kind: 'unknown', reason: located.detail };
    const account = this.#getAccount(located.location);
    if (this.#isStale(account, isNear)) {
      account.measuring ??= this.#startMeasuring(account);
      await settleWithin(account.measuring, waitMs, () => undefined);
    }
    return describe(account);
  }

  /** Reads every directory of the account anew. */
  async recalculate(user: MailUser, waitMs: number): Promise<FoundUsage> {
    const located = locate(user, this.#options.settings);
    if (located.kind === 'fault') return { kind: 'unknown', reason: located.detail };
    const account = this.#getAccount(located.location);
    // What is under way may have passed over what it knew.
    await account.measuring;
    account.measuring ??= this.#startMeasuring(account, { isFresh: true });
    await settleWithin(account.measuring, waitMs, () => undefined);
    return describe(account);
  }

  #getAccount(location: MailLocation): Account {
    const key = `${location.path}\0${location.inbox}`;
    let account = this.#accounts.get(key);
    if (account === undefined) {
      if (this.#accounts.size >= MAX_ACCOUNTS) this.#forgetOne();
      account = { location, totals: new MeasuredTotals(), fault: undefined, measuring: undefined };
      this.#accounts.set(key, account);
    }
    return account;
  }

  #forgetOne(): void {
    for (const [key, { measuring, totals }] of this.#accounts) {
      if (measuring !== undefined || totals.hasWork) continue;
      this.#accounts.delete(key);
      return;
    }
  }

  #isStale({ totals, fault }: Account, isNear: UsageWish['isNear']): boolean {
    if (totals.measured === undefined || fault !== undefined) return true;
    const ageMs = this.#options.clock.now() - totals.measured.startedAtMs;
    // Less than nothing: the clock was set back.
    return ageMs < 0 || ageMs >= (isNear(totals) ? MAX_AGE_NEAR_LIMIT_MS : MAX_AGE_MS);
  }

  #startMeasuring(account: Account, options: { readonly isFresh?: boolean } = {}): Promise<void> {
    return this.#measure(account, options).finally(() => {
      account.measuring = undefined;
    });
  }

  async #measure(account: Account, { isFresh = false }: { readonly isFresh?: boolean }): Promise<void> {
    const { roots, thread, names, clock, logger } = this.#options;
    const { path, inbox, root } = account.location;
    const verdict = await roots.check(root);
    if (verdict.kind === 'missing') {
      account.fault = verdict.detail;
      return;
    }
    const startedAtMs = clock.now();
    const plan = account.totals.planMeasuring(names);
    const { sinceSequence } = plan;
    const reply = await thread.measure({ path, inbox, pid: process.pid, sinceSequence, isFresh });
    if (reply.kind === 'failed') {
      account.fault = reply.reason;
      logger.warn('quota.fault', { path, reason: reply.reason });
      return;
    }
    const { seen, ...found } = reply.result;
    account.fault = undefined;
    account.totals.take({ startedAtMs, ...found }, plan, seen);
    logger.debug('quota.measured', { path, ...account.totals.total(), ms: clock.now() - startedAtMs });
  }
}

function describe({ fault, totals }: Account): FoundUsage {
  if (fault !== undefined) return { kind: 'unknown', reason: fault };
  if (totals.measured === undefined) return { kind: 'unknown', reason: NOT_MEASURED };
  return { kind: 'found', usage: totals };
}
