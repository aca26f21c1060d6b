/**
 * The port between the resolver and the places that know addresses: the embedded database, a passwd-file, later
 * SQL and LDAP. Every question has three answers; a source that is empty, half-read or unreachable says
 * `unavailable`, never `absent` (RULES 6 and 7).
 */
import type { Fields } from '../core/fields.ts';
import type { Lookup } from '../core/outcome.ts';
import type { UserQuotaRule } from '../core/quota-rule.ts';

/** A domain that is ours. */
export interface Domain {
  /** Lower-case A-label name. */
  readonly name: string;
  /** The domain this one stands for, if it is an alias domain (RULES 43). */
  readonly standsFor?: string | undefined;
  /** Addresses that take what nothing else in the domain takes; empty for none. */
  readonly catchAll: readonly string[];
}

/** What happens to mail for an account: stored, refused (550), or held back at the sender (4xx). */
export type Receive = 'accept' | 'refuse' | 'hold';

/** One mailbox owner. */
export interface Account {
  /** Canonical address: normalised, the string `user=` returns and rates count. */
  readonly address: string;
  /** Name of the userdb it came from, for logs and `postern user`. */
  readonly source: string;
  readonly canLogin: boolean;
  readonly canSend: boolean;
  readonly receive: Receive;
  /** Another machine that owns the mailbox (RULES 11). */
  readonly host?: string | undefined;
  /** Absolute home directory, already expanded; undefined means `[mail] home`. */
  readonly home?: string | undefined;
  /** Location override of the userdb (`mail=`), unexpanded. */
  readonly mail?: string | undefined;
  /** Ids the userdb asks for; Postern never switches to them (RULES 13). */
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** What it has besides the rules of `[quota]`, or in their place. */
  readonly quota: readonly UserQuotaRule[];
}

/** An address that stands for others. */
export interface Alias {
  readonly address: string;
  /** One or more addresses, normalised, local or remote. */
  readonly targets: readonly string[];
  /** Whether the accounts it leads to may send as it. */
  readonly sendAs: boolean;
}

/** What the resolver asks. Addresses and domains arrive normalised (`core/address.ts`). */
export interface DirectorySource {
  readonly name: string;
  findDomain(name: string): Promise<Lookup<Domain>>;
  /** `login` holds the fields of the passdb when the question comes from a login, for userdbs that take theirs from there. */
  findAccount(address: string, login?: Fields): Promise<Lookup<Account>>;
  findAlias(address: string): Promise<Lookup<Alias>>;
  /** Canonical addresses of the accounts with an explicit right to send as `address` or its whole domain. */
  findSenders(address: string): Promise<Lookup<readonly string[]>>;
  /** Every account it can list, or those in one domain: for `postern user '*'`, the checks, and quotas of domains. */
  accounts(domain?: string): AsyncIterable<Account>;
  /** Why `accounts` leaves some out, in words for an administrator; undefined when it lists all. */
  readonly cannotList?: string | undefined;
  /** False when it has no domains of its own, so that `findDomain` is always absent. */
  readonly knowsDomains?: boolean | undefined;
}
