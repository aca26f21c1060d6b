/**
 * One mail transaction: a sender, the recipients answered 250, and at DATA one message for all of them. It is one
 * object, made at MAIL and thrown away at the next reset, so nothing of it can leak into the next.
 *
 * smtp-server merges recipients with equal addresses; this list does not: Postfix sends an alias and its own target in
 * one transaction and counts replies by RCPT (RULES 1).
 */
import type { Clock } from '../../core/clock.ts';
import { describeError } from '../../core/errors.ts';
import type { Delivery, Mailbox, Message } from '../../mail/delivery.ts';
import { deferred, refused, worstOutcome, type DeliveryOutcome, type Refused } from '../../mail/outcome.ts';
import { HeaderGuard, type HeaderLimits } from './header-guard.ts';
import { formatHeaders } from './headers.ts';
import type { AcceptedRecipient } from './recipient.ts';

export interface TransactionFacts {
  /** Session id and a number. */
  readonly id: string;
  readonly sender: string;
  readonly isProbe: boolean;
  readonly sizeBytes: number;
  readonly isUtf8: boolean;
  readonly peerName: string;
  readonly peerAddress: string;
  readonly queueId: string | undefined;
}

export interface TransactionOptions extends HeaderLimits {
  readonly hostname: string;
  readonly addsReceived: boolean;
  /** `hdr_delivery_address` is not `none`. */
  readonly addsDeliveredTo: boolean;
  readonly maxMessageBytes: number;
  readonly clock: Clock;
  readonly store: { deliver(message: Message, mailboxes: readonly Mailbox[]): Delivery };
}

/** How the message ended for one recipient. */
export interface RecipientResult {
  readonly recipient: AcceptedRecipient;
  readonly outcome: DeliveryOutcome;
}

export class Transaction {
  readonly facts: TransactionFacts;
  readonly recipients: AcceptedRecipient[] = [];
  /** Bytes of the message as they came. */
  receivedBytes = 0;
  readonly #options: TransactionOptions;

  constructor(facts: TransactionFacts, options: TransactionOptions) {
    this.facts = facts;
    this.#options = options;
  }

  /**
   * Reads the whole message and delivers it; one result a recipient, in their order. When the peer vanishes in the
   * middle, nothing is kept. Rejects only with faults nobody foresaw, and then leaves nothing behind either.
   */
  async receive(body: AsyncIterable<Buffer>): Promise<readonly RecipientResult[]> {
    const mailboxes = new Map<string, Mailbox>();
    for (const { mailboxes: own } of this.recipients) for (const mailbox of own) mailboxes.set(mailbox.id, mailbox);
    const delivery = this.#options.store.deliver(this.#message(), [...mailboxes.values()]);
    try {
      const refusal = await this.#store(body, delivery);
      if (refusal !== undefined) return this.#resultsForAll(refusal);
    } catch (error) {
      await delivery.abort();
      return this.#resultsForAll(deferred('fault', `the message did not arrive whole: ${describeError(error)}`));
    }
    const outcomes = await delivery.finish();
    const byMailbox = new Map([...mailboxes.keys()].map((id, i) => [id, outcomes[i] ?? deferred('fault')]));
    return this.recipients.map((recipient) => ({ recipient, outcome: combine(recipient, byMailbox) }));
  }

  /** Streams the body to the disk; where a limit says no, to the end all the same, and nothing is kept of it. */
  async #store(body: AsyncIterable<Buffer>, delivery: Delivery): Promise<Refused | undefined> {
    const guard = new HeaderGuard(this.#options);
    let refusal: Refused | undefined;
    for await (const piece of body) {
      this.receivedBytes += piece.length;
      if (refusal !== undefined) continue;
      refusal = this.#checkSize() ?? guard.check(piece);
      if (refusal === undefined) await delivery.write(piece);
      else await delivery.abort();
    }
    return refusal;
  }

  #checkSize(): Refused | undefined {
    return this.receivedBytes > this.#options.maxMessageBytes ? refused('message-too-large') : undefined;
  }

  #message(): Message {
    const { sender } = this.facts;
    const { hostname, addsReceived, addsDeliveredTo, clock } = this.#options;
    const recipient = this.recipients.length === 1 ? this.recipients[0]?.path : undefined;
    const { id: transactionId } = this.facts;
    const receivedAtMs = clock.now();
    const header = formatHeaders({
      ...this.facts,
      transactionId,
      recipient,
      hostname,
      addsReceived,
      addsDeliveredTo,
      receivedAtMs,
    });
    return { sender, header };
  }

  #resultsForAll(outcome: DeliveryOutcome): RecipientResult[] {
    return this.recipients.map((recipient) => ({ recipient, outcome }));
  }
}

/** One RCPT with several targets gets the worst outcome (RULES 10). */
function combine(recipient: AcceptedRecipient, byMailbox: ReadonlyMap<string, DeliveryOutcome>): DeliveryOutcome {
  const [first, ...others] = [
    ...recipient.mailboxes.map((mailbox) => byMailbox.get(mailbox.id) ?? deferred('fault')),
    ...recipient.outcomes,
  ];
  return first === undefined ? deferred('fault', 'no target') : worstOutcome([first, ...others]);
}
