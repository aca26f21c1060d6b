/**
 * What the rules are asked, and what they decide: values only. How Postfix writes a question and how an answer is
 * worded is the service's affair.
 */

/** Where in the SMTP dialogue the question stands; every state but these two gets no opinion. */
export type PolicyState = 'rcpt' | 'end-of-message' | 'other';

export interface PolicyQuestion {
  /** The connection of Postfix's process; a new `instance` on it ends the previous transaction. */
  readonly connection: string;
  readonly state: PolicyState;
  /** One mail transaction; empty before there is one. */
  readonly instance: string;
  /** Empty at the first recipient (facts/postfix.md B.2), so nothing may be keyed on it alone. */
  readonly queueId: string;
  /** As the client wrote it, unquoted; empty for `<>`. */
  readonly sender: string;
  /** As the client wrote it, before any alias; at END-OF-MESSAGE only when there is exactly one. */
  readonly recipient: string;
  /** Accepted recipients; 0 before DATA. */
  readonly recipientCount: number;
  /** Announced at RCPT (0 when it was not), real at END-OF-MESSAGE. */
  readonly sizeBytes: number;
  readonly saslMethod: string;
  /** Canonical account address of the login (RULES 22); empty without one. */
  readonly saslUsername: string;
}

/** Why mail is refused for good. */
export type RejectReason =
  | 'mailbox-full'
  /** Larger than the whole quota. */
  | 'message-too-large'
  /** Larger than any message may be. */
  | 'message-past-limit'
  | 'mailbox-disabled'
  | 'sender-disabled'
  | 'sender-suspended'
  | 'sender-not-owned'
  | 'rate-exceeded';

/** Why mail must wait. */
export type DeferReason =
  | 'mailbox-full'
  | 'mailbox-held'
  /** Whose address it is cannot be told now. */
  | 'sender-unknown'
  | 'rate-exceeded';

export type PolicyDecision =
  /** No opinion: Postfix goes on with its next restriction. */
  | { readonly kind: 'dunno' }
  | { readonly kind: 'reject'; readonly reason: RejectReason }
  | { readonly kind: 'defer'; readonly reason: DeferReason };

export const DUNNO: PolicyDecision = Object.freeze({ kind: 'dunno' });
