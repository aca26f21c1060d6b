/**
 * Notices when an account's usage goes past a line that the configuration drew (facts/dovecot.md H.4). It is told every
 * usage that becomes known, whoever caused it, and compares it with the one before; of several lines crossed at once only
 * the first in the configuration counts.
 *
 * State of each account and line: *below* or *above*. Up happens at the line, down 5 % below it where the way up warns, so
 * that a mailbox that swings around the line warns once. The way down (`-storage=100%`) is one at the line itself, at most
 * once an hour. The first usage known of an account only says where it stands.
 */
import type { Clock } from '../core/clock.ts';
import { findThreshold, type QuotaWarning } from '../core/quota-warning.ts';
import type { MailUser } from './mail-user.ts';

/** How full an account is, and how full it may be. */
export interface UsageReport {
  readonly bytes: number;
  readonly messages: number;
  readonly limits: { readonly storageBytes?: number | undefined; readonly messages?: number | undefined };
}

export interface QuotaWarnerOptions {
  readonly warnings: readonly QuotaWarning[];
  readonly clock: Clock;
  /** Does what the warning says; must not throw. */
  readonly act: (user: MailUser, warning: QuotaWarning, report: UsageReport) => void;
  /** Whose usage it is: the account's by default, its domain's for a root that adds up domains. */
  readonly keyOf?: (user: MailUser) => string;
  /** Accounts remembered; the one not heard of for the longest time makes room. */
  readonly maxAccounts?: number;
}

interface Line {
  isAbove: boolean;
  actedAtMs: number | undefined;
}

const MAX_ACCOUNTS = 100_000;
const BACK_BELOW = 0.95;
const PAUSE_MS = 3_600_000;

export class QuotaWarner {
  readonly #options: QuotaWarnerOptions;
  readonly #maxAccounts: number;
  readonly #accounts = new Map<string, readonly Line[]>();

  constructor(options: QuotaWarnerOptions) {
    this.#options = options;
    this.#maxAccounts = options.maxAccounts ?? MAX_ACCOUNTS;
  }

  /** Accounts remembered now. */
  get size(): number {
    return this.#accounts.size;
  }

  /** Takes a usage that became known; silently what came of our own notice, which is no reason for another. */
  observe(user: MailUser, report: UsageReport, { isSilent = false }: { readonly isSilent?: boolean } = {}): void {
    const { warnings, act, keyOf } = this.#options;
    if (warnings.length === 0) return;
    const key = keyOf?.(user) ?? user.address;
    const before = this.#accounts.get(key);
    const lines = before ?? warnings.map(() => ({ isAbove: false, actedAtMs: undefined }));
    const crossed = warnings.filter((warning, i) => this.#move(lines[i], warning, report));
    this.#remember(key, lines);
    const [first] = crossed;
    if (before !== undefined && !isSilent && first !== undefined) act(user, first, report);
  }

  /** Moves one line's state; true when the warning's way was taken. */
  #move(line: Line | undefined, warning: QuotaWarning, report: UsageReport): boolean {
    const threshold = findThreshold(warning, report.limits);
    if (line === undefined) return false;
    const usage = warning.resource === 'storage' ? report.bytes : report.messages;
    const wasAbove = line.isAbove;
    const downAt = warning.direction === 'over' ? BACK_BELOW : 1;
    line.isAbove = threshold !== undefined && usage >= (wasAbove ? threshold * downAt : threshold);
    if (line.isAbove === wasAbove) return false;
    if (warning.direction === 'over') return line.isAbove;
    // No limit any more is no way down worth a word.
    return !line.isAbove && threshold !== undefined && this.#mayActAgain(line);
  }

  #mayActAgain(line: Line): boolean {
    const now = this.#options.clock.now();
    const ageMs = line.actedAtMs === undefined ? PAUSE_MS : now - line.actedAtMs;
    // Less than nothing: the clock was set back.
    if (ageMs >= 0 && ageMs < PAUSE_MS) return false;
    line.actedAtMs = now;
    return true;
  }

  #remember(key: string, lines: readonly Line[]): void {
    this.#accounts.delete(key);
    if (this.#accounts.size >= this.#maxAccounts) {
      const [oldest] = this.#accounts.keys();
      if (oldest !== undefined) this.#accounts.delete(oldest);
    }
    this.#accounts.set(key, lines);
  }
}
