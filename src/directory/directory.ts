/**
 * What the services ask of the account directory. One implementation (`resolver.ts`) answers SASL, policy, LMTP,
 * lookup and autoconfig, so that they cannot disagree.
 */
import type { Lookup } from '../core/outcome.ts';
import type { Account, Domain } from './source.ts';

/** One end of an alias chain. */
export type Target =
  | { readonly kind: 'account'; readonly account: Account; readonly detail: string | undefined }
  | { readonly kind: 'remote'; readonly address: string }
  /** In one of our domains, but nothing there has this address. */
  | { readonly kind: 'missing'; readonly address: string };

/** Where mail for one address goes. */
export interface Resolution {
  /** The normalised address that was asked for, with its detail. */
  readonly address: string;
  readonly domain: Domain;
  /** What the address itself is. */
  readonly via: 'account' | 'alias' | 'catch-all';
  /** The detail (`user+detail`) that was cut off to find it, if any. */
  readonly detail: string | undefined;
  /** The direct targets of the alias or catch-all, detail appended as Postfix does; the account itself for `account`. */
  readonly next: readonly string[];
  /** Final targets, each once. Incomplete when `fault` is set. */
  readonly targets: readonly Target[];
  /** The chain runs in a circle or past the limits: mail must wait for the administrator (RULES 10). */
  readonly fault?: 'loop' | 'limit' | undefined;
}

export interface Directory {
  /** Is this domain ours? */
  findDomain(domain: string): Promise<Lookup<Domain>>;
  /** Where does mail for this address go? Absent when nothing has it, also when every target is missing. */
  resolve(address: string): Promise<Lookup<Resolution>>;
  /** The account with exactly this canonical address (no alias, no detail). */
  findAccount(address: string): Promise<Lookup<Account>>;
  /** The accounts (canonical addresses) that may use `address` as envelope sender; absent when nobody may. */
  findSenders(address: string): Promise<Lookup<readonly string[]>>;
}
