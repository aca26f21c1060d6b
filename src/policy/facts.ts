/**
 * The port between the rules and what they must know of accounts and room. Declared by shape: `Account`, `Resolution`
 * and `QuotaVerdict` of the directory and the mail store fit it as they are.
 */
import type { Lookup } from '../core/outcome.ts';
import type { UserQuotaRule } from '../core/quota-rule.ts';

/** One mailbox owner. The rules look at the first four; the rest is what the meter needs to find the mailbox. */
export interface PolicyAccount {
  readonly address: string;
  readonly canSend: boolean;
  readonly receive: 'accept' | 'refuse' | 'hold';
  /** Another machine that owns the mailbox (RULES 11). */
  readonly host?: string | undefined;
  readonly home?: string | undefined;
  readonly mail?: string | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  readonly quota: readonly UserQuotaRule[];
}

/** One place where mail for an address ends. */
export type PolicyTarget =
  | { readonly kind: 'account'; readonly account: PolicyAccount; readonly detail?: string | undefined }
  | { readonly kind: 'remote' }
  | { readonly kind: 'missing' };

/** Where mail for an address goes, aliases expanded. */
export interface PolicyRoute {
  readonly targets: readonly PolicyTarget[];
  /** The alias runs in a circle or past the limits; `targets` is incomplete. */
  readonly fault?: 'loop' | 'limit' | undefined;
}

/** What a message needs. */
export interface WantedRoom {
  readonly bytes: number;
  readonly messages: number;
}

/** Room promised to other messages that are on their way: in the account, and in all accounts of its domain. */
export interface HeldRoom {
  readonly account: WantedRoom;
  readonly domain: WantedRoom;
}

/** A mailbox, and what is wanted of it. */
export interface RoomQuestion {
  readonly account: PolicyAccount;
  /** Names a folder of the account, where that is configured. */
  readonly detail: string | undefined;
  readonly wanted: WantedRoom;
  readonly held: HeldRoom;
}

export type RoomVerdict =
  | { readonly kind: 'fits' }
  | { readonly kind: 'over' }
  | { readonly kind: 'too-large'; readonly than: 'quota' | 'any-mail' }
  | { readonly kind: 'unknown'; readonly reason: string };

export interface PolicyFacts {
  /** Where does mail for this normalised address go? Absent for unknown users and for domains that are not ours. */
  resolve(address: string): Promise<Lookup<PolicyRoute>>;
  /** The account with exactly this canonical address. */
  findAccount(address: string): Promise<Lookup<PolicyAccount>>;
  /** The logins (canonical addresses) that may use this normalised address as envelope sender; absent when nobody may. */
  findSenders(address: string): Promise<Lookup<readonly string[]>>;
  /** Is there room? The same meter as LMTP asks, so that both give one verdict. */
  checkRoom(question: RoomQuestion): Promise<RoomVerdict>;
}
