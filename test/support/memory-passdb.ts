/** A passdb in memory whose state a test can change, outages included. */
import { PLAIN_ENTRY, type Passdb, type PassdbEntry, type PassdbQuery } from '../../src/auth/passdb.ts';
import { ABSENT, found, unavailable, type Lookup } from '../../src/core/outcome.ts';

export class MemoryPassdb implements Passdb {
  readonly name: string;
  readonly #entries = new Map<string, PassdbEntry>();
  /** Set it and every lookup says so; `hang` never answers, `throw` throws. */
  outage: string | undefined;
  /** Names asked for, in order. */
  readonly asked: string[] = [];

  constructor(name = 'memory') {
    this.name = name;
  }

  set(user: string, password: string | undefined, rest: Partial<PassdbEntry> = {}): void {
    this.#entries.set(user, { ...PLAIN_ENTRY, user, password, ...rest });
  }

  remove(user: string): void {
    this.#entries.delete(user);
  }

  /** Domains in which everybody needs app passwords. */
  readonly requiredIn = new Set<string>();

  requiresAppPassword(domain: string): boolean {
    return this.requiredIn.has(domain);
  }

  /** Set it and answers are said to be unchanged as long as it is. */
  version: unknown;

  readVersion(): unknown {
    return this.version;
  }

  async find({ username }: PassdbQuery): Promise<Lookup<PassdbEntry>> {
    this.asked.push(username);
    if (this.outage === 'hang') return new Promise(() => undefined);
    if (this.outage === 'throw') throw new Error('the disk is on fire');
    if (this.outage !== undefined || username.startsWith('outage@')) return unavailable(this.outage ?? 'always down');
    const entry = this.#entries.get(username);
    return entry === undefined ? ABSENT : found(entry);
  }
}
