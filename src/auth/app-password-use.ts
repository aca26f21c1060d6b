/**
 * Tells the store when an app password was used, at most once a minute for each password and address: its owner wants to
 * know when and from where, and a busy program must not keep the database writing.
 */
import type { Clock } from '../core/clock.ts';
import type { AccountUpdates } from './account-updates.ts';
import type { AppPassword } from './app-password.ts';
import type { LoginContext } from './login.ts';

const INTERVAL_MS = 60_000;
/** Pairs of password and address; past it all are told anew. */
const MAX_REMEMBERED = 10_000;

export class AppPasswordUse {
  readonly #updates: AccountUpdates;
  readonly #clock: Clock;
  readonly #toldAt = new Map<string, number>();

  constructor(updates: AccountUpdates, clock: Clock) {
    this.#updates = updates;
    this.#clock = clock;
  }

  /** An app password let somebody in. */
  tell({ id }: AppPassword, { remoteAddress, service }: LoginContext): void {
    const key = `${id} ${remoteAddress}`;
    const at = this.#clock.now();
    const before = this.#toldAt.get(key);
    if (before !== undefined && Math.abs(at - before) < INTERVAL_MS) return;
    if (this.#toldAt.size >= MAX_REMEMBERED) this.#toldAt.clear();
    this.#toldAt.set(key, at);
    this.#updates.usedAppPassword({ id, at, remoteAddress, service });
  }
}
