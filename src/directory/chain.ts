/**
 * The userdbs asked in order, as one source (facts/dovecot.md E.2): for an account each section says by `skip` and its
 * `result_*` whether it is asked and what its answer leads to. "Absent" is said only when every source that was asked said
 * no: one that could not tell turns it into "unavailable". No source at all, or none that knows a domain, is an empty
 * directory, and so an outage (RULES 7). Domains, aliases and rights are not of a section: all sources are asked.
 */
import { domainOf } from '../core/address.ts';
import { describeError } from '../core/errors.ts';
import type { Fields } from '../core/fields.ts';
import { ABSENT, found, unavailable, type Lookup, type Unavailable } from '../core/outcome.ts';
import { NO_USER_RULES } from '../core/quota-rule.ts';
import { applyFieldRules, mergeAccounts, type FieldRules } from './account-rules.ts';
import type { Account, Alias, DirectorySource, Domain } from './source.ts';
import type { SystemIds } from './userdb-fields.ts';

/** What follows an answer: the words of a passdb section mean the same here. */
type Action = 'return-ok' | 'return' | 'return-fail' | 'continue' | 'continue-ok' | 'continue-fail';

/** How the chain treats a userdb. */
export interface UserdbRules extends FieldRules {
  readonly skip: 'never' | 'found' | 'notfound';
  readonly resultSuccess: Action;
  readonly resultFailure: Action;
  readonly resultInternalfail: Action;
}

/** A userdb whose section says nothing. */
export const PLAIN_USERDB_RULES: UserdbRules = {
  skip: 'never',
  resultSuccess: 'return-ok',
  resultFailure: 'continue',
  resultInternalfail: 'continue',
  defaultFields: [],
  overrideFields: [],
};

export interface UserdbStep {
  readonly source: DirectorySource;
  readonly rules: UserdbRules;
}

const NO_IDS: SystemIds = { findUid: () => undefined, findGid: () => undefined };

interface ChainState {
  account: Account | undefined;
  outage: Unavailable | undefined;
  isFound: boolean;
}

export class SourceChain implements DirectorySource {
  readonly name: string;
  readonly #steps: readonly UserdbStep[];
  readonly #sources: readonly DirectorySource[];
  readonly #ids: SystemIds;

  /** `ids` are for the fields of the sections. */
  constructor(steps: readonly UserdbStep[], ids: SystemIds = NO_IDS) {
    this.#steps = steps;
    this.#sources = steps.map(({ source }) => source);
    this.#ids = ids;
    this.name = this.#sources.map((source) => source.name).join(' ');
  }

  get knowsDomains(): boolean {
    return this.#sources.some(({ knowsDomains }) => knowsDomains !== false);
  }

  /** Which sources leave users out, and why. */
  get cannotList(): string | undefined {
    const gaps = this.#sources.flatMap(({ name, cannotList }) =>
      cannotList === undefined ? [] : [`[userdb ${name}] cannot be listed: ${cannotList}`],
    );
    return gaps.length === 0 ? undefined : gaps.join('; ');
  }

  /** A domain may be known to several sources; what only one of them says about it holds. */
  async findDomain(name: string): Promise<Lookup<Domain>> {
    if (this.#sources.length > 0 && !this.knowsDomains) return unavailable('no userdb knows any domain');
    const [only, second] = this.#sources;
    if (only !== undefined && second === undefined) return only.findDomain(name);
    const answers = await this.#askAll((source) => source.findDomain(name));
    const domains = foundIn(answers);
    if (domains.length === 0) return notFound(answers);
    const standsFor = domains.find((domain) => domain.standsFor !== undefined)?.standsFor;
    const catchAll = domains.find((domain) => domain.catchAll.length > 0)?.catchAll ?? [];
    return found({ name, catchAll, ...(standsFor === undefined ? {} : { standsFor }) });
  }

  async findAccount(address: string, login?: Fields): Promise<Lookup<Account>> {
    if (this.#steps.length === 0) return notFound([]);
    const state: ChainState = { account: undefined, outage: undefined, isFound: false };
    for (const step of this.#steps) {
      if (isSkipped(step, state)) continue;
      const answer = await this.#askStep(step, { address, login });
      if (takeAnswer(state, { answer, step, address })) break;
    }
    if (state.isFound && state.account !== undefined) return found(state.account);
    return state.outage ?? ABSENT;
  }

  findAlias(address: string): Promise<Lookup<Alias>> {
    return this.#askInTurn((source) => source.findAlias(address));
  }

  /** Everybody any source names; half a list would refuse the others for good, so all must answer. */
  async findSenders(address: string): Promise<Lookup<readonly string[]>> {
    const answers = await this.#askAll((source) => source.findSenders(address));
    const outage = answers.find((answer) => answer.kind === 'unavailable');
    if (outage !== undefined) return outage;
    const senders = new Set(foundIn(answers).flat());
    return senders.size === 0 ? notFound(answers) : found([...senders]);
  }

  /**
   * Accounts of all sources that can list theirs, each once: of several with one address the first. Where sections have
   * rules of their own, what is listed is what a lookup would find.
   */
  async *accounts(domain?: string): AsyncIterable<Account> {
    const [only] = this.#steps;
    const isPlain = this.#steps.length === 1 && only !== undefined && !changesAnswers(only);
    const seen = new Set<string>();
    for (const step of this.#steps) {
      for await (const account of step.source.accounts(domain)) {
        if (isPlain) {
          yield account;
          continue;
        }
        if (seen.has(account.address)) continue;
        seen.add(account.address);
        const listed = this.#steps.some(changesAnswers) ? await this.findAccount(account.address) : found(account);
        if (listed.kind === 'unavailable') throw new Error(listed.reason);
        if (listed.kind === 'found' && isIn(listed.value, domain)) yield listed.value;
      }
    }
  }

  async #askStep(
    { source, rules }: UserdbStep,
    { address, login }: { readonly address: string; readonly login: Fields | undefined },
  ): Promise<Lookup<Account>> {
    const answer = await source.findAccount(address, login);
    const hasFields = rules.defaultFields.length + rules.overrideFields.length > 0;
    if (answer.kind !== 'found' || !hasFields) return answer;
    try {
      return found(applyFieldRules(answer.value, rules, this.#ids));
    } catch (error) {
      return unavailable(describeError(error));
    }
  }

  async #askInTurn<T>(question: (source: DirectorySource) => Promise<Lookup<T>>): Promise<Lookup<T>> {
    const answers: Lookup<T>[] = [];
    for (const source of this.#sources) {
      const answer = await question(source);
      if (answer.kind === 'found') return answer;
      answers.push(answer);
    }
    return notFound(answers);
  }

  #askAll<T>(question: (source: DirectorySource) => Promise<Lookup<T>>): Promise<Lookup<T>[]> {
    return Promise.all(this.#sources.map(question));
  }
}

/** Rules of a section may give an account another address. */
function isIn({ address }: Account, domain: string | undefined): boolean {
  return domain === undefined || domainOf(address) === domain;
}

function isSkipped({ rules }: UserdbStep, { isFound }: ChainState): boolean {
  return rules.skip !== 'never' && (rules.skip === 'found') === isFound;
}

/** Whether a lookup says something else than the source by itself. */
function changesAnswers({ rules }: UserdbStep): boolean {
  const { skip, resultSuccess, resultFailure, defaultFields, overrideFields } = rules;
  const isUsual = skip === 'never' && resultSuccess === 'return-ok' && resultFailure === 'continue';
  return !isUsual || defaultFields.length + overrideFields.length > 0;
}

/** Takes an answer over; true when it ends the chain. */
function takeAnswer(
  state: ChainState,
  { answer, step, address }: { answer: Lookup<Account>; step: UserdbStep; address: string },
): boolean {
  const { rules, source } = step;
  switch (answer.kind) {
    case 'found':
      state.account = state.account === undefined ? answer.value : mergeAccounts(state.account, answer.value);
      return act(state, rules.resultSuccess);
    case 'absent':
      if (rules.resultFailure.endsWith('-ok')) state.account ??= makeBareAccount(address, source.name);
      return act(state, rules.resultFailure);
    case 'unavailable':
      state.outage ??= answer;
      return act(state, rules.resultInternalfail === 'return-ok' ? 'return' : rules.resultInternalfail);
  }
}

function act(state: ChainState, action: Action): boolean {
  if (action.endsWith('-ok')) state.isFound = true;
  if (action.endsWith('-fail')) state.isFound = false;
  return action.startsWith('return');
}

/** Somebody who exists by the rules alone, and of whom nothing is known. */
function makeBareAccount(address: string, source: string): Account {
  return { address, source, canLogin: true, canSend: true, receive: 'accept', quota: NO_USER_RULES };
}

function foundIn<T>(answers: readonly Lookup<T>[]): T[] {
  return answers.flatMap((answer) => (answer.kind === 'found' ? [answer.value] : []));
}

function notFound<T>(answers: readonly Lookup<T>[]): Lookup<never> {
  if (answers.length === 0) return unavailable('no userdb is configured');
  return answers.find((answer) => answer.kind === 'unavailable') ?? ABSENT;
}
