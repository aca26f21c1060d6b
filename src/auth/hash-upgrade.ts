/**
 * Replaces a weaker hash after a login has shown the password it is of (`upgrade_scheme`): in the background, one at a time,
 * and in our own database only. A login neither waits for it nor fails by it.
 */
import { createHash } from 'node:crypto';
import type { Logger } from '../core/logger.ts';
import { quotePeerText } from '../core/printable.ts';
import type { AccountUpdates } from './account-updates.ts';
import type { Hasher } from './hasher.ts';
import type { PassdbEntry } from './passdb.ts';

export interface HashUpgradeOptions {
  readonly hasher: Pick<Hasher, 'hash'>;
  readonly updates: AccountUpdates;
  readonly logger: Logger;
  /** Whether a stored hash is weaker than a new one would be, and the password that matched it is fit to be hashed anew. */
  readonly needsUpgrade: (stored: string, password: Buffer) => boolean;
}

/** Hashes that were dealt with in this process; past it they may be dealt with again. */
const MAX_REMEMBERED = 10_000;

export class HashUpgrade {
  readonly #options: HashUpgradeOptions;
  /** Digests of stored hashes: each is replaced once, whatever becomes of it in the store. */
  readonly #done = new Set<string>();
  #isBusy = false;
  /** Hashes made anew. */
  upgradeCount = 0;

  constructor(options: HashUpgradeOptions) {
    this.#options = options;
  }

  /** A password has just been compared with the entry's stored hash, and is right. */
  consider({ user, password: stored, isUpgradable }: PassdbEntry, password: Buffer): void {
    if (!isUpgradable || stored === undefined || this.#isBusy || !this.#options.needsUpgrade(stored, password)) return;
    const digest = createHash('sha256').update(stored).digest('base64');
    if (this.#done.has(digest)) return;
    if (this.#done.size >= MAX_REMEMBERED) this.#done.clear();
    this.#done.add(digest);
    void this.#replace({ user, stored, password: Buffer.from(password) });
  }

  async #replace(change: { readonly user: string; readonly stored: string; readonly password: Buffer }): Promise<void> {
    const { hasher, updates, logger } = this.#options;
    const { user, stored, password } = change;
    this.#isBusy = true;
    try {
      const to = await hasher.hash(password, undefined, { priority: 'penalised' });
      updates.replaceHash({ user, from: stored, to });
      this.upgradeCount += 1;
    } catch (error) {
      // A full queue, most likely: the next restart, and a later login, will see.
      logger.warn('auth.fault', { user: quotePeerText(user), err: error }, 'Cannot hash a password anew');
    } finally {
      password.fill(0);
      this.#isBusy = false;
    }
  }
}
