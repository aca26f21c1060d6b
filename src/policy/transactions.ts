/**
 * The recipients of the mail transactions that are running, by Postfix's `instance`: END-OF-MESSAGE knows the real
 * size but names no recipient when there are several (facts/postfix.md B.5). Shared by all connections, because
 * Postfix uses one connection for each wording of `check_policy_service`. A transaction ends at another instance on
 * the same connection or after ten minutes; the table is bounded in what it holds, and the oldest goes first.
 */
import type { Clock } from '../core/clock.ts';

/** Longer than any transfer that is still alive; RULES 26. */
export const TRANSACTION_LIMIT_MS = 600_000;

/** Postfix takes no more in one transaction (`smtpd_recipient_limit`). */
const MAX_RECIPIENTS = 1000;

/** Characters of all recipients together: some 200,000 addresses. */
const MAX_CHARS = 8_000_000;

/** What a transaction costs beside its recipients, in characters of the limit above. */
const OVERHEAD_CHARS = 200;

/** Postfix writes some 30 characters; what is longer is not remembered. */
const MAX_INSTANCE_CHARS = 100;

export interface Transaction {
  readonly recipients: ReadonlySet<string>;
  /** Recipients that passed, equal ones counted each time as Postfix does. */
  readonly passedCount: number;
  /** False when there were more recipients than are kept. */
  readonly isComplete: boolean;
}

interface Entry {
  readonly recipients: Set<string>;
  passedCount: number;
  isComplete: boolean;
  chars: number;
  readonly startedAt: number;
}

export class Transactions {
  readonly #clock: Clock;
  /** In order of their start. */
  readonly #entries = new Map<string, Entry>();
  readonly #current = new Map<string, string>();
  #chars = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Transactions kept now. */
  get size(): number {
    return this.#entries.size;
  }

  /** Says that `connection` is at `instance`; returns the other instance that thereby ended, if one did. */
  enter(connection: string, instance: string): string | undefined {
    const previous = this.#current.get(connection);
    if (instance === '' || instance.length > MAX_INSTANCE_CHARS || previous === instance) return undefined;
    this.#current.set(connection, instance);
    if (previous !== undefined) this.#drop(previous);
    return previous;
  }

  /** The connection is gone. Its transaction may still end on another connection, so it is kept for its time. */
  leave(connection: string): void {
    this.#current.delete(connection);
  }

  /** Adds a recipient that passed. */
  remember(instance: string, recipient: string): void {
    if (instance === '' || instance.length > MAX_INSTANCE_CHARS) return;
    const entry = this.#entries.get(instance) ?? this.#start(instance);
    entry.passedCount += 1;
    if (entry.recipients.has(recipient)) return;
    if (entry.recipients.size >= MAX_RECIPIENTS) {
      entry.isComplete = false;
      return;
    }
    entry.recipients.add(recipient);
    entry.chars += recipient.length;
    this.#chars += recipient.length;
    this.#shrink();
  }

  /** What is known of a transaction; undefined when it is too old or was never seen. */
  recall(instance: string): Transaction | undefined {
    this.#shrink();
    return this.#entries.get(instance);
  }

  #start(instance: string): Entry {
    const entry: Entry = {
      recipients: new Set(),
      passedCount: 0,
      isComplete: true,
      chars: OVERHEAD_CHARS,
      startedAt: this.#clock.now(),
    };
    this.#entries.set(instance, entry);
    this.#chars += entry.chars;
    return entry;
  }

  #shrink(): void {
    const oldestStart = this.#clock.now() - TRANSACTION_LIMIT_MS;
    for (const [instance, entry] of this.#entries) {
      if (entry.startedAt > oldestStart && this.#chars <= MAX_CHARS) return;
      this.#drop(instance);
    }
  }

  #drop(instance: string): void {
    const entry = this.#entries.get(instance);
    if (entry === undefined) return;
    this.#chars -= entry.chars;
    this.#entries.delete(instance);
  }
}
