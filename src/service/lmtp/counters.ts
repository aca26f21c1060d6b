/** What the LMTP service counts, for `postern status` and the metrics. */

export class LmtpCounters {
  /** Recipients answered 250 after a message. */
  delivered = 0;
  /** Recipients refused for good, at RCPT or after the message. */
  refused = 0;
  /** Recipients told to come again, at RCPT or after the message. */
  deferred = 0;
  /** Retries of messages that were already stored; they count as delivered too. */
  retries = 0;
  /** Recipients that a probe of Postfix's verify(8) asked about. */
  probes = 0;
}
