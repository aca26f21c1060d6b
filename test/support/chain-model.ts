/**
 * What a chain of passdbs comes to, written from the facts (Dovecot's chain evaluation) as a table: for each result the
 * rule that holds, for each rule what becomes of the verdict and of the walk. Slow and plain, to hold the real one against.
 */
import type { StepAction } from '../../src/auth/chain-step.ts';

/** What a passdb has for the login: the right password, another one, nobody, an outage, a user that is off, only fields. */
export type Answer = 'right' | 'wrong' | 'absent' | 'down' | 'off' | 'fields';

export interface ModelStep {
  readonly answer: Answer;
  readonly isDeny: boolean;
  readonly skip: 'never' | 'authenticated' | 'unauthenticated';
  readonly resultSuccess: StepAction;
  readonly resultFailure: StepAction;
  readonly resultInternalfail: StepAction;
}

export interface ModelOutcome {
  readonly verdict: 'accepted' | 'rejected' | 'unavailable';
  readonly asked: readonly number[];
  readonly compared: readonly number[];
}

type Result = 'success' | 'failure' | 'internalfail';

/** A verdict to set, whether the walk goes on, and after which results later passwords are spared. */
interface Rule {
  readonly ok?: boolean;
  readonly goesOn: boolean;
  readonly spares: readonly Result[];
}

const RULES: Readonly<Record<StepAction, Rule>> = {
  'return-ok': { ok: true, goesOn: false, spares: [] },
  return: { goesOn: false, spares: [] },
  'return-fail': { ok: false, goesOn: false, spares: [] },
  continue: { goesOn: true, spares: ['success'] },
  'continue-ok': { ok: true, goesOn: true, spares: ['success', 'failure', 'internalfail'] },
  'continue-fail': { ok: false, goesOn: true, spares: [] },
};

export function modelChain(steps: readonly ModelStep[]): ModelOutcome {
  const asked: number[] = [];
  const compared: number[] = [];
  let ok = false;
  let isSpared = false;
  let isOff = false;
  let isUnsure = false;
  for (const [i, step] of steps.entries()) {
    if (step.skip === (isSpared ? 'authenticated' : 'unauthenticated')) continue;
    asked.push(i);
    const { answer } = step;
    if (step.isDeny) {
      if (answer === 'down') return { verdict: 'unavailable', asked, compared };
      isOff ||= answer !== 'absent';
      continue;
    }
    if (answer === 'fields') continue;
    if (!isSpared && answer !== 'absent' && answer !== 'down') compared.push(i);
    const isRight: boolean = answer === 'right' || (isSpared && answer === 'wrong');
    const result: Result = answer === 'down' ? 'internalfail' : isRight ? 'success' : 'failure';
    isOff ||= answer === 'off';
    isUnsure ||= answer === 'down';
    const action: Readonly<Record<Result, StepAction>> = {
      success: step.resultSuccess,
      failure: step.resultFailure,
      internalfail: step.resultInternalfail,
    };
    const rule: Rule = RULES[action[result]];
    // Somebody who is off goes the way of a wrong password, and nothing sets their verdict.
    ok = rule.ok ?? ok;
    isSpared ||= rule.spares.includes(result);
    if (!rule.goesOn) break;
  }
  if (ok && !isOff) return { verdict: 'accepted', asked, compared };
  return { verdict: isUnsure ? 'unavailable' : 'rejected', asked, compared };
}
