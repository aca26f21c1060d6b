/**
 * Every setting of Postern: section, key, reader with bounds, default, one sentence, and whether a reload can change
 * it. The type `Config`, the sample `etc/postern.ini` and `etc/README.md` all follow from this table; after a change
 * run `npm run docs`. The rows of the five services stand in `service-settings.ts`. DESIGN 4.
 */
import { hostname } from 'node:os';
import { parseDomain } from '../core/address.ts';
import {
  delimiters,
  fixedDirectory,
  home,
  location,
  network,
  quotaRule,
  replyCode,
  replyText,
  usernameFormat,
} from './mail-readers.ts';
import { choice, count, duration, hostName, list, optional, path, text, userOrGroup, yesNo } from './readers.ts';
import { autoconfig, http, lmtp, lookup, policy, sasl } from './service-settings.ts';
import { live, restart } from './setting.ts';

const SECOND_MS = 1000;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** Postfix gives up after 10 s and every reply leaves within 8 s (DESIGN 1.3), so a delay must end well before. */
const MAX_FAILURE_DELAY_MS = 6 * SECOND_MS;
/** systemd kills after 90 s unless told otherwise; an hour of waiting would be a hung restart. */
const MAX_GRACE_MS = 10 * MINUTE_MS;
const MAX_WORKERS = 256;
const MAX_QUEUE = 100_000;
const MAX_CACHE_ENTRIES = 10_000_000;

/** Schemes a new password can have: slow ones only. */
const NEW_PASSWORD_SCHEMES = ['ARGON2ID', 'BLF-CRYPT', 'SHA512-CRYPT', 'SHA256-CRYPT'] as const;
/** Schemes a stored password without `{SCHEME}` can be meant to have. */
const STORED_SCHEMES = ['CRYPT', 'PLAIN', ...NEW_PASSWORD_SCHEMES, 'SSHA', 'SSHA256', 'SSHA512'] as const;
const MECHANISMS = ['plain', 'login'] as const;
const DRIVERS = ['sqlite', 'passwd-file'] as const;

const optionalPath = optional(path);
const localPart = text({ pattern: /^[!-~]{1,64}$/, form: 'local part' });

/** Sections that stand once. Their order is the order of the documents; a derived default looks only upwards. */
export const SECTIONS = {
  postern: {
    words: 'The process itself.',
    settings: {
      hostname: restart(hostName, {
        default: {
          derive: () => parseDomain(hostname()) ?? 'localhost',
          words: 'the name of this machine',
          example: 'mail.example.com',
        },
        words: 'Name of this host in greetings, Received lines and Maildir file names.',
      }),
      user: restart(optional(userOrGroup), {
        default: '',
        words: 'User to become when started as root; empty stays who we are.',
      }),
      group: restart(optional(userOrGroup), {
        default: '',
        words: 'Group to become when started as root; empty takes the main group of the user.',
      }),
      state_dir: restart(path, {
        default: '/var/lib/postern',
        words: 'Directory of the database and of what Postern must remember.',
      }),
      grace: restart(duration({ min: 0, max: MAX_GRACE_MS }), {
        default: '10s',
        words: 'At a stop, sessions may end what they are doing for this long.',
      }),
    },
  },
  log: {
    words: 'What is written to standard output.',
    settings: {
      level: live(choice(['debug', 'info', 'warn', 'error']), {
        default: 'info',
        words: 'Least weight of a line that is written.',
      }),
      format: restart(choice(['auto', 'json', 'pretty']), {
        default: 'auto',
        words: 'JSON lines or lines for people; auto writes for people when standard output is a terminal.',
      }),
    },
  },
  auth: {
    words: 'How a login is judged.',
    settings: {
      mechanisms: restart(list(choice(MECHANISMS, 'mechanism'), { min: 1 }), {
        default: 'plain login',
        words: 'SASL mechanisms offered to Postfix.',
      }),
      username_format: restart(usernameFormat, {
        default: '%Lu',
        words: 'The account name made of what was typed as login name.',
      }),
      failure_delay: live(duration({ min: 0, max: MAX_FAILURE_DELAY_MS }), {
        default: '2s',
        words: 'A failed login is answered this long after it came.',
      }),
      default_scheme: restart(choice(NEW_PASSWORD_SCHEMES, 'scheme'), {
        default: 'ARGON2ID',
        words: 'Scheme of new passwords; an unknown user costs the time of one such hash.',
      }),
      disable_plaintext_auth: restart(yesNo, {
        default: 'yes',
        words: 'Refuse PLAIN and LOGIN outside TLS, but for clients on loopback and in trusted_networks.',
      }),
      trusted_networks: restart(list(network), {
        default: '',
        words: 'Networks whose clients may send passwords outside TLS.',
      }),
      hash_queue: restart(count({ min: 1, max: MAX_QUEUE }), {
        default: '1000',
        words: 'Password checks that may wait; past it a login is told to come later.',
      }),
      hash_workers: restart(count({ min: 0, max: MAX_WORKERS }), {
        default: '0',
        words: 'Threads that check passwords; 0 is one for each core.',
      }),
      cache_size: restart(count({ min: 0, max: MAX_CACHE_ENTRIES }), {
        default: '10000',
        words: 'Successful logins kept in memory; 0 keeps none.',
      }),
      cache_ttl: restart(duration({ min: SECOND_MS, max: DAY_MS }), {
        default: '1h',
        words: 'A successful login is kept at most this long; a changed password ends it at once.',
      }),
    },
  },
  mail: {
    words: 'Where mail is stored.',
    settings: {
      home: restart(home, {
        default: '/var/vmail/%Ld/%Ln',
        words: 'Home directory of an account whose userdb names none.',
      }),
      location: restart(location, {
        default: 'maildir:~/Maildir',
        words: 'Where the mail of an account is, in the words of mail_location.',
      }),
      roots: restart(list(path, { min: 1 }), {
        default: {
          derive: (textOf) => fixedDirectory(textOf('mail', 'home')),
          words: 'the part of home before its first variable',
          example: '/var/vmail',
        },
        words: 'Directories that mail may live under. Postern never creates them.',
      }),
      separator: restart(choice(['/', '.']), {
        default: '/',
        words: 'Between the levels of a mailbox name, as the IMAP server shows it.',
      }),
      recipient_delimiter: restart(delimiters, {
        default: '+',
        words: 'Characters that part the user from the detail, as in main.cf.',
      }),
      save_to_detail_mailbox: restart(yesNo, {
        default: 'no',
        words: 'Deliver mail for user+detail to the mailbox named like the detail.',
      }),
      lda_mailbox_autocreate: restart(yesNo, {
        default: 'no',
        words: 'Create a mailbox that mail is delivered to; strangers choose the detail, so mind the name.',
      }),
      retry_window: restart(duration({ min: MINUTE_MS, max: 30 * DAY_MS }), {
        default: '1d',
        words: 'For this long a message that comes again is known to be the same.',
      }),
      probe_senders: restart(list(localPart), {
        default: 'double-bounce',
        words: 'Local parts of the senders that Postfix verifies addresses with (address_verify_sender).',
      }),
    },
  },
  quota: {
    words: 'How much an account may keep, unless its userdb says otherwise.',
    settings: {
      rule: restart(quotaRule, {
        default: '',
        words: 'Limit of every account; storage without a unit counts KiB, empty is no limit.',
      }),
      exceeded_message: restart(replyText, {
        default: 'Quota exceeded (mailbox for user is full)',
        words: 'What the sender reads when a mailbox is full.',
      }),
      exceeded_code: restart(replyCode([552, 452]), {
        default: '552',
        words: 'Refuse mail for a full mailbox for good (552) or for now (452).',
      }),
    },
  },
  sasl,
  policy,
  lmtp,
  lookup,
  http,
  autoconfig,
} as const;

/** Sections that carry a name, such as `[passdb local]`, and may stand several times; their order counts. */
export const NAMED_SECTIONS = {
  passdb: {
    words:
      'A place that knows passwords. They are asked in the order of the file; without any, there is [passdb local].',
    settings: {
      driver: restart(choice(DRIVERS, 'driver'), {
        default: 'sqlite',
        words: 'The embedded database, or a file in the format of Dovecot.',
      }),
      path: restart(optionalPath, { default: '', words: 'File of the driver passwd-file.' }),
      default_scheme: restart(choice(STORED_SCHEMES, 'scheme'), {
        default: 'CRYPT',
        words: 'Scheme of the passwords in a passwd-file that name none.',
      }),
    },
  },
  userdb: {
    words:
      'A place that knows accounts. They are asked in the order of the file; without any, there is [userdb local].',
    settings: {
      driver: restart(choice(DRIVERS, 'driver'), {
        default: 'sqlite',
        words: 'The embedded database, or a file in the format of Dovecot.',
      }),
      path: restart(optionalPath, { default: '', words: 'File of the driver passwd-file.' }),
    },
  },
} as const;
