/**
 * The words of the policy service: a decision in, the bytes of the reply out. Code and enhanced code stand in one
 * table; they and the texts are those of LMTP's RCPT, so that a sender reads the same wherever mail is refused. DUNNO
 * and never OK: an OK would end Postfix's restriction list and skip what comes after it (facts/dovecot.md H.5).
 */
import type { DeferReason, PolicyDecision, RejectReason } from '../../policy/question.ts';
import { formatPolicyReply } from '../../protocol/policy.ts';

export interface PolicyTexts {
  /** What a sender reads when a mailbox is full (`quota_exceeded_message`). */
  readonly exceededMessage: string;
  /** What a login reads that sent too much (`rate_exceeded_message`). */
  readonly rateMessage: string;
}

/** Want of room (that it can never fit is for the log, the sender reads one text), and too much sent. */
type ConfiguredReason = 'mailbox-full' | 'message-too-large' | 'rate-exceeded';

const REJECT_CODES: Readonly<Record<RejectReason, string>> = {
  'mailbox-full': '552 5.2.2',
  'message-too-large': '552 5.2.2',
  'message-past-limit': '552 5.3.4',
  'mailbox-disabled': '550 5.2.1',
  'sender-disabled': '554 5.7.1',
  'sender-suspended': '554 5.7.1',
  'sender-not-owned': '553 5.7.1',
  'rate-exceeded': '554 5.7.1',
};

const DEFER_CODES: Readonly<Record<DeferReason, string>> = {
  'mailbox-full': '452 4.2.2',
  'mailbox-held': '450 4.2.1',
  'sender-unknown': '451 4.3.5',
  'rate-exceeded': '450 4.7.1',
};

/** The text after the code, where it is not configured. */
const TEXTS: Readonly<Record<Exclude<RejectReason | DeferReason, ConfiguredReason>, string>> = {
  'message-past-limit': 'Message is too large',
  'mailbox-disabled': 'Mailbox is disabled',
  'mailbox-held': 'Mailbox is on hold, try again later',
  'sender-disabled': 'This login may not send mail',
  'sender-suspended': 'This login sent too much and was suspended, ask your postmaster',
  'sender-not-owned': 'Sender address rejected: not owned by this login',
  'sender-unknown': 'Cannot tell whose sender address this is, try again later',
};

/** The action of a decision, for the reply and the log. */
export function formatAction(decision: PolicyDecision, texts: PolicyTexts): string {
  switch (decision.kind) {
    case 'dunno':
      return 'DUNNO';
    case 'reject':
      return `${REJECT_CODES[decision.reason]} ${findText(decision.reason, texts)}`;
    case 'defer':
      return `${DEFER_CODES[decision.reason]} ${findText(decision.reason, texts)}`;
  }
}

/** The whole reply of a decision. */
export function formatDecision(decision: PolicyDecision, texts: PolicyTexts): string {
  return formatPolicyReply(formatAction(decision, texts));
}

function findText(reason: RejectReason | DeferReason, texts: PolicyTexts): string {
  if (reason === 'rate-exceeded') return texts.rateMessage;
  return reason === 'mailbox-full' || reason === 'message-too-large' ? texts.exceededMessage : TEXTS[reason];
}
