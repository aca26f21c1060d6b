/**
 * Logins that sent past their limit and may send nothing until an administrator lets them (`[policy] rate_suspend`):
 * most often their password is somebody else's now. Kept across restarts; bounded, and past that the oldest goes.
 */
import type { KeptRecords } from '../core/record-keeper.ts';

export interface Suspension {
  /** Canonical address of the login. */
  readonly who: string;
  /** In milliseconds since 1970. */
  readonly since: number;
}

const MAX_SUSPENSIONS = 50_000;

export class Suspensions implements KeptRecords<Suspension> {
  readonly #since = new Map<string, number>();
  revision = 0;

  get size(): number {
    return this.#since.size;
  }

  /** When `who` was suspended, in milliseconds since 1970; undefined for whoever may send. */
  since(who: string): number | undefined {
    return this.#since.get(who);
  }

  suspend(who: string, now: number): void {
    this.restore({ who, since: now });
    this.revision += 1;
  }

  /** Lets a login send again; false when it could. */
  lift(who: string): boolean {
    const wasSuspended = this.#since.delete(who);
    if (wasSuspended) this.revision += 1;
    return wasSuspended;
  }

  names(): Iterable<string> {
    return this.#since.keys();
  }

  *list(): Iterable<Suspension> {
    for (const [who, since] of this.#since) yield { who, since };
  }

  restore({ who, since }: Suspension): void {
    if (this.#since.size >= MAX_SUSPENSIONS) {
      const [oldest] = this.#since.keys();
      if (oldest !== undefined) this.#since.delete(oldest);
    }
    this.#since.set(who, since);
  }

  forgetAll(): void {
    this.#since.clear();
    this.revision += 1;
  }
}
