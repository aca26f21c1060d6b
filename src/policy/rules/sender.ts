/**
 * A login may use only its own addresses as envelope sender: its account, aliases it may send as, rights of its own or
 * on a whole domain, with or without detail. The list is the directory's, the same that the lookup table `sender` gives
 * Postfix, so a site without `smtpd_sender_login_maps` is protected too.
 *
 * The null sender belongs to everybody who has an account: mail programs send receipts with it. What is sent so counts
 * and can be switched off like all mail of a login; a name without an account may not use it. Mail without a login is
 * none of this rule's business. In an outage mail waits: nobody may pass for somebody else because a database is away.
 */
import { normalizeLogin, parseNormalized } from '../../core/address.ts';
import type { PolicyRule } from '../decide.ts';
import type { PolicyFacts } from '../facts.ts';
import { DUNNO, type PolicyDecision, type PolicyQuestion } from '../question.ts';

const NOT_OWNED: PolicyDecision = Object.freeze({ kind: 'reject', reason: 'sender-not-owned' });
const UNKNOWN: PolicyDecision = Object.freeze({ kind: 'defer', reason: 'sender-unknown' });

export class SenderRule implements PolicyRule {
  readonly name = 'sender';
  readonly #facts: PolicyFacts;

  constructor(facts: PolicyFacts) {
    this.#facts = facts;
  }

  async decide({ saslUsername, sender }: PolicyQuestion): Promise<PolicyDecision> {
    if (saslUsername === '') return DUNNO;
    const login = normalizeLogin(saslUsername);
    return sender === '' ? this.#decideNull(login) : this.#decideSender(login, sender);
  }

  async #decideNull(login: string): Promise<PolicyDecision> {
    const account = await this.#facts.findAccount(login);
    if (account.kind === 'unavailable') return UNKNOWN;
    return account.kind === 'found' ? DUNNO : NOT_OWNED;
  }

  async #decideSender(login: string, sender: string): Promise<PolicyDecision> {
    const address = parseNormalized(sender);
    if (address === undefined) return NOT_OWNED;
    const owners = await this.#facts.findSenders(address);
    if (owners.kind === 'unavailable') return UNKNOWN;
    return owners.kind === 'found' && owners.value.includes(login) ? DUNNO : NOT_OWNED;
  }
}
