/**
 * The one answer to "does this address exist, where does it go, who may send as it" for every service (DESIGN 6).
 * It knows no protocol and no store: it asks a `DirectorySource` and follows what it says (`expansion.ts`). What
 * cannot be told is "unavailable", never "absent".
 */
import {
  domainOf,
  foldCase,
  normalizeLogin,
  parseAddress,
  parseDomain,
  parseNormalized,
  splitDetail,
} from '../core/address.ts';
import { ABSENT, found, unavailable, type Lookup } from '../core/outcome.ts';
import type { Directory, Resolution, Target } from './directory.ts';
import { Expansion, type Entry } from './expansion.ts';
import type { Account, DirectorySource, Domain } from './source.ts';

export interface ResolverOptions {
  readonly source: DirectorySource;
  /** `[mail] recipient_delimiter`: a set of single characters, empty for none. */
  readonly recipientDelimiter: string;
  /** The name of anonymous logins, who own no sender whatever the directory says (RULES 37). */
  readonly anonymousUsername?: string;
}

export class Resolver implements Directory {
  readonly #source: DirectorySource;
  readonly #recipientDelimiter: string;
  readonly #anonymous: string | undefined;

  constructor(options: ResolverOptions) {
    this.#source = options.source;
    this.#recipientDelimiter = options.recipientDelimiter;
    const { anonymousUsername } = options;
    this.#anonymous = anonymousUsername === undefined ? undefined : normalizeLogin(anonymousUsername);
  }

  async findDomain(domain: string): Promise<Lookup<Domain>> {
    const name = parseDomain(domain);
    return name === undefined ? ABSENT : this.#source.findDomain(name);
  }

  async findAccount(address: string): Promise<Lookup<Account>> {
    const normalized = parseNormalized(address);
    return normalized === undefined ? ABSENT : this.#source.findAccount(normalized);
  }

  async resolve(text: string): Promise<Lookup<Resolution>> {
    const address = parseNormalized(text);
    if (address === undefined) return ABSENT;
    const domain = await this.#source.findDomain(domainOf(address));
    if (domain.kind !== 'found') return domain;
    const expansion = this.#expand(true);
    const entry = await expansion.find(address, domain.value);
    if (entry.kind !== 'found') return entry;
    const outage = await expansion.follow(entry.value);
    if (outage !== undefined) return outage;
    const { targets, fault } = expansion;
    if (fault === undefined && targets.every((target) => target.kind === 'missing')) return ABSENT;
    const resolution = { address, domain: domain.value, ...describe(entry.value), targets, fault };
    return found(restoreDetail(text, resolution));
  }

  async findSenders(text: string): Promise<Lookup<readonly string[]>> {
    const address = parseNormalized(text);
    if (address === undefined) return ABSENT;
    const domain = await this.#source.findDomain(domainOf(address));
    if (domain.kind === 'unavailable') return domain;
    const senders = new Set<string>();
    if (domain.kind === 'found') {
      const owners = await this.#findOwners(address, domain.value);
      if (owners.kind === 'unavailable') return owners;
      if (owners.kind === 'found') for (const owner of owners.value) senders.add(owner);
    }
    const granted = await this.#findGranted(address, domain.kind === 'found' ? domain.value : undefined);
    if (granted.kind === 'unavailable') return granted;
    if (granted.kind === 'found') for (const sender of granted.value) senders.add(sender);
    // Postfix compares logins without regard to case, and so must we.
    const kept = [...senders].filter((sender) => normalizeLogin(sender) !== this.#anonymous);
    return kept.length === 0 ? ABSENT : found(kept);
  }

  /** Those whose address it is, and those an alias with *send as* leads to. The catch-all gives no right. */
  async #findOwners(address: string, domain: Domain): Promise<Lookup<readonly string[]>> {
    const expansion = this.#expand(false);
    const entry = await expansion.find(address, domain);
    if (entry.kind !== 'found') return entry;
    if (entry.value.kind !== 'account' && !entry.value.alias.sendAs) return ABSENT;
    const outage = await expansion.follow(entry.value);
    if (outage !== undefined) return outage;
    // With half the targets unknown, "not the owner" would be a guess, and a permanent refusal.
    if (expansion.fault !== undefined) return unavailable(`alias "${address}" runs in a circle or past the limits`);
    return found(expansion.targets.flatMap(sendingAccount));
  }

  /** Those with an explicit right to the address, with or without its detail, or to its whole domain. */
  async #findGranted(address: string, domain: Domain | undefined): Promise<Lookup<readonly string[]>> {
    const local = address.slice(0, address.lastIndexOf('@'));
    const { user } = splitDetail(local, this.#recipientDelimiter);
    const names = [domainOf(address), ...(domain?.standsFor === undefined ? [] : [domain.standsFor])];
    const spellings = new Set(names.flatMap((name) => [`${local}@${name}`, `${user}@${name}`]));
    const granted = new Set<string>();
    for (const spelling of spellings) {
      const senders = await this.#source.findSenders(spelling);
      if (senders.kind === 'unavailable') return senders;
      if (senders.kind === 'found') for (const sender of senders.value) granted.add(sender);
    }
    return this.#keepSending(granted);
  }

  async #keepSending(addresses: Iterable<string>): Promise<Lookup<readonly string[]>> {
    const kept: string[] = [];
    for (const address of addresses) {
      const account = await this.#source.findAccount(address);
      if (account.kind === 'unavailable') return account;
      if (account.kind === 'found' && account.value.canSend) kept.push(address);
    }
    return found(kept);
  }

  #expand(useCatchAll: boolean): Expansion {
    return new Expansion(this.#source, { recipientDelimiter: this.#recipientDelimiter, useCatchAll });
  }
}

function describe(entry: Entry): Pick<Resolution, 'via' | 'detail' | 'next'> {
  const next = entry.kind === 'account' ? [entry.account.address] : entry.next;
  return { via: entry.kind, detail: entry.detail, next };
}

/** The detail as it was written: it may name a folder, and folders differ by case where addresses do not (facts/dovecot.md F.6). */
function restoreDetail(text: string, resolution: Resolution): Resolution {
  const folded = resolution.detail;
  const local = parseAddress(text)?.local.normalize('NFC');
  if (folded === undefined || folded === '' || local === undefined) return resolution;
  const detail = local.slice(-folded.length);
  // Folding may change the length of what few letters there are (U+0130).
  if (foldCase(detail) !== folded) return resolution;
  const targets = resolution.targets.map((target) =>
    target.kind === 'account' && target.detail === folded ? { ...target, detail } : target,
  );
  return { ...resolution, detail, targets };
}

function sendingAccount(target: Target): string[] {
  return target.kind === 'account' && target.account.canSend ? [target.account.address] : [];
}
