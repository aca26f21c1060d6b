/**
 * A passwd-file line while it is read: what its fields have said so far, and what was wrong with them.
 */
import type { QuotaRule } from '../../core/quota-rule.ts';
import type { Receive } from '../../directory/source.ts';

/** The uid or gid of a name nobody knows: never ours, so delivery waits (RULES 13). */
const UNKNOWN_ID = -1;

/** Looks system names up; undefined when there is no such user or group. */
export interface SystemIds {
  readonly findUid: (name: string) => number | undefined;
  readonly findGid: (name: string) => number | undefined;
}

/** A line while it is read. */
export interface LineDraft {
  canLogin: boolean;
  receive: Receive;
  isPasswordless: boolean;
  allowNets: readonly string[];
  quota: QuotaRule;
  readonly ids: SystemIds;
  uid?: number | undefined;
  gid?: number | undefined;
  home?: string | undefined;
  mail?: string | undefined;
  host?: string | undefined;
  readonly faults: string[];
}

/** Reads a uid or gid, given as a number or a system name. Never dropped: what is not ours defers mail (RULES 13). */
export function readId(
  draft: LineDraft,
  id: { readonly text: string; readonly kind: 'uid' | 'gid' },
): number | undefined {
  const { text, kind } = id;
  if (text === '') return undefined;
  const number = /^\d{1,10}$/.test(text)
    ? Number(text)
    : kind === 'uid'
      ? draft.ids.findUid(text)
      : draft.ids.findGid(text);
  if (number === undefined) draft.faults.push(`unknown name as ${kind}: mail waits`);
  if (number === 0) draft.faults.push(`${kind} 0 is root's: mail waits`);
  return number ?? UNKNOWN_ID;
}
