/** A passdb in memory whose state a test can change, outages included. */
import type { Passdb, PassdbEntry } from '../../src/auth/passdb.ts';
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
    this.#entries.set(user, { user, password, isPasswordless: false, canLogin: true, allowNets: [], ...rest });
  }

  async find(username: string): Promise<Lookup<PassdbEntry>> {
    this.asked.push(username);
    if (this.outage === 'hang') return new Promise(() => undefined);
    if (this.outage === 'throw') throw new Error('the disk is on fire');
    if (this.outage !== undefined || username.startsWith('outage@')) return unavailable(this.outage ?? 'always down');
    const entry = this.#entries.get(username);
    return entry === undefined ? ABSENT : found(entry);
  }
}
