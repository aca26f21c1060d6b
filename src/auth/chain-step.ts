/**
 * One passdb as a step of the chain: whether it is asked about a login, and what its answer leads to. The words are those
 * of Dovecot's passdb sections (facts: chain evaluation); what an entry proves is not known here.
 */
import { domainToUnicode } from 'node:url';
import { foldCase } from '../core/address.ts';
import { matchesPattern } from '../core/modify.ts';
import type { Passdb } from './passdb.ts';

/**
 * What follows an answer. `return-ok` and `return-fail` end the chain with that verdict, `return` ends it with the verdict
 * so far; `continue-ok` and `continue-fail` set the verdict and go on, `continue` leaves it as it is.
 */
export type StepAction = 'return-ok' | 'return' | 'return-fail' | 'continue' | 'continue-ok' | 'continue-fail';

/** How the chain treats a passdb. */
export interface StepRules {
  /** Asked for who acts as somebody else, and for nobody else. */
  readonly isMaster: boolean;
  /** Whoever is found here may not log in. */
  readonly isDeny: boolean;
  readonly skip: 'never' | 'authenticated' | 'unauthenticated';
  /** Mechanisms it is asked for, in lower case, `none` for lookups without one; empty for all. */
  readonly mechanisms: readonly string[];
  /** Patterns with `*` and `?`; one that begins with `!` excludes. Empty for all names. */
  readonly usernameFilter: readonly string[];
  readonly resultSuccess: StepAction;
  readonly resultFailure: StepAction;
  readonly resultInternalfail: StepAction;
  /** What plays a part in its answers beside the name and the service: names of variables, such as `rip`. */
  readonly variables: readonly string[];
}

/** A passdb that is asked for everybody, as if its section said nothing. */
export const PLAIN_RULES: StepRules = {
  isMaster: false,
  isDeny: false,
  skip: 'never',
  mechanisms: [],
  usernameFilter: [],
  resultSuccess: 'return-ok',
  resultFailure: 'continue',
  resultInternalfail: 'continue',
  variables: [],
};

export interface ChainStep {
  readonly passdb: Passdb;
  readonly rules: StepRules;
}

/** What decides whether a step is asked. */
export interface StepSubject {
  /** The name after formatting. */
  readonly username: string;
  /** Empty for a lookup without a login. */
  readonly mechanism: string;
  /** A passdb before has said yes, and later ones need no password. */
  readonly isAuthenticated: boolean;
}

const NO_MECHANISM = 'none';

/** Whether a step is asked about a login. */
export function isAsked({ skip, mechanisms, usernameFilter }: StepRules, subject: StepSubject): boolean {
  if (skip !== 'never' && (skip === 'authenticated') === subject.isAuthenticated) return false;
  const mechanism = subject.mechanism === '' ? NO_MECHANISM : subject.mechanism.toLowerCase();
  if (mechanisms.length > 0 && !mechanisms.includes(mechanism)) return false;
  return usernameFilter.length === 0 || passesFilter(listSpellings(foldCase(subject.username)), usernameFilter);
}

/** One `!` pattern that matches excludes; without any positive pattern everybody else is meant. */
function passesFilter(names: readonly string[], patterns: readonly string[]): boolean {
  let isWanted = false;
  let hasWanted = false;
  for (const pattern of patterns) {
    const isExclusion = pattern.startsWith('!');
    const folded = foldCase(isExclusion ? pattern.slice(1) : pattern);
    const isMatch = names.some((name) => matchesPattern(name, folded));
    if (isExclusion && isMatch) return false;
    hasWanted ||= !isExclusion;
    isWanted ||= !isExclusion && isMatch;
  }
  return isWanted || !hasWanted;
}

/** A name as it is, and with its domain in its own script: a pattern may be written either way. */
function listSpellings(name: string): string[] {
  const at = name.lastIndexOf('@') + 1;
  return at > 0 && name.includes('xn--', at) ? [name, name.slice(0, at) + domainToUnicode(name.slice(at))] : [name];
}
