/**
 * The client's side of each protocol as the load generator speaks it: what Postfix would send, and what the answer must
 * begin with. It opens no socket and measures nothing. Text is latin1, one character a byte. facts: what Postfix sends
 * for RCPT policy, socketmap, and LMTP with PIPELINING; logins are in `sasl-dialogue.ts`.
 */
import { formatNetstring } from '../../src/protocol/netstring.ts';
import { formatSocketmapRequest } from '../../src/protocol/socketmap.ts';
import { findLineEnd, type Dialogue, type Step } from './dialogue.ts';
import { createSaslDialogue, type SaslSettings } from './sasl-dialogue.ts';

/** What the runner tells the generator to speak. */
export type DialogueSettings =
  | { readonly kind: 'echo' }
  | SaslSettings
  | { readonly kind: 'lookup'; readonly recipients: readonly string[] }
  | { readonly kind: 'policy'; readonly recipients: readonly string[] }
  | { readonly kind: 'probe'; readonly recipients: readonly string[] }
  /** `runId` makes the messages different from those of every other run: Postern knows a message that comes again. */
  | {
      readonly kind: 'lmtp';
      readonly recipients: readonly string[];
      /** Of one message; 1 when not given. */
      readonly recipientCount?: number;
      readonly messageBytes: number;
      readonly runId: string;
    };

const SERVER = '192.0.2.1';
const CLIENT = '198.51.100.7';
const SENDER = 'someone@remote.test';
const PROBE_SENDER = 'double-bounce@mx.example.test';
const LINE_LENGTH = 76;
/** Of a message above, about. */
const HEADER_BYTES = 200;

/** `connection` is a number that no other connection of this run has. */
export function createDialogue(settings: DialogueSettings, connection: number): Dialogue {
  switch (settings.kind) {
    case 'echo':
      return echo();
    case 'sasl':
      return createSaslDialogue(settings, connection);
    case 'lookup':
      return lookup(settings.recipients);
    case 'policy':
      return policy(settings.recipients);
    case 'probe':
      return { ...LMTP, makeSteps: cycle(settings.recipients.map((recipient) => [probe(recipient)])) };
    case 'lmtp':
      return lmtp(settings);
  }
}

function echo(): Dialogue {
  const line = `${'x'.repeat(100)}\n`;
  return { hello: [], findEnd: findLineEnd, makeSteps: () => [{ send: line, replies: [line] }] };
}

function lookup(recipients: readonly string[]): Dialogue {
  const requests = recipients.map((key) => [
    { send: formatSocketmapRequest({ map: 'recipient', key }), replies: [formatNetstring(`OK ${key}`)] },
  ]);
  return { hello: [], findEnd: findNetstringEnd, makeSteps: cycle(requests) };
}

/** The attributes of Postfix 3.7 at RCPT; the instance is new each time, as each mail has its own. */
function policy(recipients: readonly string[]): Dialogue {
  return {
    hello: [],
    findEnd: findBlockEnd,
    makeSteps: (serial) => [
      {
        send: [
          'request=smtpd_access_policy',
          'protocol_state=RCPT',
          'protocol_name=ESMTP',
          `client_address=${CLIENT}`,
          'client_name=mx.remote.test',
          'client_port=40024',
          'reverse_client_name=mx.remote.test',
          `server_address=${SERVER}`,
          'server_port=25',
          'helo_name=mx.remote.test',
          `sender=${SENDER}`,
          `recipient=${recipients[serial % recipients.length]}`,
          'recipient_count=0',
          'queue_id=',
          `instance=${serial.toString(16)}.5f3c2a10.9d2f7.0`,
          'size=4096',
          'etrn_domain=',
          'stress=',
          'sasl_method=',
          'sasl_username=',
          'sasl_sender=',
          'ccert_subject=',
          'ccert_issuer=',
          'ccert_fingerprint=',
          'ccert_pubkey_fingerprint=',
          'encryption_protocol=TLSv1.3',
          'encryption_cipher=TLS_AES_256_GCM_SHA384',
          'encryption_keysize=256',
          'policy_context=',
          '\n',
        ].join('\n'),
        replies: ['action=DUNNO\n'],
      },
    ],
  };
}

const LMTP = {
  hello: [
    { send: '', until: '220 ' },
    { send: 'LHLO mx.example.test\r\n', until: '250' },
  ],
  findEnd: findReplyEnd,
  recovery: { send: 'RSET\r\n', replies: ['250 '] },
} as const;

/** Postfix pipelines a probe; here the connection is used again for the next. */
function probe(recipient: string): Step {
  return {
    send: `MAIL FROM:<${PROBE_SENDER}>\r\nRCPT TO:<${recipient}>\r\nRSET\r\n`,
    replies: ['250 ', '250 ', '250 '],
  };
}

function lmtp({
  recipients,
  recipientCount = 1,
  messageBytes,
  runId,
}: Extract<DialogueSettings, { kind: 'lmtp' }>): Dialogue {
  const line = `${'x'.repeat(LINE_LENGTH)}\r\n`;
  const body = line.repeat(Math.max(1, Math.floor((messageBytes - HEADER_BYTES) / line.length)));
  const saved = Array.from({ length: recipientCount }, () => '250 ');
  return {
    ...LMTP,
    makeSteps: (serial) => {
      const own = saved.map((_, i) => recipients[(serial * recipientCount + i) % recipients.length]);
      const headers = [
        `From: <${SENDER}>`,
        `To: <${own[0]}>`,
        `Subject: message ${serial}`,
        `Message-ID: <${runId}.${serial}@remote.test>`,
        'Date: Mon, 02 Nov 2026 10:00:00 +0000',
        '',
        '',
      ].join('\r\n');
      const paths = own.map((recipient) => `RCPT TO:<${recipient}>\r\n`).join('');
      const envelope = `MAIL FROM:<${SENDER}> BODY=8BITMIME\r\n${paths}DATA\r\n`;
      return [
        { send: envelope, replies: ['250 ', ...saved, '354 '] },
        { send: `${headers}${body}.\r\n`, replies: saved },
      ];
    },
  };
}

function cycle(requests: readonly (readonly Step[])[]): (serial: number) => readonly Step[] {
  return (serial) => requests[serial % requests.length] ?? [];
}

/** Policy: an empty line. */
function findBlockEnd(text: string, from: number): number {
  const end = text.indexOf('\n\n', from);
  return end === -1 ? -1 : end + 2;
}

function findNetstringEnd(text: string, from: number): number {
  const colon = text.indexOf(':', from);
  if (colon === -1) return -1;
  // The comma too.
  const end = colon + 1 + Number(text.slice(from, colon)) + 1;
  return end <= text.length ? end : -1;
}

/** LMTP: lines, of which the last has a space behind its code. */
function findReplyEnd(text: string, from: number): number {
  for (let start = from; ;) {
    const end = findLineEnd(text, start);
    if (end === -1 || text[start + 3] !== '-') return end;
    start = end;
  }
}
