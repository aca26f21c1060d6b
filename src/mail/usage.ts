/**
 * How full each account is, and whether one more message fits. Measured by a worker thread from file names, at most
 * every five seconds an account; our own deliveries count at once (RULES 34). LMTP and policy ask this one meter, so
 * they give one verdict.
 *
 * An account's usage is what the last measurement found, plus own deliveries it cannot have seen: those in work and
 * those finished since it began. Each has a sequence that is part of its file name, by which a measurement says which
 * it did see, so that none counts twice.
 */
import type { Clock } from '../core/clock.ts';
import { settleWithin } from '../core/deadline.ts';
import type { Logger } from '../core/logger.ts';
import { locate, type LocationSettings, type MailLocation } from './location.ts';
import type { MailRoots } from './mail-root.ts';
import type { MailUser } from './mail-user.ts';
import type { NameMaker } from './maildir-name.ts';
import { RootPlan, type QuotaRoot } from './quota-limits.ts';
import type { QuotaVerdict } from './quota-verdict.ts';
import type { ScanRequest } from './usage-scan.ts';
import type { ScanReply } from './usage-worker.ts';

export interface QuotaLimits {
  readonly storageBytes?: number | undefined;
  readonly messages?: number | undefined;
}

export interface QuotaMeterOptions {
  readonly settings: LocationSettings;
  readonly roots: MailRoots;
  readonly names: NameMaker;
  /** `[quota]`. */
  readonly root: QuotaRoot;
  /** Reads the directories, off the event loop. */
  readonly thread: { measure(request: ScanRequest): Promise<ScanReply> };
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What somebody wants to add. */
export interface QuotaDemand {
  readonly bytes: number;
  readonly messages: number;
}

/** Room taken for a delivery in work. */
export interface Reservation {
  /** The message is in its Maildir. */
  finish(): void;
  /** It is not, and gives its room back. */
  cancel(): void;
}

export type ReserveVerdict =
  { readonly kind: 'reserved'; readonly reservation: Reservation } | Exclude<QuotaVerdict, { kind: 'fits' }>;

export type UsageVerdict =
  | { readonly kind: 'measured'; readonly bytes: number; readonly messages: number }
  | { readonly kind: 'unknown'; readonly reason: string };

interface Account {
  readonly location: MailLocation;
  bytes: number;
  messages: number;
  /** When the last measurement began; undefined before the first. */
  measuredAtMs: number | undefined;
  fault: string | undefined;
  measuring: Promise<void> | undefined;
  /** Own deliveries the last measurement has not seen, by sequence. */
  readonly own: Map<number, { readonly bytes: number; isFinished: boolean }>;
}

const MAX_AGE_MS = 5000;
/** Within 5 % of the limit, with what is to come, a verdict can turn: so it is made anew sooner. */
const MAX_AGE_NEAR_LIMIT_MS = 1000;
const NEAR_LIMIT = 0.95;
/** How long policy and RCPT wait for a measurement; a delivery waits longer. */
const CHECK_WAIT_MS = 1000;
const MAX_ACCOUNTS = 100_000;
const NO_DEMAND: QuotaDemand = Object.freeze({ bytes: 0, messages: 0 });
const NOTHING: Reservation = Object.freeze({ finish: () => undefined, cancel: () => undefined });

export class QuotaMeter {
  readonly #options: QuotaMeterOptions;
  readonly #accounts = new Map<string, Account>();

  constructor(options: QuotaMeterOptions) {
    this.#options = options;
  }

  /** Whether `demand` fits now; takes nothing. Answers within a second, with `unknown` when it cannot tell. */
  async check(user: MailUser, demand: QuotaDemand): Promise<QuotaVerdict> {
    const limits = this.#limitsOf(user);
    if (!hasLimit(limits)) return { kind: 'fits' };
    const found = await this.#findAccount(user, { limits, demand, waitMs: CHECK_WAIT_MS });
    return 'kind' in found ? found : judge(found, limits, demand);
  }

  /** Takes room for one message about to be delivered under the name with `sequence`. */
  async reserve(
    user: MailUser,
    delivery: { bytes: number; sequence: number },
    waitMs: number,
  ): Promise<ReserveVerdict> {
    const limits = this.#limitsOf(user);
    if (!hasLimit(limits)) return { kind: 'reserved', reservation: NOTHING };
    const demand = { bytes: delivery.bytes, messages: 1 };
    const account = await this.#findAccount(user, { limits, demand, waitMs });
    if ('kind' in account) return account;
    const verdict = judge(account, limits, demand);
    if (verdict.kind !== 'fits') return verdict;
    const { own } = account;
    const entry = { bytes: delivery.bytes, isFinished: false };
    own.set(delivery.sequence, entry);
    const reservation: Reservation = {
      finish: () => {
        entry.isFinished = true;
      },
      cancel: () => void own.delete(delivery.sequence),
    };
    return { kind: 'reserved', reservation };
  }

  /** What the account holds, limit or not. */
  async measure(user: MailUser): Promise<UsageVerdict> {
    const wish = { limits: this.#limitsOf(user), demand: NO_DEMAND, waitMs: CHECK_WAIT_MS };
    const found = await this.#findAccount(user, wish);
    return 'kind' in found ? found : { kind: 'measured', ...sum(found) };
  }

  #limitsOf(user: MailUser): QuotaLimits {
    return new RootPlan(this.#options.root, { position: 1, userRules: user.quota }).limits;
  }

  /** The account with a measurement that is fresh enough, or `unknown`. */
  async #findAccount(
    user: MailUser,
    { limits, demand, waitMs }: { limits: QuotaLimits; demand: QuotaDemand; waitMs: number },
  ): Promise<Account | (QuotaVerdict & { kind: 'unknown' })> {
    const located = locate(user, this.#options.settings);
    if (located.kind === 'fault') return { kind: 'unknown', reason: located.detail };
    const account = this.#getAccount(located.location);
    if (this.#isStale(account, limits, demand)) {
      account.measuring ??= this.#measureNow(account).finally(() => {
        account.measuring = undefined;
      });
      await settleWithin(account.measuring, waitMs, () => undefined);
    }
    if (account.fault !== undefined) return { kind: 'unknown', reason: account.fault };
    if (account.measuredAtMs === undefined) return { kind: 'unknown', reason: 'not measured yet' };
    return account;
  }

  #getAccount(location: MailLocation): Account {
    const key = `${location.path}\0${location.inbox}`;
    let account = this.#accounts.get(key);
    if (account === undefined) {
      if (this.#accounts.size >= MAX_ACCOUNTS) this.#forgetOne();
      account = {
        location,
        bytes: 0,
        messages: 0,
        measuredAtMs: undefined,
        fault: undefined,
        measuring: undefined,
        own: new Map(),
      };
      this.#accounts.set(key, account);
    }
    return account;
  }

  #forgetOne(): void {
    for (const [key, account] of this.#accounts) {
      if (account.measuring !== undefined || [...account.own.values()].some((entry) => !entry.isFinished)) continue;
      this.#accounts.delete(key);
      return;
    }
  }

  #isStale(account: Account, limits: QuotaLimits, demand: QuotaDemand): boolean {
    if (account.measuredAtMs === undefined || account.fault !== undefined) return true;
    const used = sum(account);
    const isNear =
      isNearLimit(used.bytes + demand.bytes, limits.storageBytes) ||
      isNearLimit(used.messages + demand.messages, limits.messages);
    const ageMs = this.#options.clock.now() - account.measuredAtMs;
    // Less than nothing: the clock was set back.
    return ageMs < 0 || ageMs >= (isNear ? MAX_AGE_NEAR_LIMIT_MS : MAX_AGE_MS);
  }

  async #measureNow(account: Account): Promise<void> {
    const { roots, thread, names, clock, logger } = this.#options;
    const { path, inbox, root } = account.location;
    const verdict = await roots.check(root);
    if (verdict.kind === 'missing') {
      account.fault = verdict.detail;
      return;
    }
    const startedAt = clock.now();
    const finished = [...account.own].filter(([, entry]) => entry.isFinished).map(([sequence]) => sequence);
    const inWork = [...account.own].filter(([, entry]) => !entry.isFinished).map(([sequence]) => sequence);
    const sinceSequence = Math.min(names.nextSequence, ...inWork);
    const reply = await thread.measure({ path, inbox, pid: process.pid, sinceSequence });
    if (reply.kind === 'failed') {
      account.fault = reply.reason;
      logger.warn('quota.fault', { path, reason: reply.reason });
      return;
    }
    account.fault = undefined;
    account.measuredAtMs = startedAt;
    account.bytes = reply.result.bytes;
    account.messages = reply.result.messages;
    for (const sequence of [...finished, ...reply.result.seen]) account.own.delete(sequence);
    logger.debug('quota.measured', { path, ...sum(account), ms: clock.now() - startedAt });
  }
}

function hasLimit(limits: QuotaLimits): boolean {
  return isLimit(limits.storageBytes) || isLimit(limits.messages);
}

/** Zero is no limit (facts/dovecot.md H.2). */
function isLimit(limit: number | undefined): limit is number {
  return limit !== undefined && limit > 0;
}

function isNearLimit(usage: number, limit: number | undefined): boolean {
  return isLimit(limit) && usage >= limit * NEAR_LIMIT;
}

function judge(account: Account, limits: QuotaLimits, demand: QuotaDemand): QuotaVerdict {
  const { storageBytes, messages } = limits;
  const used = sum(account);
  if (isLimit(storageBytes) && demand.bytes > storageBytes) return { kind: 'too-large' };
  const isOver = (usage: number, extra: number, limit: number | undefined): boolean =>
    isLimit(limit) && (usage >= limit || usage + extra > limit);
  if (isOver(used.bytes, demand.bytes, storageBytes)) return { kind: 'over' };
  if (isOver(used.messages, demand.messages, messages)) return { kind: 'over' };
  return { kind: 'fits' };
}

function sum(account: Account): { bytes: number; messages: number } {
  let bytes = account.bytes;
  for (const entry of account.own.values()) bytes += entry.bytes;
  return { bytes, messages: account.messages + account.own.size };
}
