/**
 * What became of one message for one mailbox. `refused` is only ever a rule that says no; everything that could not
 * be done or told is `deferred` (DESIGN 1.2). Words for peers are made elsewhere.
 */
import { errorCode } from '../core/errors.ts';

/** A rule said no for good. */
export type RefuseReason =
  | 'unknown-user'
  | 'receive-off'
  | 'over-quota'
  | 'too-large-for-quota'
  | 'message-too-large'
  | 'header-too-large'
  /** The message goes in circles. */
  | 'too-many-hops';

/** It may work later. */
export type DeferReason =
  | 'directory-unavailable'
  | 'held'
  | 'over-quota'
  | 'overloaded'
  /** An alias with a target on another machine, which Postfix should have expanded (RULES 10). */
  | 'alias-remote'
  | 'alias-fault'
  | 'other-host'
  /** No usable path can be built for the account, or its path leaves the mail roots. */
  | 'location'
  | 'wrong-owner'
  | 'root-missing'
  | 'quota-unknown'
  | 'disk-full'
  | 'storage'
  | 'fault';

export interface Delivered {
  readonly kind: 'delivered';
  /** File name without directory and flags. */
  readonly baseName: string;
  /** The Maildir that has it: the INBOX, or a folder. */
  readonly directory: string;
  /** The message was already there: an earlier reply was lost (RULES 2). */
  readonly isRetry: boolean;
}

export interface Refused {
  readonly kind: 'refused';
  readonly reason: RefuseReason;
}

export interface Deferred {
  readonly kind: 'deferred';
  readonly reason: DeferReason;
  /** For the log only. */
  readonly detail?: string | undefined;
  /** The fault behind it, for the log only. */
  readonly cause?: unknown;
}

export type DeliveryOutcome = Delivered | Refused | Deferred;

export function refused(reason: RefuseReason): Refused {
  return { kind: 'refused', reason };
}

export function deferred(reason: DeferReason, detail?: string): Deferred {
  return { kind: 'deferred', reason, detail };
}

/** A fault of the disk as an outcome: always later, because a broken disk must never bounce mail. */
export function deferredByFault(error: unknown): Deferred {
  const code = errorCode(error);
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  return { kind: 'deferred', reason: isFull ? 'disk-full' : 'storage', detail: code, cause: error };
}

const SEVERITY = { delivered: 0, refused: 1, deferred: 2 } as const;

/** The one reply for several mailboxes: deferred over refused over delivered (RULES 10). */
export function worstOutcome(outcomes: readonly [DeliveryOutcome, ...DeliveryOutcome[]]): DeliveryOutcome {
  return outcomes.reduce((worst, next) => (SEVERITY[next.kind] > SEVERITY[worst.kind] ? next : worst));
}
