/**
 * EXTERNAL: the transport has verified a certificate, and its name is whose login it is (RULES 37). There is nothing to
 * compare, so that only entries made for it serve: those that ask for no password.
 */
import type { AttemptLookups } from './attempt-lookups.ts';
import type { Attempt } from './attempt.ts';
import type { EntryVerdict } from './chain.ts';
import type { NetworkReader } from './entry-networks.ts';
import type { PassdbEntry } from './passdb.ts';
import { failure, judgeOwner } from './refusals.ts';

export interface ExternalCheck {
  readonly attempt: Attempt;
  readonly lookups: AttemptLookups;
  readonly networks: NetworkReader;
}

/** Judges the entry of the name in a certificate. */
export function judgeExternal(entry: PassdbEntry, { attempt, lookups, networks }: ExternalCheck): EntryVerdict {
  if (!entry.isPasswordless || entry.password !== undefined) return failure('no-credential');
  const verdict = judgeOwner(entry, attempt, networks);
  if (verdict.kind === 'success') lookups.standOn(entry);
  return verdict;
}
