/**
 * The port through which the command changes an account directory: domains, accounts, aliases. Every change checks
 * itself and is made whole or not at all. What may be refused is an outcome; a database that cannot be used throws.
 * The daemon never holds one of these.
 */
import type { SealedToken } from '../auth/app-password.ts';
import type { AppPasswordScope } from '../core/app-password-words.ts';
import type { QuotaRule } from '../core/quota-rule.ts';
import type { AccountImport, ImportOptions } from './import.ts';
import type { Account, Alias, Receive } from './source.ts';

/**
 * Why a change was refused. `bad-value`: no address, unsafe name, not a number in bounds. `missing`: what is to be
 * changed is not there. `exists`: the address or name is taken. `in-use`: something depends on it. `has-mail`: the
 * address or home holds mail of before (RULES 15). `loop`: mail would run in a circle or past the limits (RULES 10).
 */
export type Refusal = 'bad-value' | 'missing' | 'exists' | 'in-use' | 'has-mail' | 'loop';

export type AdminOutcome =
  /** Notes are sentences for the administrator: what was done besides, what to look at. */
  | { readonly kind: 'done'; readonly notes: readonly string[] }
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly reason: string };

export interface DomainRecord {
  readonly name: string;
  readonly standsFor?: string | undefined;
  readonly catchAll: readonly string[];
  /** Its accounts log in with app passwords only. */
  readonly appPasswordsRequired: boolean;
  /** Of every account in it, unless the account says otherwise. */
  readonly quotaRules: readonly QuotaRule[];
  /** Of all its accounts together. */
  readonly totalQuotaRules: readonly QuotaRule[];
  readonly accounts: number;
  readonly aliases: number;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

/** An account with what only its administrator needs; the password itself is never read back. */
export interface AccountRecord extends Account {
  readonly home: string;
  readonly hasPassword: boolean;
  readonly displayName?: string | undefined;
  readonly loginNames: readonly string[];
  readonly allowNets: readonly string[];
  /** Addresses and `@domain`s it may send as, besides its own. */
  readonly senders: readonly string[];
  /** It logs in with app passwords only; its domain may ask the same of it. */
  readonly appPasswordsRequired: boolean;
  readonly appPasswords: number;
  readonly note?: string | undefined;
  readonly createdAt: number;
  readonly changedAt: number;
}

export interface AliasRecord extends Alias {
  readonly createdAt: number;
}

export interface DomainSettings {
  /** null takes it away. */
  readonly standsFor?: string | null | undefined;
  /** Empty for none. */
  readonly catchAll?: readonly string[] | undefined;
  readonly appPasswordsRequired?: boolean | undefined;
  /** All of them; empty for none. */
  readonly quotaRules?: readonly QuotaRule[] | undefined;
  readonly totalQuotaRules?: readonly QuotaRule[] | undefined;
}

/** What can be changed in the quota of an account. */
export interface QuotaChange {
  /** All of its own rules; empty for none. */
  readonly quotaRules?: readonly QuotaRule[] | undefined;
  /** Limits of its rule `*`; null takes one away, so that the domain's or the configured one holds. */
  readonly storageBytes?: number | null | undefined;
  readonly messages?: number | null | undefined;
}

/** What can be changed in an account; undefined leaves it as it is, null takes it away. */
export interface AccountSettings extends QuotaChange {
  /** `{SCHEME}data`, hashed by the caller. */
  readonly password?: string | null | undefined;
  readonly displayName?: string | null | undefined;
  readonly canLogin?: boolean | undefined;
  readonly canSend?: boolean | undefined;
  readonly receive?: Receive | undefined;
  readonly host?: string | null | undefined;
  readonly home?: string | undefined;
  /** Checked by the caller; empty for all. */
  readonly allowNets?: readonly string[] | undefined;
  readonly appPasswordsRequired?: boolean | undefined;
  readonly note?: string | null | undefined;
  /** All names it logs in with; the address is one only if listed (RULES 22). */
  readonly loginNames?: readonly string[] | undefined;
  /** All addresses and `@domain`s it may send as, besides its own. */
  readonly senders?: readonly string[] | undefined;
}

/** An app password as its owner or administrator sees it; what it is checked with is never read back. */
export interface AppPasswordRecord {
  readonly id: number;
  readonly account: string;
  readonly label: string;
  readonly scopes: readonly AppPasswordScope[];
  readonly allowNets: readonly string[];
  readonly expiresAt?: number | undefined;
  readonly createdAt: number;
  readonly lastUsedAt?: number | undefined;
  readonly lastUsedAddress?: string | undefined;
  readonly lastUsedService?: string | undefined;
}

export interface NewAppPassword extends SealedToken {
  readonly label: string;
  /** At least one. */
  readonly scopes: readonly AppPasswordScope[];
  /** Checked by the caller; empty for all. */
  readonly allowNets: readonly string[];
  readonly expiresAt: number | undefined;
}

export interface DomainAdmin {
  add(name: string, settings: DomainSettings): Promise<AdminOutcome>;
  set(name: string, settings: DomainSettings): Promise<AdminOutcome>;
  /** Refused while it has accounts or aliases, unless `force`; mail is never deleted. */
  remove(name: string, options: { readonly force: boolean }): Promise<AdminOutcome>;
  list(): readonly DomainRecord[];
}

export interface AccountAdmin {
  /** `adopt` takes over mail that lies at the address or home. */
  add(address: string, settings: AccountSettings & { readonly adopt: boolean }): Promise<AdminOutcome>;
  set(address: string, settings: AccountSettings): Promise<AdminOutcome>;
  /** Home, password and rights stay; aliases that lead to it follow. */
  rename(from: string, to: { readonly address: string; readonly keepAlias: boolean }): Promise<AdminOutcome>;
  /** Mail stays where it is. */
  remove(address: string): Promise<AdminOutcome>;
  find(address: string): AccountRecord | undefined;
  /** In the order of addresses, of one domain or all. */
  list(domain?: string): Iterable<AccountRecord>;
  /** Begins to take accounts over from another program. */
  beginImport(options: ImportOptions): AccountImport;
}

export interface AliasAdmin {
  add(
    address: string,
    options: { readonly targets: readonly string[]; readonly sendAs: boolean; readonly replace: boolean },
  ): Promise<AdminOutcome>;
  remove(address: string): Promise<AdminOutcome>;
  list(domain?: string): readonly AliasRecord[];
}

export interface AppPasswordAdmin {
  /** Refused when the account has one of this label, or MAX_APP_PASSWORDS already. */
  add(account: string, password: NewAppPassword): Promise<AdminOutcome>;
  /** Takes away the one with this label, or else this id. */
  revoke(account: string, labelOrId: string): Promise<AdminOutcome>;
  /** Takes all of an account away; it need not have any. */
  revokeAll(account: string): Promise<AdminOutcome>;
  /** In the order of accounts and of their making, of one account or all. */
  list(account?: string): Iterable<AppPasswordRecord>;
}

export interface DirectoryAdmin {
  readonly domains: DomainAdmin;
  readonly accounts: AccountAdmin;
  readonly aliases: AliasAdmin;
  readonly appPasswords: AppPasswordAdmin;
  close(): void;
}
