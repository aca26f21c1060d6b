/**
 * The port through which many accounts at once are taken over from another program (`account import`). Each is judged
 * alone: it is taken whole or not at all, and doing it again changes nothing.
 */
import type { QuotaRule } from '../core/quota-rule.ts';
import type { Receive } from './source.ts';

/** An account as the users file of another program describes it, in the words of this one. */
export interface ImportedAccount {
  readonly address: string;
  /** `{SCHEME}data`; undefined for one nobody can log in to. */
  readonly password: string | undefined;
  /** Where its mail lies; undefined for the place `[mail] home` makes. */
  readonly home: string | undefined;
  readonly canLogin: boolean;
  readonly receive: Receive;
  readonly host: string | undefined;
  readonly quotaRules: readonly QuotaRule[];
  /** Checked by the caller; empty for all. */
  readonly allowNets: readonly string[];
}

export interface ImportOptions {
  /** Add the domains that are not ours yet. */
  readonly addsDomains: boolean;
  /** Take over mail that lies where `[mail] home` puts an account, without the file having said so. */
  readonly adopts: boolean;
  /** Give accounts that exist the password of the file. */
  readonly replacesPasswords: boolean;
}

/** What comes, or would come, of one account. */
export type ImportVerdict =
  | { readonly kind: 'new' }
  | { readonly kind: 'updated' }
  | { readonly kind: 'exists'; readonly hasOtherPassword: boolean }
  | { readonly kind: 'refused'; readonly reason: string };

export interface AccountImport {
  /** Domains that were added, or would be. */
  readonly newDomains: ReadonlySet<string>;
  /** Says what would come of it after all those that were judged before; only reads. */
  judge(account: ImportedAccount): ImportVerdict;
  /** Takes accounts over in one transaction; their verdicts in the same order. Throws as the store does, and then took none. */
  write(accounts: readonly ImportedAccount[]): readonly ImportVerdict[];
}
