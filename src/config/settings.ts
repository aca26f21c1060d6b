/**
 * Every setting of Postern: section, key, reader with bounds, default, one sentence, and whether a reload can change
 * it. The type `Config`, the sample `etc/postern.ini` and `etc/README.md` all follow from this table; after a change
 * run `npm run docs`. The rows of `[auth]`, of the databases, of quotas and of the five services stand in files of their own. DESIGN 4.
 */
import { hostname } from 'node:os';
import { parseDomain } from '../core/address.ts';
import { auth } from './auth-settings.ts';
import { delimiters, fixedDirectory, home, location } from './mail-readers.ts';
import { passdb, userdb } from './database-settings.ts';
import { quota, quotaRoot } from './quota-settings.ts';
import { choice, duration, hostName, list, optional, path, text, userOrGroup, yesNo } from './readers.ts';
import { autoconfig, http, lmtp, lookup, policy, sasl } from './service-settings.ts';
import { live, restart } from './setting.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** systemd kills after 90 s unless told otherwise; an hour of waiting would be a hung restart. */
const MAX_GRACE_MS = 10 * MINUTE_MS;

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
  auth,
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
      notice_folder: restart(optional(path), {
        default: '',
        words:
          'Directory of texts in place of the built-in ones, such as quota-warning.en.txt; contrib/README.md lists them.',
      }),
      notice_language: restart(choice(['en', 'de'], 'language'), {
        default: 'en',
        words: 'Language of the notices that Postern sends to users.',
      }),
      probe_senders: restart(list(localPart), {
        default: 'double-bounce',
        words: 'Local parts of the senders that Postfix verifies addresses with (address_verify_sender).',
      }),
    },
  },
  quota,
  sasl,
  policy,
  lmtp,
  lookup,
  http,
  autoconfig,
} as const;

/** Sections of which there may be several, each with a name of its own behind the kind. */
export const NAMED_SECTIONS = { passdb, userdb, quota: quotaRoot } as const;
