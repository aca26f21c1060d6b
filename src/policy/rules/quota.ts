/**
 * Whether there is room. At RCPT with the size the client announced, at END-OF-MESSAGE with the real one. A recipient
 * gets the outcome LMTP's RCPT would give it, aliases expanded: it is refused when none of its mailboxes has room, for
 * one that has gets its copy. Whatever cannot be told, lives elsewhere or is held is later, which comes before a
 * refusal (RULES 10): no opinion, LMTP decides. The whole message is refused at END-OF-MESSAGE only if every recipient
 * would be (RULES 26).
 */
import { parseNormalized } from '../../core/address.ts';
import type { Clock } from '../../core/clock.ts';
import type { PolicyRule } from '../decide.ts';
import type { PolicyAccount, PolicyFacts, PolicyRoute, RoomVerdict, WantedRoom } from '../facts.ts';
import { DUNNO, type PolicyDecision, type PolicyQuestion } from '../question.ts';
import { Reservations } from '../reservations.ts';
import { Transactions } from '../transactions.ts';

export interface QuotaRuleOptions {
  readonly facts: PolicyFacts;
  /** Whether an envelope sender is that of Postfix's address probes (RULES 20). */
  readonly isProbeSender: (sender: string) => boolean;
  /** A full mailbox makes mail wait (452) instead of refusing it (552). */
  readonly isFullTemporary: boolean;
  readonly clock: Clock;
}

/** What becomes of one recipient, as far as room goes. `open` is everything this rule has no opinion on. */
interface Judgement {
  readonly kind: 'fits' | 'over' | 'too-large' | 'open';
  /** Accounts the message fits in, and will take room of. */
  readonly accounts: readonly string[];
}

const OPEN: Judgement = Object.freeze({ kind: 'open', accounts: [] });

/** A message needs a byte: a mailbox that is exactly full takes none, announced size or not. */
const MIN_SIZE_BYTES = 1;

export class QuotaRule implements PolicyRule {
  readonly name = 'quota';
  readonly #options: QuotaRuleOptions;
  readonly #transactions: Transactions;
  readonly #reservations: Reservations;

  constructor(options: QuotaRuleOptions) {
    this.#options = options;
    this.#transactions = new Transactions(options.clock);
    this.#reservations = new Reservations(options.clock);
  }

  async decide(question: PolicyQuestion): Promise<PolicyDecision> {
    const ended = this.#transactions.enter(question.connection, question.instance);
    if (ended !== undefined) this.#reservations.end(ended);
    switch (question.state) {
      case 'rcpt':
        return this.#decideRecipient(question);
      case 'end-of-message':
        return this.#decideMessage(question);
      case 'other':
        return DUNNO;
    }
  }

  leave(connection: string): void {
    this.#transactions.leave(connection);
  }

  /** The port for LMTP: a message reached `account`, so its size is in the usage now. */
  delivered(account: string, queueId: string | undefined): void {
    this.#reservations.delivered(account, queueId);
  }

  /** What is kept, for the metrics. */
  get counts(): { transactions: number; reservations: number } {
    return { transactions: this.#transactions.size, reservations: this.#reservations.size };
  }

  async #decideRecipient(question: PolicyQuestion): Promise<PolicyDecision> {
    const { sender, instance, recipient } = question;
    // Bounces and probes hear of quota only after the dot: a verdict on a probe is cached for hours (RULES 20).
    if (sender !== '' && !this.#options.isProbeSender(sender)) {
      const { kind } = await this.#judge(recipient, question);
      if (kind === 'over' || kind === 'too-large') return this.#refuse(kind);
    }
    this.#transactions.remember(instance, recipient);
    return DUNNO;
  }

  async #decideMessage(question: PolicyQuestion): Promise<PolicyDecision> {
    const { recipients, areAll } = this.#findRecipients(question);
    const judgements = await Promise.all([...recipients].map((recipient) => this.#judge(recipient, question)));
    const kinds = new Set(judgements.map(({ kind }) => kind));
    if (areAll && kinds.size > 0 && !kinds.has('fits') && !kinds.has('open')) {
      return this.#refuse(kinds.has('over') ? 'over' : 'too-large');
    }
    this.#reservations.hold(question.instance, {
      queueId: question.queueId,
      bytes: question.sizeBytes,
      accounts: judgements.flatMap(({ accounts }) => accounts),
    });
    return DUNNO;
  }

  /** The recipients of the message, and whether these are surely all. Postfix names one only if it is the only one. */
  #findRecipients(question: PolicyQuestion): { recipients: Iterable<string>; areAll: boolean } {
    const { recipient, recipientCount, instance } = question;
    if (recipient !== '') return { recipients: [recipient], areAll: true };
    const transaction = this.#transactions.recall(instance);
    if (transaction === undefined) return { recipients: [], areAll: false };
    // Fewer seen than accepted: an earlier restriction let the others in without asking us.
    const areAll = transaction.isComplete && recipientCount > 0 && transaction.passedCount >= recipientCount;
    return { recipients: transaction.recipients, areAll };
  }

  async #judge(recipient: string, { sizeBytes, instance }: PolicyQuestion): Promise<Judgement> {
    const address = parseNormalized(recipient);
    if (address === undefined) return OPEN;
    const route = await this.#options.facts.resolve(address);
    const accounts = route.kind === 'found' ? findMailboxes(route.value) : undefined;
    if (accounts === undefined || accounts.length === 0) return OPEN;
    const wanted = { bytes: Math.max(MIN_SIZE_BYTES, sizeBytes), messages: 1 };
    const verdicts = await Promise.all(accounts.map((account) => this.#checkRoom(account, wanted, instance)));
    const fitting = accounts.filter((_, i) => verdicts[i]?.kind === 'fits');
    return { kind: judgeVerdicts(verdicts), accounts: fitting.map((account) => account.address) };
  }

  /** First alone, then beside what other messages hold: only the message itself can be too large. */
  async #checkRoom(account: PolicyAccount, wanted: WantedRoom, instance: string): Promise<RoomVerdict> {
    const { facts } = this.#options;
    const alone = await facts.checkRoom(account, wanted);
    const held = this.#reservations.heldFor(account.address, instance);
    if (alone.kind !== 'fits' || held.messages === 0) return alone;
    const together = await facts.checkRoom(account, {
      bytes: wanted.bytes + held.bytes,
      messages: wanted.messages + held.messages,
    });
    return together.kind === 'too-large' ? { kind: 'over' } : together;
  }

  #refuse(kind: 'over' | 'too-large'): PolicyDecision {
    if (kind === 'too-large') return { kind: 'reject', reason: 'message-too-large' };
    return { kind: this.#options.isFullTemporary ? 'defer' : 'reject', reason: 'mailbox-full' };
  }
}

/** The accounts of ours that will be asked for room; undefined when the outcome is not for this rule to say. */
function findMailboxes({ targets, fault }: PolicyRoute): PolicyAccount[] | undefined {
  if (fault !== undefined) return undefined;
  const accounts: PolicyAccount[] = [];
  for (const target of targets) {
    if (target.kind === 'remote') return undefined;
    if (target.kind === 'missing') continue;
    const { account } = target;
    // Another host (RULES 11) and a hold are "later", which comes before a refusal.
    if (account.host !== undefined || account.receive === 'hold') return undefined;
    if (account.receive === 'accept') accounts.push(account);
  }
  return accounts;
}

/** What one recipient gets from the verdicts on its mailboxes. */
function judgeVerdicts(verdicts: readonly RoomVerdict[]): Judgement['kind'] {
  const kinds = new Set(verdicts.map(({ kind }) => kind));
  if (kinds.has('unknown')) return 'open';
  if (kinds.has('fits')) return 'fits';
  // Room may come back for one that is only full.
  return kinds.has('over') ? 'over' : 'too-large';
}
