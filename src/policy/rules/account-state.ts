/**
 * What an administrator switched off: accounts that take no mail (refused, or held back at the sender) and logins
 * that may not send, anonymous ones always among them. An alias is refused or held only when all its targets agree. During an outage of the directory
 * the last known state decides (RULES 27); what was never known passes, since LMTP asks again.
 */
import { normalizeLogin, parseNormalized } from '../../core/address.ts';
import type { PolicyRule } from '../decide.ts';
import type { PolicyFacts, PolicyRoute } from '../facts.ts';
import { LastKnown } from '../last-known.ts';
import { DUNNO, type PolicyDecision, type PolicyQuestion } from '../question.ts';

export interface AccountStateOptions {
  readonly facts: PolicyFacts;
  /** Whether an envelope sender is that of Postfix's address probes, which a hold does not concern (RULES 20). */
  readonly isProbeSender: (sender: string) => boolean;
  /** The name of anonymous logins: whoever bears it may not send, however the login was made. */
  readonly anonymousUsername?: string;
}

const REFUSED: PolicyDecision = Object.freeze({ kind: 'reject', reason: 'mailbox-disabled' });
const HELD: PolicyDecision = Object.freeze({ kind: 'defer', reason: 'mailbox-held' });
const MAY_NOT_SEND: PolicyDecision = Object.freeze({ kind: 'reject', reason: 'sender-disabled' });

export class AccountStateRule implements PolicyRule {
  readonly name = 'account-state';
  readonly #options: AccountStateOptions;
  readonly #anonymous: string | undefined;
  readonly #recipients = new LastKnown<PolicyDecision>();
  readonly #logins = new LastKnown<PolicyDecision>();

  constructor(options: AccountStateOptions) {
    this.#options = options;
    const { anonymousUsername } = options;
    this.#anonymous = anonymousUsername === undefined ? undefined : normalizeLogin(anonymousUsername);
  }

  async decide(question: PolicyQuestion): Promise<PolicyDecision> {
    const login = await this.#decideLogin(question);
    if (login.kind !== 'dunno' || question.state !== 'rcpt') return login;
    const recipient = await this.#decideRecipient(question.recipient);
    return recipient.kind === 'defer' && this.#options.isProbeSender(question.sender) ? DUNNO : recipient;
  }

  async #decideLogin({ saslMethod, saslUsername }: PolicyQuestion): Promise<PolicyDecision> {
    // An anonymous login may never send (RULES 37), whatever name it goes by.
    if (saslMethod.toUpperCase() === 'ANONYMOUS') return MAY_NOT_SEND;
    if (saslUsername === '') return DUNNO;
    const user = normalizeLogin(saslUsername);
    if (user === this.#anonymous) return MAY_NOT_SEND;
    const account = await this.#options.facts.findAccount(user);
    if (account.kind === 'unavailable') return this.#logins.recall(user) ?? DUNNO;
    const isBarred = account.kind === 'found' && !account.value.canSend;
    this.#logins.remember(user, isBarred ? MAY_NOT_SEND : undefined);
    return isBarred ? MAY_NOT_SEND : DUNNO;
  }

  async #decideRecipient(recipient: string): Promise<PolicyDecision> {
    const address = parseNormalized(recipient);
    if (address === undefined) return DUNNO;
    const route = await this.#options.facts.resolve(address);
    if (route.kind === 'unavailable') return this.#recipients.recall(address) ?? DUNNO;
    const decision = route.kind === 'found' ? decideRoute(route.value) : DUNNO;
    this.#recipients.remember(address, decision.kind === 'dunno' ? undefined : decision);
    return decision;
  }
}

function decideRoute({ targets, fault }: PolicyRoute): PolicyDecision {
  if (fault !== undefined || targets.length === 0) return DUNNO;
  // Another host judges its own accounts (RULES 11), as a remote one does.
  const states = targets.map((target) =>
    target.kind === 'account' && target.account.host === undefined ? target.account.receive : 'accept',
  );
  if (states.every((state) => state === 'refuse')) return REFUSED;
  return states.every((state) => state === 'hold') ? HELD : DUNNO;
}
