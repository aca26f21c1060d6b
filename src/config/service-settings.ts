/** The rows of the five services and of autoconfig in the settings table; `settings.ts` puts them into it. */
import { endpoint, network, port, replyCode, replyText } from './mail-readers.ts';
import { choice, count, duration, hostName, list, mode, size, text, yesNo } from './readers.ts';
import { restart, type DerivedDefault } from './setting.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const KIB = 1024;
const GIB = 1024 ** 3;

/** Fewer than this many connections a busy Postfix needs in an ordinary hour. */
const MIN_CONNECTIONS = 64;
const MAX_CONNECTIONS = 65_536;
/** Postfix keeps its connections open between questions; one closed early costs it a failed question. */
const MIN_IDLE_MS = 20 * MINUTE_MS;
/** RFC 5321 section 4.5.3.1.8: a server takes at least 100 recipients. */
const MIN_RECIPIENTS = 100;
const MAX_RECIPIENTS = 50_000;
const MIN_MESSAGE_BYTES = 64 * KIB;
const MAX_MESSAGE_BYTES = 4 * GIB;
/** RFC 5321 section 6.3: a server that counts hops to find loops allows 100. */
const DEFAULT_HOPS = '100';
/** Postfix counts 50 at most by default; below that mail which it takes would be refused here. */
const MIN_HOPS = 50;
const MAX_HOPS = 10_000;
const MIN_HEADER_BYTES = 64 * KIB;

/** Each is a file in policy/rules. */
const POLICY_RULES = ['account-state', 'sender', 'rate', 'quota'] as const;
const MAX_RATE = 10_000_000;

/** A limit on what is sent. */
function rateLimit(words: string) {
  return restart(count({ min: 0, max: MAX_RATE }), { default: '0', words: `${words}; 0 is no limit.` });
}

/** Where Postfix, chrooted or not, can reach a socket that an ordinary user made (DESIGN 1.8). */
const SOCKET_DIR = '/var/spool/postfix/postern';

/** The settings that every service has which Postfix speaks to. */
function listening(socket: string) {
  return {
    listen: restart(list(endpoint), {
      default: `unix:${SOCKET_DIR}/${socket}`,
      words: 'Where Postfix finds the service; empty turns it off.',
    }),
    socket_mode: restart(mode, { default: '0660', words: 'Permissions of the unix sockets.' }),
    allow_nets: restart(list(network), {
      default: '',
      words: 'Networks that may connect; demanded as soon as the service listens beyond loopback.',
    }),
    max_connections: restart(count({ min: MIN_CONNECTIONS, max: MAX_CONNECTIONS }), {
      default: '1024',
      words: 'Past so many connections new ones are told to come later.',
    }),
    idle_timeout: restart(duration({ min: MIN_IDLE_MS, max: DAY_MS }), {
      default: '1h',
      words: 'A connection without a question is closed after this long.',
    }),
  };
}

export const sasl = {
  words: 'Logins for Postfix: smtpd_sasl_type = dovecot, smtpd_sasl_path = postern/auth.',
  settings: listening('auth'),
} as const;

export const policy = {
  words: 'Quota, account state and sender rights for Postfix: check_policy_service unix:postern/policy.',
  settings: {
    ...listening('policy'),
    rules: restart(list(choice(POLICY_RULES, 'rule'), { min: 1 }), {
      default: POLICY_RULES.join(', '),
      words: 'Rules asked in this order; the first that decides counts. One left out decides nothing.',
    }),
    rate_messages_per_hour: rateLimit('Messages that a login may send in an hour'),
    rate_recipients_per_hour: rateLimit('Recipients of all messages of a login in an hour'),
    rate_messages_per_day: rateLimit('Messages that a login may send in a day'),
    rate_recipients_per_day: rateLimit('Recipients of all messages of a login in a day'),
    rate_domain_messages_per_hour: rateLimit('Messages that all logins of a domain may send in an hour'),
    rate_domain_recipients_per_hour: rateLimit('Recipients of all messages of a domain in an hour'),
    rate_domain_messages_per_day: rateLimit('Messages that all logins of a domain may send in a day'),
    rate_domain_recipients_per_day: rateLimit('Recipients of all messages of a domain in a day'),
    rate_warning: restart(count({ min: 0, max: 100 }), {
      default: '80',
      words: 'Percentage of a limit at which the log says so; 0 for never.',
    }),
    rate_suspend: restart(yesNo, {
      default: 'no',
      words:
        'A login past its own limit may send nothing until "postern rate reset LOGIN", and the postmaster of its domain gets a notice.',
    }),
    rate_exceeded_code: restart(replyCode([450, 554]), {
      default: '450',
      words: 'Mail past a limit has to wait (450), or is refused (554).',
    }),
    rate_exceeded_message: restart(replyText, {
      default: 'Sending limit reached, try again later',
      words: 'What a login reads that sent too much.',
    }),
  },
} as const;

export const lmtp = {
  words: 'Delivery for Postfix: lmtp:unix:postern/lmtp in a transport map or as virtual_transport.',
  settings: {
    ...listening('lmtp'),
    max_message_size: restart(size({ min: MIN_MESSAGE_BYTES, max: MAX_MESSAGE_BYTES }), {
      default: '100M',
      words: 'Largest message, announced and enforced; no smaller than message_size_limit of Postfix.',
    }),
    max_recipients: restart(count({ min: MIN_RECIPIENTS, max: MAX_RECIPIENTS }), {
      default: '1000',
      words: 'Recipients of one transaction; Postfix brings the others in the next.',
    }),
    max_received_headers: restart(count({ min: MIN_HOPS, max: MAX_HOPS }), {
      default: DEFAULT_HOPS,
      words:
        'A message with more Received fields goes in circles and is refused; no less than hopcount_limit of Postfix.',
    }),
    max_header_size: restart(size({ min: MIN_HEADER_BYTES, max: MAX_MESSAGE_BYTES }), {
      default: '1M',
      words: 'A message whose header is longer is refused; no smaller than header_size_limit of Postfix.',
    }),
    hdr_delivery_address: restart(choice(['final', 'none'], 'address'), {
      default: 'final',
      words:
        'What Delivered-To says, for messages with one recipient: the address as Postfix gave it, or there is none (for flags=D in master.cf).',
    }),
    add_received: restart(yesNo, { default: 'yes', words: 'Add a Received line to what is delivered.' }),
  },
} as const;

export const lookup = {
  words: 'Tables for Postfix: socketmap:unix:postern/lookup:MAP with the maps domain, recipient, alias and sender.',
  settings: listening('lookup'),
} as const;

export const http = {
  words: 'Set-up of mail clients (autoconfig, autodiscover) and the health of Postern, behind a web server with TLS.',
  settings: {
    listen: restart(list(endpoint), {
      default: 'inet:127.0.0.1:8080',
      words: 'Where the web server finds the service; empty turns it off.',
    }),
    socket_mode: restart(mode, { default: '0660', words: 'Permissions of the unix sockets.' }),
    max_connections: restart(count({ min: MIN_CONNECTIONS, max: MAX_CONNECTIONS }), {
      default: '1024',
      words: 'Past so many connections new ones are told to come later.',
    }),
    trusted_proxies: restart(list(network), {
      default: '127.0.0.0/8, ::1/128',
      words: 'Web servers whose X-Forwarded-For and X-Forwarded-Host are believed.',
    }),
  },
} as const;

const OWN_NAME: DerivedDefault = {
  derive: (textOf) => textOf('postern', 'hostname'),
  words: 'the [postern] hostname',
  example: 'mail.example.com',
};
const socketTypes = choice(['SSL', 'STARTTLS'], 'socket type');

export const autoconfig = {
  words: 'What mail clients are told about the servers of our accounts.',
  settings: {
    imap_host: restart(hostName, { default: OWN_NAME, words: 'Host of the IMAP server.' }),
    imap_port: restart(port, { default: '993', words: 'Port of the IMAP server.' }),
    imap_socket: restart(socketTypes, { default: 'SSL', words: 'TLS from the first byte, or STARTTLS, for IMAP.' }),
    smtp_host: restart(hostName, { default: OWN_NAME, words: 'Host of the submission server.' }),
    smtp_port: restart(port, { default: '465', words: 'Port of the submission server.' }),
    smtp_socket: restart(socketTypes, {
      default: 'SSL',
      words: 'TLS from the first byte, or STARTTLS, for submission.',
    }),
    display_name: restart(
      text({ pattern: /^[^\p{Cc}]{0,100}$/u, form: 'a line of at most 100 characters; may be empty' }),
      {
        default: '',
        words: 'Name of the provider that clients show; empty shows the domain.',
      },
    ),
  },
} as const;
