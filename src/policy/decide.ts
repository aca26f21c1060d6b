/**
 * Policy as an ordered list of rules: the first that decides wins, and when none does there is no opinion. A rule is
 * one file in `rules/`; it sees a question and facts, and knows no protocol.
 */
import { DUNNO, type PolicyDecision, type PolicyQuestion } from './question.ts';

export interface PolicyRule {
  /** As in the log. */
  readonly name: string;
  decide(question: PolicyQuestion): Promise<PolicyDecision>;
  /** The connection is gone; what was kept for it may go. */
  leave?(connection: string): void;
}

/** A decision and the rule that made it, if one did. */
export interface Decided {
  readonly decision: PolicyDecision;
  readonly rule: string | undefined;
}

export class PolicyRules {
  readonly #rules: readonly PolicyRule[];

  constructor(rules: readonly PolicyRule[]) {
    this.#rules = rules;
  }

  /** Asks the rules in order. Throws what a rule throws: the caller says DUNNO then. */
  async decide(question: PolicyQuestion): Promise<Decided> {
    if (question.state !== 'other') {
      for (const rule of this.#rules) {
        const decision = await rule.decide(question);
        if (decision.kind !== 'dunno') return { decision, rule: rule.name };
      }
    }
    return { decision: DUNNO, rule: undefined };
  }

  /** Tells every rule that a connection is gone. */
  leave(connection: string): void {
    for (const rule of this.#rules) rule.leave?.(connection);
  }
}
