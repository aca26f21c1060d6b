/**
 * The evaluation of the passdb chain (facts: Dovecot's chain evaluation): asks the passdbs in order, has each entry judged,
 * and follows the rules of the sections. How a password is compared, what is remembered and who is slowed down is the
 * business of others; nothing here waits for anything but the passdbs and the judge.
 *
 * It differs from Dovecot in one point: a user that is denied or may not log in does not end the chain at once. The
 * chain goes on as after a failure, to a verdict that is already known, so that time does not tell (RULES 40).
 *
 * What is true on the way: `isOk` is the verdict so far, `isVerified` means that later passdbs need no password, and
 * `refusal` is set as soon as no answer can make it a success any more.
 *
 * An entry that only gives fields gives its restrictions, too: whoever is off there, or in the wrong network, stays out
 * whatever later passdbs say.
 */
import { mergeFields, NO_FIELDS, type Fields } from '../core/fields.ts';
import type { Lookup, Unavailable } from '../core/outcome.ts';
import { isAsked, type ChainStep, type StepAction } from './chain-step.ts';
import type { RejectReason } from './login.ts';
import type { PassdbEntry } from './passdb.ts';

/** What an entry proves for a login. */
export type EntryVerdict =
  | { readonly kind: 'success' }
  | { readonly kind: 'failure'; readonly reason: RejectReason }
  /** What was to be proven is, and yet the login must not be. */
  | { readonly kind: 'refused'; readonly reason: RejectReason }
  | Unavailable;

/** Where the chain stands when it asks. */
export interface ChainPosition {
  /** The name to ask for: a passdb before may have changed it. */
  readonly username: string;
  /** A passdb before has verified the password. */
  readonly isVerified: boolean;
}

export interface ChainLogin {
  /** After formatting. */
  readonly username: string;
  readonly mechanism: string;
  /** Looks an entry up; never rejects. */
  readonly ask: (step: ChainStep, position: ChainPosition) => Promise<Lookup<PassdbEntry>>;
  /** Says what an entry proves; never rejects. Not called for entries that only give fields. */
  readonly judge: (entry: PassdbEntry, step: ChainStep, position: ChainPosition) => Promise<EntryVerdict>;
  /** Says whether an entry that only gives fields keeps its user out. */
  readonly restrict: (entry: PassdbEntry) => EntryVerdict;
  /** Told what each passdb had to say. */
  readonly trace?: ((passdb: string, verdict: string) => void) | undefined;
}

export type ChainOutcome =
  | {
      readonly kind: 'accepted';
      /** The name of the last entry that was good, or the name asked for. */
      readonly user: string;
      /** The passdb of that entry; undefined when a rule, and no entry, made it a success. */
      readonly passdb: string | undefined;
      readonly entry: PassdbEntry | undefined;
      readonly fields: Fields;
    }
  | { readonly kind: 'rejected'; readonly reason: RejectReason; readonly hasNoDelay: boolean; readonly fields: Fields }
  | Unavailable;

/** One answer, after the entry was judged. */
type Answer =
  | { readonly kind: 'success'; readonly entry: PassdbEntry }
  | { readonly kind: 'fields-only'; readonly entry: PassdbEntry; readonly restriction: EntryVerdict }
  | { readonly kind: 'failure' | 'refused'; readonly reason: RejectReason }
  /** A passdb that denies has nobody of that name. */
  | { readonly kind: 'cleared' }
  | Unavailable;

interface ChainState {
  username: string;
  isOk: boolean;
  isVerified: boolean;
  outage: Unavailable | undefined;
  refusal: RejectReason | undefined;
  reason: RejectReason;
  /** The last entry that was good, and its passdb. */
  entry: PassdbEntry | undefined;
  passdb: string | undefined;
  fields: Fields;
  hasNoDelay: boolean;
}

/** Asks the passdbs and gives the verdict. */
export async function runChain(steps: readonly ChainStep[], login: ChainLogin): Promise<ChainOutcome> {
  const state = createState(login.username);
  for (const step of steps) {
    const { username, isVerified } = state;
    if (!isAsked(step.rules, { username, mechanism: login.mechanism, isAuthenticated: isVerified })) {
      login.trace?.(step.passdb.name, 'not asked');
      continue;
    }
    const answer = await askStep(step, login, { username, isVerified });
    login.trace?.(step.passdb.name, describe(answer));
    if (takeAnswer(state, answer, step)) break;
  }
  return conclude(state);
}

async function askStep(step: ChainStep, login: ChainLogin, position: ChainPosition): Promise<Answer> {
  const lookup = await login.ask(step, position);
  if (lookup.kind === 'unavailable') return lookup;
  if (step.rules.isDeny) return lookup.kind === 'found' ? { kind: 'refused', reason: 'denied' } : { kind: 'cleared' };
  if (lookup.kind === 'absent') return { kind: 'failure', reason: 'unknown-user' };
  const entry = lookup.value;
  if (entry.isFieldsOnly) return { kind: 'fields-only', entry, restriction: login.restrict(entry) };
  const verdict = await login.judge(entry, step, position);
  return verdict.kind === 'success' ? { kind: 'success', entry } : verdict;
}

function createState(username: string): ChainState {
  return {
    username,
    isOk: false,
    isVerified: false,
    outage: undefined,
    refusal: undefined,
    reason: 'unknown-user',
    entry: undefined,
    passdb: undefined,
    fields: NO_FIELDS,
    hasNoDelay: false,
  };
}

/** Takes one answer over; true when it ends the chain. */
function takeAnswer(state: ChainState, answer: Answer, { passdb, rules }: ChainStep): boolean {
  switch (answer.kind) {
    case 'cleared':
      return false;
    case 'fields-only':
      takeEntry(state, answer.entry, undefined);
      takeRestriction(state, answer.restriction);
      return false;
    case 'success':
      takeEntry(state, answer.entry, passdb.name);
      // Only after a success does "continue" spare later passdbs the password.
      state.isVerified ||= rules.resultSuccess === 'continue';
      return act(state, rules.resultSuccess);
    case 'failure':
      state.reason = moreTelling(state.reason, answer.reason);
      return act(state, rules.resultFailure);
    case 'refused':
      state.refusal ??= answer.reason;
      return rules.isDeny ? false : act(state, rules.resultFailure);
    case 'unavailable':
      state.outage ??= answer;
      // Whether somebody is denied cannot be left open, whatever was said before.
      return act(state, rules.isDeny ? 'return-fail' : rules.resultInternalfail);
  }
}

function takeEntry(state: ChainState, entry: PassdbEntry, passdb: string | undefined): void {
  state.username = entry.user;
  if (passdb !== undefined) {
    state.entry = entry;
    state.passdb = passdb;
  }
  state.hasNoDelay ||= entry.hasNoDelay;
  if (entry.fields.size > 0) state.fields = mergeFields(state.fields, entry.fields);
}

/** Nothing that is said later makes up for it, nor for not knowing it. */
function takeRestriction(state: ChainState, restriction: EntryVerdict): void {
  if (restriction.kind === 'success') return;
  if (restriction.kind === 'unavailable') state.outage ??= restriction;
  state.refusal ??= restriction.kind === 'unavailable' ? 'denied' : restriction.reason;
}

/** Follows an action; true when it ends the chain. */
function act(state: ChainState, action: StepAction): boolean {
  switch (action) {
    case 'return':
      return true;
    case 'return-ok':
      state.isOk = true;
      return true;
    case 'return-fail':
      state.isOk = false;
      return true;
    case 'continue':
      return false;
    case 'continue-ok':
      state.isOk = true;
      state.isVerified = true;
      return false;
    case 'continue-fail':
      state.isOk = false;
      return false;
  }
}

function conclude(state: ChainState): ChainOutcome {
  const { username: user, passdb, entry, fields, hasNoDelay, outage, refusal } = state;
  if (state.isOk && refusal === undefined) return { kind: 'accepted', user, passdb, entry, fields };
  // Who could not be looked up everywhere may have had the right password (DESIGN 1.2).
  if (outage !== undefined) return outage;
  return { kind: 'rejected', reason: refusal ?? state.reason, hasNoDelay, fields };
}

/** The reason an operator learns most from, of two. */
const TELLING: readonly RejectReason[] = [
  'app-password-required',
  'app-password-expired',
  'app-password-network',
  'app-password-scope',
  'network',
  'wrong-password',
  'no-credential',
  'no-password',
  'unknown-user',
];

function moreTelling(one: RejectReason, other: RejectReason): RejectReason {
  return TELLING.indexOf(other) < TELLING.indexOf(one) ? other : one;
}

function describe(answer: Answer): string {
  switch (answer.kind) {
    case 'success':
      return 'success';
    case 'fields-only': {
      const { restriction } = answer;
      return restriction.kind === 'success' ? 'gives fields only' : `gives fields only, and ${tellWhy(restriction)}`;
    }
    case 'cleared':
      return 'does not deny';
    case 'failure':
    case 'refused':
      return answer.reason;
    case 'unavailable':
      return tellWhy(answer);
  }
}

function tellWhy({ kind, reason }: Exclude<EntryVerdict, { kind: 'success' }>): string {
  return kind === 'unavailable' ? `unavailable: ${reason}` : reason;
}
