/**
 * Asks the passdbs for one attempt. In an outage it gives what was last known of a user who logged in lately, and when the
 * login is good it has that remembered. It judges nothing.
 */
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { unavailable, type Lookup, type Unavailable } from '../core/outcome.ts';
import type { Attempt } from './attempt.ts';
import type { ChainStep } from './chain-step.ts';
import { listValues } from './key-parts.ts';
import type { KnownAnswer, LoginCache } from './login-cache.ts';
import type { PassdbEntry } from './passdb.ts';

/** A passdb that was asked, with its version before it was. */
export interface AskedVersion {
  readonly step: ChainStep;
  readonly version: unknown;
}

export interface LookupPorts {
  readonly cache: LoginCache;
  readonly logger: Logger;
}

interface Seen {
  readonly key: string;
  /** The outage that had it come from memory. */
  readonly outage: Unavailable | undefined;
}

export class AttemptLookups {
  readonly #attempt: Attempt;
  readonly #ports: LookupPorts;
  readonly #seen = new Map<PassdbEntry, Seen>();
  /** What a good login will have stood on. */
  readonly #basis = new Map<string, { readonly answer: KnownAnswer; readonly digest: string | undefined }>();
  readonly asked: AskedVersion[] = [];
  /** Why an answer came from memory; undefined when none did. */
  outage: Unavailable | undefined;

  constructor(attempt: Attempt, ports: LookupPorts) {
    this.#attempt = attempt;
    this.#ports = ports;
  }

  /** The entries that a good login stands on. */
  get entries(): PassdbEntry[] {
    return [...this.#basis.values()].flatMap(({ answer }) => (answer.kind === 'found' ? [answer.value] : []));
  }

  /** Asks one passdb; never rejects. `masterUser` is who acts as `username`: nothing of that is remembered. */
  async ask(
    step: ChainStep,
    { username, masterUser }: { readonly username: string; readonly masterUser?: string | undefined },
  ): Promise<Lookup<PassdbEntry>> {
    const { name, context } = this.#attempt;
    this.asked.push({ step, version: step.passdb.readVersion() });
    const typedName = masterUser === undefined ? name.typedName : (name.target?.typedName ?? name.typedName);
    const lookup = await this.#find(step, { username, typedName, masterUser, context });
    return masterUser === undefined ? this.#compareWithKnown(step, { username, lookup }) : lookup;
  }

  /** The outage before which an entry was known: it can confirm a login, and never refuse one. */
  findOutage(entry: PassdbEntry): Unavailable | undefined {
    return this.#seen.get(entry)?.outage;
  }

  /** Whether this password was good for the entry lately. */
  isGood(entry: PassdbEntry, password: Buffer): boolean {
    const { cache } = this.#ports;
    const key = this.#seen.get(entry)?.key;
    if (key === undefined) return false;
    return cache.isGood(key, { stored: entry.password, digest: cache.digestOf(key, password) });
  }

  /** The login stands on this entry; with a password, on its being right for the entry's hash. */
  standOn(entry: PassdbEntry, password?: Buffer): void {
    const key = this.#seen.get(entry)?.key;
    if (key === undefined) return;
    const digest = password === undefined ? undefined : this.#ports.cache.digestOf(key, password);
    this.#basis.set(key, { answer: { kind: 'found', value: entry }, digest });
  }

  /** The login is good: remembers what it stood on. What is in memory already keeps its age. */
  remember(): void {
    const { cache } = this.#ports;
    for (const [key, { answer, digest }] of this.#basis) {
      if (digest !== undefined || cache.find(key) === undefined) cache.remember(key, answer, digest);
    }
  }

  async #find(step: ChainStep, query: Parameters<ChainStep['passdb']['find']>[0]): Promise<Lookup<PassdbEntry>> {
    const { passdb } = step;
    try {
      return await passdb.find(query);
    } catch (error) {
      this.#ports.logger.error('auth.fault', { passdb: passdb.name, err: error });
      return unavailable(`passdb ${passdb.name}: ${describeError(error)}`);
    }
  }

  #compareWithKnown(
    step: ChainStep,
    { username, lookup }: { readonly username: string; readonly lookup: Lookup<PassdbEntry> },
  ): Lookup<PassdbEntry> {
    const { cache } = this.#ports;
    const key = this.#keyOf(step, username);
    if (lookup.kind !== 'unavailable') {
      cache.observe(key, lookup);
      if (lookup.kind === 'found') this.#seen.set(lookup.value, { key, outage: undefined });
      else if (step.rules.isDeny) this.#basis.set(key, { answer: lookup, digest: undefined });
      return lookup;
    }
    const known = cache.find(key);
    if (known === undefined) return lookup;
    this.outage ??= lookup;
    if (known.kind === 'absent') return known;
    // A copy: the same entry may have come from this passdb under another name.
    const entry = { ...known.value };
    this.#seen.set(entry, { key, outage: lookup });
    return { kind: 'found', value: entry };
  }

  #keyOf({ passdb, rules }: ChainStep, username: string): string {
    const { name, context } = this.#attempt;
    const values = listValues(rules.variables, { user: username, login: { typedName: name.typedName, context } });
    return this.#ports.cache.keyOf({ passdb: passdb.name, service: context.service, username, values });
  }
}
