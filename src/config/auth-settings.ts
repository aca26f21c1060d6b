/** The rows of `[auth]` in the settings table; `settings.ts` puts them into it. */
import { characterSet, plainName, separator, translation } from './auth-readers.ts';
import { network, usernameFormat } from './mail-readers.ts';
import { choice, count, duration, hostName, list, optional, yesNo } from './readers.ts';
import { live, restart } from './setting.ts';

const SECOND_MS = 1000;
const DAY_MS = 86_400_000;

/** Postfix gives up after 10 s and every reply leaves within 8 s (DESIGN 1.3), so a delay must end well before. */
const MAX_FAILURE_DELAY_MS = 6 * SECOND_MS;
const MAX_WORKERS = 256;
const MAX_QUEUE = 100_000;
const MAX_CACHE_ENTRIES = 10_000_000;

/** Schemes a new password can have: slow ones only. */
const NEW_PASSWORD_SCHEMES = [
  'ARGON2ID',
  'BLF-CRYPT',
  'SHA512-CRYPT',
  'SHA256-CRYPT',
  'SCRAM-SHA-256',
  'PBKDF2',
] as const;

/** The mechanisms there are, in lower case as people write them. */
export const MECHANISMS = [
  'plain',
  'login',
  'cram-md5',
  'digest-md5',
  'scram-sha-1',
  'scram-sha-256',
  'external',
  'anonymous',
] as const;

export const auth = {
  words: 'How a login is judged.',
  settings: {
    mechanisms: live(list(choice(MECHANISMS, 'mechanism'), { min: 1 }), {
      default: 'plain login',
      words:
        'SASL mechanisms offered to Postfix, in this order; contrib/README.md says which stored passwords serve each.',
    }),
    username_format: restart(usernameFormat, {
      default: '%Lu',
      words: 'The account name made of what was typed as login name.',
    }),
    username_chars: restart(characterSet, {
      default: '',
      words: 'Characters a login name may have; empty is every character that is no danger.',
    }),
    username_translation: restart(translation, {
      default: '',
      words: 'Characters that mean another in a login name: "#@", in quotes, takes user#domain for user@domain.',
    }),
    default_domain: restart(optional(hostName), {
      default: '',
      words: 'Domain of login names that have none; empty leaves them as they are.',
    }),
    auth_master_user_separator: restart(optional(separator), {
      default: '',
      words: 'Parts the user from the master in user*master; empty leaves the authorization id of PLAIN only.',
    }),
    anonymous_username: restart(plainName, {
      default: 'anonymous',
      words: 'The name of whoever logs in by ANONYMOUS, who may never send.',
    }),
    realms: restart(list(plainName), {
      default: '',
      words: 'Realms offered in DIGEST-MD5; empty lets the client take the domain of its name.',
    }),
    failure_delay: live(duration({ min: 0, max: MAX_FAILURE_DELAY_MS }), {
      default: '2s',
      words: 'A failed login is answered this long after it came.',
    }),
    default_scheme: restart(choice(NEW_PASSWORD_SCHEMES, 'scheme'), {
      default: 'ARGON2ID',
      words: 'Scheme of new passwords; an unknown user costs the time of one such hash.',
    }),
    upgrade_scheme: restart(yesNo, {
      default: 'no',
      words: 'Hash a password of the embedded database anew at a login when it is weaker than default_scheme.',
    }),
    app_passwords_required: restart(yesNo, {
      default: 'no',
      words: 'Refuse the main password of every account; a domain or an account can ask for it by itself.',
    }),
    disable_plaintext_auth: restart(yesNo, {
      default: 'yes',
      words: 'Refuse PLAIN and LOGIN outside TLS, but for clients on loopback and in trusted_networks.',
    }),
    trusted_networks: restart(list(network), {
      default: '',
      words: 'Networks whose clients may send passwords outside TLS, and are not slowed by penalties.',
    }),
    penalties: restart(yesNo, {
      default: 'yes',
      words: 'Slow logins down for networks and users with many failures; a right password is never refused by it.',
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
      words:
        'Successful logins that stay in memory, the last ones used; at most twice as many are there. 0 keeps none.',
    }),
    cache_ttl: restart(duration({ min: SECOND_MS, max: DAY_MS }), {
      default: '1h',
      words: 'A successful login is kept at most this long; a changed password ends it at once.',
    }),
  },
} as const;
