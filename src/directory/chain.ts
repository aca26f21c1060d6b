/**
 * Several sources of addresses asked in order, as one. The first that finds wins; "absent" is said only when every
 * source was asked and said no: one that could not tell turns a final "absent" into "unavailable" (facts/dovecot.md
 * E.2). No source at all is an empty directory, and so an outage (RULES 7).
 */
import { ABSENT, found, unavailable, type Lookup } from '../core/outcome.ts';
import type { Account, Alias, DirectorySource, Domain } from './source.ts';

export class SourceChain implements DirectorySource {
  readonly name: string;
  readonly #sources: readonly DirectorySource[];

  constructor(sources: readonly DirectorySource[]) {
    this.#sources = sources;
    this.name = sources.map((source) => source.name).join(' ');
  }

  /** A domain may be known to several sources; what only one of them says about it holds. */
  async findDomain(name: string): Promise<Lookup<Domain>> {
    const [only, second] = this.#sources;
    if (only !== undefined && second === undefined) return only.findDomain(name);
    const answers = await this.#askAll((source) => source.findDomain(name));
    const domains = foundIn(answers);
    if (domains.length === 0) return notFound(answers);
    const standsFor = domains.find((domain) => domain.standsFor !== undefined)?.standsFor;
    const catchAll = domains.find((domain) => domain.catchAll.length > 0)?.catchAll ?? [];
    return found({ name, catchAll, ...(standsFor === undefined ? {} : { standsFor }) });
  }

  findAccount(address: string): Promise<Lookup<Account>> {
    return this.#askInTurn((source) => source.findAccount(address));
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

  /** Accounts of all sources; of several with one address only the first, which is the one lookups find. */
  async *accounts(): AsyncIterable<Account> {
    const seen = new Set<string>();
    for (const source of this.#sources) {
      for await (const account of source.accounts()) {
        if (this.#sources.length > 1) {
          if (seen.has(account.address)) continue;
          seen.add(account.address);
        }
        yield account;
      }
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

function foundIn<T>(answers: readonly Lookup<T>[]): T[] {
  return answers.flatMap((answer) => (answer.kind === 'found' ? [answer.value] : []));
}

function notFound<T>(answers: readonly Lookup<T>[]): Lookup<never> {
  if (answers.length === 0) return unavailable('no userdb is configured');
  return answers.find((answer) => answer.kind === 'unavailable') ?? ABSENT;
}
