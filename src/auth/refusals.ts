/**
 * What stands against a login whose password, proof or certificate is right (RULES 38, 41). It is looked at after the
 * comparison and never before, so that nobody learns of it without having been right.
 */
import { unavailable } from '../core/outcome.ts';
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

/** Whether the main password of an entry is refused. The rule of the whole site is not for masters. */
export function isMainPasswordRefused(
  { appPasswordsRequired }: PassdbEntry,
  { isSiteRule, isMaster }: { readonly isSiteRule: boolean; readonly isMaster: boolean },
): boolean {
  return appPasswordsRequired !== 'no' || (isSiteRule && !isMaster);
}
