/**
 * Outcomes of delivery as LMTP replies: one table, so that reply code and enhanced code cannot disagree. The texts are
 * fixed and bland; what really happened is in the log. facts/dovecot.md F.2 and F.3, RULES 5.
 */
import type { DeferReason, Deferred, DeliveryOutcome, Refused, RefuseReason } from '../../mail/outcome.ts';

/** `text` begins with the enhanced status code. */
export interface Reply {
  readonly code: number;
  readonly text: string;
}

interface Words {
  readonly code: number;
  readonly status: string;
  readonly text: string;
}

const INTERNAL: Words = { code: 451, status: '4.3.0', text: 'Temporary internal error' };
const CONFIGURATION: Words = { code: 451, status: '4.3.5', text: 'Temporary configuration error' };
/** The text of a full mailbox comes from the configuration. */
const FULL = '';

const REFUSED: Readonly<Record<RefuseReason, Words>> = {
  'unknown-user': { code: 550, status: '5.1.1', text: "User doesn't exist: " },
  'receive-off': { code: 550, status: '5.2.1', text: 'Mailbox is disabled' },
  'over-quota': { code: 552, status: '5.2.2', text: FULL },
  'too-large-for-quota': { code: 552, status: '5.2.2', text: FULL },
  'message-too-large': { code: 552, status: '5.3.4', text: 'Message is too large' },
  'header-too-large': { code: 552, status: '5.3.4', text: 'Message header is too large' },
  'too-many-hops': { code: 554, status: '5.4.6', text: 'Too many hops, the message goes in circles' },
};

const DEFERRED: Readonly<Record<DeferReason, Words>> = {
  'directory-unavailable': INTERNAL,
  held: { code: 450, status: '4.2.1', text: 'Mailbox is on hold, try again later' },
  'over-quota': { code: 452, status: '4.2.2', text: FULL },
  overloaded: { code: 451, status: '4.3.2', text: 'Too busy, try again later' },
  'alias-remote': CONFIGURATION,
  'alias-fault': CONFIGURATION,
  'other-host': CONFIGURATION,
  location: CONFIGURATION,
  'wrong-owner': CONFIGURATION,
  'root-missing': INTERNAL,
  'quota-unknown': INTERNAL,
  'disk-full': { code: 452, status: '4.3.1', text: 'Insufficient system storage' },
  storage: INTERNAL,
  fault: INTERNAL,
};

/** For whatever nobody foresaw: always later, never a bounce. */
export const TROUBLE: Reply = { code: INTERNAL.code, text: `${INTERNAL.status} ${INTERNAL.text}` };
export const TOO_MANY_RECIPIENTS: Reply = { code: 452, text: '4.5.3 Too many recipients' };

/** What RCPT says when it does not take a recipient. */
export function formatRejection(path: string, outcome: Refused | Deferred, exceededMessage: string): Reply {
  const words = outcome.kind === 'refused' ? REFUSED[outcome.reason] : DEFERRED[outcome.reason];
  const text = words.text === FULL ? exceededMessage : words.text;
  const named = outcome.reason === 'unknown-user' ? text + path : text;
  return { code: words.code, text: `${words.status} <${path}> ${named}` };
}

/** What a recipient gets after the dot. */
export function formatOutcome(path: string, outcome: DeliveryOutcome, words: { id: string; exceeded: string }): Reply {
  if (outcome.kind !== 'delivered') return formatRejection(path, outcome, words.exceeded);
  return { code: 250, text: `2.0.0 <${path}> ${words.id} Saved` };
}
