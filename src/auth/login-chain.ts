/**
 * The chain as a login goes through it: the passdbs for masters or those for everybody else, and for a master then the one
 * to act as. How somebody is recognised is given.
 */
import type { AttemptLookups } from './attempt-lookups.ts';
import type { Attempt } from './attempt.ts';
import { runChain, type ChainLogin, type ChainOutcome } from './chain.ts';
import type { ChainStep } from './chain-step.ts';
import { judgeTarget, type TargetPorts } from './master-login.ts';
import { judgeRestriction } from './refusals.ts';

export interface ChainWork {
  readonly attempt: Attempt;
  readonly lookups: AttemptLookups;
  readonly judge: ChainLogin['judge'];
  readonly trace?: ChainLogin['trace'];
}

export class LoginChain {
  readonly #steps: readonly ChainStep[];
  readonly #masterSteps: readonly ChainStep[];
  readonly #ports: TargetPorts;

  constructor(steps: readonly ChainStep[], ports: TargetPorts) {
    this.#steps = steps.filter(({ rules }) => !rules.isMaster);
    this.#masterSteps = steps.filter(({ rules }) => rules.isMaster);
    this.#ports = ports;
  }

  /** Decides who somebody is, and not yet whether they may act as another. */
  async recognise({ attempt, lookups, judge, trace }: ChainWork): Promise<ChainOutcome> {
    const { name, context } = attempt;
    const isMaster = name.target !== undefined;
    const outcome = await runChain(isMaster ? this.#masterSteps : this.#steps, {
      username: name.username,
      mechanism: context.mechanism,
      ask: (step, { username }) => lookups.ask(step, { username }),
      judge: async (entry, step, position) => {
        const verdict = await judge(entry, step, position);
        // What was known before an outage can be out of date: it says yes to what it knows, and no to nothing.
        const outage = lookups.findOutage(entry);
        return verdict.kind === 'success' ? verdict : (outage ?? verdict);
      },
      restrict: (entry) => judgeRestriction(entry, { attempt, lookups, networks: this.#ports.networks }),
      trace,
    });
    if (!isMaster) return outcome;
    if (this.#masterSteps.length === 0 && outcome.kind === 'rejected')
      return { ...outcome, reason: 'authorization-id' };
    // No rule makes a master of somebody whom no passdb knows.
    if (outcome.kind === 'accepted' && outcome.entry === undefined)
      return { kind: 'rejected', reason: 'unknown-user', hasNoDelay: false, fields: outcome.fields };
    return outcome;
  }

  /** Decides whether somebody recognised may act as whom they want to; the outcome as it is when that is themselves. */
  async admit(outcome: ChainOutcome, { attempt, lookups, trace }: Omit<ChainWork, 'judge'>): Promise<ChainOutcome> {
    const { target } = attempt.name;
    if (target === undefined || outcome.kind !== 'accepted') return outcome;
    return judgeTarget({ attempt, target: target.username, steps: this.#steps, lookups, trace }, this.#ports);
  }
}
