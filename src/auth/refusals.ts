/**
 * What stands against a login whose password, proof or certificate is right (RULES 38, 41). It is looked at after the
 * comparison and never before, so that nobody learns of it without having been right.
 */
import { unavailable } from '../core/outcome.ts';
import type { AttemptLookups } from './attempt-lookups.ts';
import type { Attempt } from './attempt.ts';
import type { EntryVerdict } from './chain.ts';
import type { NetworkReader } from './entry-networks.ts';
import type { RejectReason } from './login.ts';
import type { PassdbEntry } from './passdb.ts';

export const SUCCESS: EntryVerdict = { kind: 'success' };

export function failure(reason: RejectReason): EntryVerdict {
  return { kind: 'failure', reason };
}

/** Judges an entry whose owner has been recognised. */
export function judgeOwner(entry: PassdbEntry, { context }: Attempt, networks: NetworkReader): EntryVerdict {
  if (!entry.canLogin) return { kind: 'refused', reason: 'login-off' };
  switch (networks.judge(entry.allowNets, context.remoteAddress)) {
    case 'inside':
      return SUCCESS;
    case 'outside':
      return failure('network');
    case 'unreadable':
      return unavailable('allow_nets cannot be read');
  }
}

/**
 * Judges what an entry without a say of its own forbids. A login that is good stands on it as on the others: it is asked
 * for again when the entry changes, and in an outage the entry goes on to forbid what it forbade.
 */
export function judgeRestriction(
  entry: PassdbEntry,
  {
    attempt,
    lookups,
    networks,
  }: { readonly attempt: Attempt; readonly lookups: AttemptLookups; readonly networks: NetworkReader },
): EntryVerdict {
  const verdict = judgeOwner(entry, attempt, networks);
  if (verdict.kind !== 'success') return lookups.findOutage(entry) ?? verdict;
  lookups.standOn(entry);
  return verdict;
}

/** Whether the main password of an entry is refused. The rule of the whole site is not for masters. */
export function isMainPasswordRefused(
  { appPasswordsRequired }: PassdbEntry,
  { isSiteRule, isMaster }: { readonly isSiteRule: boolean; readonly isMaster: boolean },
): boolean {
  return appPasswordsRequired !== 'no' || (isSiteRule && !isMaster);
}
