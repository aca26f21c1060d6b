/**
 * Room that messages on their way will take: accepted at END-OF-MESSAGE, not yet in the mailbox. Each counts against
 * other messages until it is delivered, its connection begins another transaction, or ten minutes passed (RULES 26).
 * An estimate that keeps a burst from overshooting; the mail store has the last word. Bounded, oldest out first.
 */
import type { Clock } from '../core/clock.ts';
import type { WantedRoom } from './facts.ts';
import { TRANSACTION_LIMIT_MS } from './transactions.ts';

/** One entry is one account of one message. */
const MAX_ENTRIES = 100_000;

interface Reservation {
  readonly queueId: string;
  readonly bytes: number;
  readonly accounts: Set<string>;
  readonly madeAt: number;
}

interface Held {
  bytes: number;
  /** In order of their making. */
  readonly instances: Set<string>;
}

const NOTHING: WantedRoom = Object.freeze({ bytes: 0, messages: 0 });

export class Reservations {
  readonly #clock: Clock;
  /** By instance, in order of their making. */
  readonly #reservations = new Map<string, Reservation>();
  readonly #byAccount = new Map<string, Held>();
  readonly #byQueueId = new Map<string, string>();
  #entryCount = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Accounts with room held, counted once a message. */
  get size(): number {
    return this.#entryCount;
  }

  /** Holds room for the message `instance` in each account; a second call for it replaces the first. */
  hold(instance: string, message: { queueId: string; bytes: number; accounts: Iterable<string> }): void {
    this.end(instance);
    const accounts = new Set(message.accounts);
    if (instance === '' || accounts.size === 0) return;
    const { queueId, bytes } = message;
    this.#reservations.set(instance, { queueId, bytes, accounts, madeAt: this.#clock.now() });
    if (queueId !== '') this.#byQueueId.set(queueId, instance);
    for (const account of accounts) {
      const held = this.#byAccount.get(account) ?? { bytes: 0, instances: new Set() };
      held.bytes += bytes;
      held.instances.add(instance);
      this.#byAccount.set(account, held);
    }
    this.#entryCount += accounts.size;
    this.#shrink();
  }

  /** What other messages than `instance` hold in an account. */
  heldFor(account: string, instance: string): WantedRoom {
    this.#shrink();
    const held = this.#byAccount.get(account);
    if (held === undefined) return NOTHING;
    const ownBytes = held.instances.has(instance) ? (this.#reservations.get(instance)?.bytes ?? 0) : 0;
    const ownMessages = held.instances.has(instance) ? 1 : 0;
    return { bytes: held.bytes - ownBytes, messages: held.instances.size - ownMessages };
  }

  /**
   * A message reached this account. With Postfix's queue id exactly its reservation ends; without one (no XFORWARD)
   * the account's oldest does.
   */
  delivered(account: string, queueId: string | undefined): void {
    const [oldest] = this.#byAccount.get(account)?.instances ?? [];
    const instance = queueId === undefined ? oldest : this.#byQueueId.get(queueId);
    if (instance !== undefined) this.#release(instance, account);
  }

  /** The message is over: ends whatever it still holds. */
  end(instance: string): void {
    for (const account of this.#reservations.get(instance)?.accounts ?? []) this.#release(instance, account);
  }

  #release(instance: string, account: string): void {
    const reservation = this.#reservations.get(instance);
    if (reservation === undefined || !reservation.accounts.delete(account)) return;
    this.#entryCount -= 1;
    const held = this.#byAccount.get(account);
    if (held !== undefined && held.instances.delete(instance)) {
      held.bytes -= reservation.bytes;
      if (held.instances.size === 0) this.#byAccount.delete(account);
    }
    if (reservation.accounts.size > 0) return;
    this.#reservations.delete(instance);
    if (this.#byQueueId.get(reservation.queueId) === instance) this.#byQueueId.delete(reservation.queueId);
  }

  #shrink(): void {
    const oldest = this.#clock.now() - TRANSACTION_LIMIT_MS;
    for (const [instance, reservation] of this.#reservations) {
      if (reservation.madeAt > oldest && this.#entryCount <= MAX_ENTRIES) return;
      this.end(instance);
    }
  }
}
