/**
 * Whether there is room, in one word (facts/dovecot.md H.3). Pure: what is used and what is allowed in, the verdict out.
 * Every service asks the same meter, so policy and LMTP give one verdict.
 */
import type { MailboxLimits } from './quota-limits.ts';

export type QuotaVerdict =
  | { readonly kind: 'fits' }
  /** Over the limit now, or with this message; room may come back. */
  | { readonly kind: 'over' }
  /** It can never fit: larger than the whole quota, or than any message may be. */
  | { readonly kind: 'too-large'; readonly than: 'quota' | 'any-mail' }
  /** Not measured yet, or the store cannot be read. */
  | { readonly kind: 'unknown'; readonly reason: string };

/** Room that is taken, or wanted. */
export interface Room {
  readonly bytes: number;
  readonly messages: number;
}

/** One root, for mail to one mailbox. */
export interface RootRoom {
  readonly limits: MailboxLimits;
  readonly graceBytes: number;
  readonly used: Room;
}

/** Within 5 % of a limit, with what is to come, a verdict can turn. */
const NEAR_LIMIT = 0.95;

/** The verdict of all roots: the one with the least room decides. */
export function judgeRoom(roots: readonly RootRoom[], wanted: Room): Exclude<QuotaVerdict, { kind: 'unknown' }> {
  if (roots.every((root) => hasRoom(root, wanted))) return { kind: 'fits' };
  // Only what does not fit is asked for its size: grace may take in what is larger than the limit.
  const isTooLarge = roots.some(({ limits }) => limits.storageBytes > 0 && wanted.bytes > limits.storageBytes);
  return isTooLarge ? { kind: 'too-large', than: 'quota' } : { kind: 'over' };
}

/** Whether a somewhat older measurement could give another verdict than a fresh one. */
export function isNearLimit({ limits, used }: RootRoom, wanted: Room): boolean {
  return (
    isNear(used.bytes + wanted.bytes, limits.storageBytes) || isNear(used.messages + wanted.messages, limits.messages)
  );
}

/** The message that crosses the storage limit may use the grace; once over, nothing may. Messages have no grace. */
function hasRoom({ limits, graceBytes, used }: RootRoom, wanted: Room): boolean {
  const { storageBytes, messages } = limits;
  const fitsBytes =
    storageBytes === 0 || (used.bytes < storageBytes && used.bytes + wanted.bytes <= storageBytes + graceBytes);
  const fitsMessages = messages === 0 || (used.messages < messages && used.messages + wanted.messages <= messages);
  return fitsBytes && fitsMessages;
}

function isNear(usage: number, limit: number): boolean {
  return limit > 0 && usage >= limit * NEAR_LIMIT;
}
