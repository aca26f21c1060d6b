/**
 * AUTH PLAIN that fails, half for the password and half for the user, each from a network of its own. Postern sends a
 * failure at once when it is told to; Dovecot holds it for up to half a second even then, so that here only the CPU times
 * can be compared. Postern pays for a hash also where there is no user (RULES 40), Dovecot does not.
 */
import { createBesideWork } from './beside-dovecot.ts';
import { PASSWORD } from './bench-site.ts';

export const authWrong = createBesideWork({
  name: 'auth-wrong',
  about: 'AUTH PLAIN, wrong passwords and unknown users',
  users: 10_000,
  store: (hash) => hash(PASSWORD, 'SHA512-CRYPT'),
  mechanism: 'PLAIN',
  makeLogins: (users) =>
    users.map((user, i) => ({
      user: i % 2 === 0 ? user : `no${user}`,
      password: i % 2 === 0 ? `not ${PASSWORD}` : PASSWORD,
      expected: 'FAIL',
    })),
  origin: 'many networks',
  settings: { auth: { failure_delay: '0s', default_scheme: 'SHA512-CRYPT' } },
  dovecot: 'auth_failure_delay = 0',
});
