/**
 * Whether there is room, in one word. Every service asks the same meter, so policy and LMTP give one verdict.
 */

export type QuotaVerdict =
  | { readonly kind: 'fits' }
  /** Over the limit now, or with this message; room may come back. */
  | { readonly kind: 'over' }
  /** Larger than the whole quota: it can never fit. */
  | { readonly kind: 'too-large' }
  /** Not measured yet, or the store cannot be read. */
  | { readonly kind: 'unknown'; readonly reason: string };
