/**
 * One walk through the directory: what an address is, and where its chain of aliases ends. Order of RULES 24: the
 * full address as account, as alias; then without detail as account, as alias; then the catch-all. A walk is used
 * once; it remembers what it has seen, so that it ends whatever the aliases say (RULES 10).
 */
import { domainOf, parseNormalized, splitDetail } from '../core/address.ts';
import { ABSENT, found, type Lookup, type Unavailable } from '../core/outcome.ts';
import type { Target } from './directory.ts';
import type { Account, Alias, DirectorySource, Domain } from './source.ts';

/** Postfix's own `virtual_alias_expansion_limit`. */
const MAX_ADDRESSES = 1000;
const MAX_DEPTH = 50;
/** Domains that stand for domains that stand for domains; the command makes chains of one. */
const MAX_STAND_INS = 10;

/** What one address is, before anything is followed. */
export type Entry =
  | { readonly kind: 'account'; readonly account: Account; readonly detail: string | undefined }
  | {
      readonly kind: 'alias' | 'catch-all';
      /** Address of the alias, or `@domain`: the same row met twice on one path is a loop. */
      readonly row: string;
      readonly alias: Alias;
      readonly detail: string | undefined;
      /** Targets with the detail appended, as Postfix does for aliases (not for the catch-all). */
      readonly next: readonly string[];
    };

export type ExpansionFault = 'loop' | 'limit';

/** Thrown inside a walk to leave it at the first outage; never leaves this file. */
class Outage extends Error {
  readonly outage: Unavailable;

  constructor(outage: Unavailable) {
    super(outage.reason);
    this.outage = outage;
  }
}

export interface ExpansionOptions {
  /** Set of single characters. */
  readonly recipientDelimiter: string;
  /** Whether the catch-all is asked. */
  readonly useCatchAll: boolean;
}

export class Expansion {
  readonly #source: DirectorySource;
  readonly #options: ExpansionOptions;
  readonly #targets = new Map<string, Target>();
  /** Addresses followed to their ends: met again by another way, they add nothing. */
  readonly #done = new Set<string>();
  readonly #path = new Set<string>();
  #steps = 0;
  #fault: ExpansionFault | undefined;

  constructor(source: DirectorySource, options: ExpansionOptions) {
    this.#source = source;
    this.#options = options;
  }

  get targets(): readonly Target[] {
    return [...this.#targets.values()];
  }

  get fault(): ExpansionFault | undefined {
    return this.#fault;
  }

  /** Says what `address` (normalised, in `domain`, which is ours) is. */
  async find(address: string, domain: Domain): Promise<Lookup<Entry>> {
    try {
      const entry = await this.#findEntry(address, domain);
      return entry === undefined ? ABSENT : found(entry);
    } catch (error) {
      if (error instanceof Outage) return error.outage;
      throw error;
    }
  }

  /** Follows `entry` to its ends and gathers them in `targets`; returns the outage that stopped it, if any. */
  async follow(entry: Entry): Promise<Unavailable | undefined> {
    try {
      await this.#visit(entry, 0);
      return undefined;
    } catch (error) {
      if (error instanceof Outage) return error.outage;
      throw error;
    }
  }

  async #visit(entry: Entry, depth: number): Promise<void> {
    if (entry.kind === 'account') {
      // One mailbox gets one copy a detail, however many ways lead to it.
      this.#add(`${entry.account.address} ${entry.detail ?? ''}`, entry);
      return;
    }
    if (this.#path.has(entry.row)) {
      this.#fault = 'loop';
      return;
    }
    if (depth >= MAX_DEPTH) {
      this.#fault ??= 'limit';
      return;
    }
    this.#path.add(entry.row);
    for (const address of entry.next) {
      // A circle may be longer than a walk is allowed to be, and one fault is enough.
      if (this.#fault !== undefined) break;
      await this.#visitAddress(address, depth);
    }
    this.#path.delete(entry.row);
  }

  async #visitAddress(text: string, depth: number): Promise<void> {
    const address = parseNormalized(text) ?? text;
    if (this.#done.has(address)) return;
    this.#steps += 1;
    if (this.#steps > MAX_ADDRESSES) {
      this.#fault = 'limit';
      return;
    }
    const domain = must(await this.#source.findDomain(domainOf(address)));
    if (domain === undefined) {
      this.#add(address, { kind: 'remote', address });
      return;
    }
    const entry = await this.#findEntry(address, domain);
    if (entry === undefined) this.#add(address, { kind: 'missing', address });
    else await this.#visit(entry, depth + 1);
    this.#done.add(address);
  }

  #add(key: string, target: Target): void {
    if (!this.#targets.has(key)) this.#targets.set(key, target);
  }

  async #findEntry(asked: string, askedDomain: Domain): Promise<Entry | undefined> {
    const domain = await this.#findReal(askedDomain);
    const local = asked.slice(0, asked.lastIndexOf('@'));
    const address = `${local}@${domain.name}`;
    const exact = await this.#findExact(address, undefined);
    if (exact !== undefined) return exact;
    const { user, detail } = splitDetail(local, this.#options.recipientDelimiter);
    if (detail !== undefined) {
      const extension = local.slice(user.length);
      const bare = await this.#findExact(`${user}@${domain.name}`, { detail, extension });
      if (bare !== undefined) return bare;
    }
    return this.#options.useCatchAll ? findCatchAll(address, domain) : undefined;
  }

  async #findExact(
    address: string,
    cut: { readonly detail: string; readonly extension: string } | undefined,
  ): Promise<Entry | undefined> {
    const detail = cut?.detail;
    const account = must(await this.#source.findAccount(address));
    if (account !== undefined) return { kind: 'account', account, detail };
    const alias = must(await this.#source.findAlias(address));
    if (alias === undefined) return undefined;
    const next = alias.targets.map((target) => appendExtension(target, cut?.extension ?? ''));
    return { kind: 'alias', row: address, alias, detail, next };
  }

  /** The domain that holds the addresses of `domain`: itself, or the one it stands for (RULES 43). */
  async #findReal(domain: Domain): Promise<Domain> {
    let real = domain;
    for (let steps = 0; real.standsFor !== undefined; steps += 1) {
      const next = steps === MAX_STAND_INS ? undefined : must(await this.#source.findDomain(real.standsFor));
      if (next === undefined) {
        throw new Outage({ kind: 'unavailable', reason: `domain "${domain.name}" stands for none that is ours` });
      }
      real = next;
    }
    return real;
  }
}

/** The catch-all, but never for one of its own targets: what is missing there is missing. */
function findCatchAll(address: string, domain: Domain): Entry | undefined {
  const { name, catchAll } = domain;
  if (catchAll.length === 0 || catchAll.includes(address)) return undefined;
  const row = `@${name}`;
  const alias: Alias = { address: row, targets: catchAll, sendAs: false };
  return { kind: 'catch-all', row, alias, detail: undefined, next: catchAll };
}

function appendExtension(address: string, extension: string): string {
  const at = address.lastIndexOf('@');
  return at === -1 ? `${address}${extension}` : `${address.slice(0, at)}${extension}${address.slice(at)}`;
}

function must<T>(lookup: Lookup<T>): T | undefined {
  if (lookup.kind === 'unavailable') throw new Outage(lookup);
  return lookup.kind === 'found' ? lookup.value : undefined;
}
