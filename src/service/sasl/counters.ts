/** What the SASL service counts, over all its connections since the start. */

export class SaslCounters {
  /** Logins that were good. */
  acceptedCount = 0;
  /** Logins that were refused, for whatever reason. */
  rejectedCount = 0;
  /** Logins nobody could decide: passdb out of reach, hash queue full, deadline passed. */
  unavailableCount = 0;
  /** Requests that made no sense: malformed, bad base64, unknown mechanism. */
  badRequestCount = 0;
  /** Connections closed after their first AUTH because there were too many. */
  overloadCount = 0;
  /** Requests turned away because their connection had too many others. */
  overflowCount = 0;
}
