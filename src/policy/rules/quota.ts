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
import type { PolicyAccount, PolicyFacts, PolicyRoute, RoomVerdict } from '../facts.ts';
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

/** What is wanting, the one that room may come back for first. */
const WANTS = ['over', 'too-large', 'past-limit'] as const;
type Want = (typeof WANTS)[number];

/** One mailbox owner of ours, and the folder that the address names. */
interface Target {
  readonly account: PolicyAccount;
  readonly detail: string | undefined;
}

/** What becomes of one recipient, as far as room goes. `open` is everything this rule has no opinion on. */
interface Judgement {
  readonly kind: 'fits' | Want | 'open';
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
      if (isWant(kind)) return this.#refuse(kind);
    }
    this.#transactions.remember(instance, recipient);
    return DUNNO;
  }

  async #decideMessage(question: PolicyQuestion): Promise<PolicyDecision> {
    const { recipients, areAll } = this.#findRecipients(question);
    const judgements = await Promise.all([...recipients].map((recipient) => this.#judge(recipient, question)));
    const want = findWant(judgements.map(({ kind }) => kind));
    if (areAll && want !== undefined && judgements.every(({ kind }) => isWant(kind))) return this.#refuse(want);
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
    const targets = route.kind === 'found' ? findMailboxes(route.value) : undefined;
    if (targets === undefined || targets.length === 0) return OPEN;
    const wanted = { bytes: Math.max(MIN_SIZE_BYTES, sizeBytes), messages: 1 };
    const verdicts = await Promise.all(
      targets.map((target) => {
        const held = this.#reservations.heldFor(target.account.address, instance);
        return this.#options.facts.checkRoom({ ...target, wanted, held });
      }),
    );
    const fitting = targets.filter((_, i) => verdicts[i]?.kind === 'fits');
    return { kind: judgeVerdicts(verdicts), accounts: fitting.map(({ account }) => account.address) };
  }

  #refuse(want: Want): PolicyDecision {
    switch (want) {
      case 'over':
        return { kind: this.#options.isFullTemporary ? 'defer' : 'reject', reason: 'mailbox-full' };
      case 'too-large':
        return { kind: 'reject', reason: 'message-too-large' };
      case 'past-limit':
        return { kind: 'reject', reason: 'message-past-limit' };
    }
  }
}

/** The mailboxes of ours that will be asked for room; undefined when the outcome is not for this rule to say. */
function findMailboxes({ targets, fault }: PolicyRoute): Target[] | undefined {
  if (fault !== undefined) return undefined;
  const mailboxes: Target[] = [];
  for (const target of targets) {
    if (target.kind === 'remote') return undefined;
    if (target.kind === 'missing') continue;
    const { account, detail } = target;
    // Another host (RULES 11) and a hold are "later", which comes before a refusal.
    if (account.host !== undefined || account.receive === 'hold') return undefined;
    if (account.receive === 'accept') mailboxes.push({ account, detail });
  }
  return mailboxes;
}

/** What one recipient gets from the verdicts on its mailboxes. */
function judgeVerdicts(verdicts: readonly RoomVerdict[]): Judgement['kind'] {
  const kinds = verdicts.map(describeVerdict);
  if (kinds.includes('open')) return 'open';
  if (kinds.includes('fits')) return 'fits';
  return findWant(kinds) ?? 'open';
}

function describeVerdict(verdict: RoomVerdict): Judgement['kind'] {
  switch (verdict.kind) {
    case 'unknown':
      return 'open';
    case 'fits':
    case 'over':
      return verdict.kind;
    case 'too-large':
      return verdict.than === 'quota' ? 'too-large' : 'past-limit';
  }
}

function isWant(kind: Judgement['kind']): kind is Want {
  return kind !== 'fits' && kind !== 'open';
}

/** The one word for several: room may come back for what is only full. */
function findWant(kinds: readonly Judgement['kind'][]): Want | undefined {
  return WANTS.find((want) => kinds.includes(want));
}
