/**
 * The headers put on top of a stored message: Return-Path, Delivered-To, Received (facts/dovecot.md F.7), with LF line
 * ends. Delivered-To and `for` only when the transaction has one recipient: so one body serves many mailboxes.
 */

export interface HeaderFacts {
  /** Envelope sender as it came, without angle brackets. */
  readonly sender: string;
  /** The one recipient, as it came; undefined when there are several. */
  readonly recipient: string | undefined;
  /** What the peer called itself. */
  readonly peerName: string;
  /** Empty on a unix socket. */
  readonly peerAddress: string;
  readonly hostname: string;
  readonly transactionId: string;
  /** Postfix's, from XFORWARD; undefined when it did not say. */
  readonly queueId: string | undefined;
  readonly isUtf8: boolean;
  readonly receivedAtMs: number;
  readonly addsDeliveredTo: boolean;
  readonly addsReceived: boolean;
}

/** Characters a peer's name may bring into a header. */
const PLAIN_NAME = /^[A-Za-z0-9._:[\]-]{1,255}$/;

/** Formats the headers; nothing in `facts` holds a line end, the command parser sees to that. */
export function formatHeaders(facts: HeaderFacts): Buffer {
  const lines = [`Return-Path: <${facts.sender}>`];
  if (facts.recipient !== undefined && facts.addsDeliveredTo) lines.push(`Delivered-To: ${facts.recipient}`);
  if (facts.addsReceived) lines.push(formatReceived(facts));
  return Buffer.from(`${lines.join('\n')}\n`);
}

function formatReceived(facts: HeaderFacts): string {
  const peerName = PLAIN_NAME.test(facts.peerName) ? facts.peerName : 'unknown';
  const address = facts.peerAddress === '' ? '' : ` ([${facts.peerAddress}])`;
  const queueId = facts.queueId === undefined ? '' : ` (queue id ${facts.queueId})`;
  const recipient = facts.recipient === undefined ? '' : `\n\tfor <${facts.recipient}>`;
  const date = new Date(facts.receivedAtMs).toUTCString().replace('GMT', '+0000');
  return (
    `Received: from ${peerName}${address}\n\tby ${facts.hostname} with ${facts.isUtf8 ? 'UTF8LMTP' : 'LMTP'}` +
    `\n\tid ${facts.transactionId}${queueId}\n\t(envelope-from <${facts.sender}>)${recipient}; ${date}`
  );
}
