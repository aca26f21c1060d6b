/**
 * Looks again, from time to time, at accounts that are over quota for long (`over-quota.ts`): mail for them is refused or
 * held, so nobody else would see that there is room again. One account after the other; a sweep that takes long makes the
 * next one wait.
 */
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Lookup } from '../core/outcome.ts';
import type { MailUser } from './mail-user.ts';
import type { OverQuota } from './over-quota.ts';
import type { QuotaMeter } from './quota-meter.ts';

export interface OverQuotaSweepOptions {
  readonly accounts: OverQuota;
  readonly findUser: (address: string) => Promise<Lookup<MailUser>>;
  readonly meter: () => Pick<QuotaMeter, 'measure'>;
  readonly intervalMs: number;
  readonly logger: Logger;
}

export class OverQuotaSweep {
  readonly #options: OverQuotaSweepOptions;
  #timer: NodeJS.Timeout | undefined;
  #sweeping: Promise<void> | undefined;
  #isStopped = false;

  constructor(options: OverQuotaSweepOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => void this.sweep(), this.#options.intervalMs);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    await this.#sweeping;
  }

  /** Looks at all that are due. Never rejects; the second of two at once waits for the first. */
  async sweep(): Promise<void> {
    this.#sweeping ??= this.#sweepAll().finally(() => {
      this.#sweeping = undefined;
    });
    await this.#sweeping;
  }

  async #sweepAll(): Promise<void> {
    const { accounts, logger } = this.#options;
    for (const address of accounts.due()) {
      if (this.#isStopped) return;
      try {
        await this.#look(address);
      } catch (error) {
        logger.warn('quota.overdue-fault', { user: address, reason: describeError(error) });
      }
    }
  }

  async #look(address: string): Promise<void> {
    const { accounts, findUser, meter } = this.#options;
    const found = await findUser(address);
    if (found.kind === 'absent') accounts.forget(address);
    if (found.kind !== 'found') return;
    const usage = await meter().measure(found.value);
    // What cannot be measured now stays as it is.
    if (usage.kind !== 'measured') return;
    for (const { name, scope, isEnforcing, used, limits } of usage.roots)
      accounts.observe({ name, scope, isEnforcing }, found.value, {
        ...used,
        limits,
        isOwnNotice: false,
        isRefused: false,
      });
    accounts.review(address);
  }
}
