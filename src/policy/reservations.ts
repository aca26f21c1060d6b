/**
 * Room that messages on their way will take: accepted at END-OF-MESSAGE, not yet in the mailbox. Each counts against
 * other messages until it is delivered, its connection begins another transaction, or ten minutes passed (RULES 26).
 * An estimate that keeps a burst from overshooting; the mail store has the last word. Bounded, oldest out first.
 */
import type { Clock } from '../core/clock.ts';
import { domainOf } from '../core/address.ts';
import type { HeldRoom, WantedRoom } from './facts.ts';
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
const NOTHING_HELD: HeldRoom = Object.freeze({ account: NOTHING, domain: NOTHING });

export class Reservations {
  readonly #clock: Clock;
  /** By instance, in order of their making. */
  readonly #reservations = new Map<string, Reservation>();
  readonly #byAccount = new Map<string, Held>();
  readonly #byDomain = new Map<string, { bytes: number; messages: number }>();
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
      this.#count(account, { bytes, messages: 1 });
    }
    this.#entryCount += accounts.size;
    this.#shrink();
  }

  /** What other messages than `instance` hold in an account, and in all accounts of its domain. */
  heldFor(account: string, instance: string): HeldRoom {
    this.#shrink();
    const domain = domainOf(account);
    const all = this.#byDomain.get(domain);
    if (all === undefined) return NOTHING_HELD;
    const own = this.#reservations.get(instance);
    const held = this.#byAccount.get(account);
    const room = held === undefined ? NOTHING : { bytes: held.bytes, messages: held.instances.size };
    if (own === undefined) return { account: room, domain: { bytes: all.bytes, messages: all.messages } };
    let ownCount = 0;
    for (const other of own.accounts) if (domainOf(other) === domain) ownCount += 1;
    return {
      account: subtract(room, own.accounts.has(account) ? own.bytes : 0, own.accounts.has(account) ? 1 : 0),
      domain: subtract(all, own.bytes * ownCount, ownCount),
    };
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
      this.#count(account, { bytes: -reservation.bytes, messages: -1 });
    }
    if (reservation.accounts.size > 0) return;
    this.#reservations.delete(instance);
    if (this.#byQueueId.get(reservation.queueId) === instance) this.#byQueueId.delete(reservation.queueId);
  }

  #count(account: string, { bytes, messages }: WantedRoom): void {
    const domain = domainOf(account);
    const all = this.#byDomain.get(domain) ?? { bytes: 0, messages: 0 };
    all.bytes += bytes;
    all.messages += messages;
    if (all.messages === 0) this.#byDomain.delete(domain);
    else this.#byDomain.set(domain, all);
  }

  #shrink(): void {
    const oldest = this.#clock.now() - TRANSACTION_LIMIT_MS;
    for (const [instance, reservation] of this.#reservations) {
      if (reservation.madeAt > oldest && this.#entryCount <= MAX_ENTRIES) return;
      this.end(instance);
    }
  }
}

function subtract(room: WantedRoom, ...[bytes, messages]: [bytes: number, messages: number]): WantedRoom {
  return { bytes: room.bytes - bytes, messages: room.messages - messages };
}
