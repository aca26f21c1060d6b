/**
 * AUTH PLAIN of known users. The passwords are stored as PLAIN, which is what Dovecot is fastest with; Postern remembers
 * good logins whatever the scheme.
 */
import { createBesideWork } from './beside-dovecot.ts';
import { PASSWORD } from './bench-site.ts';

export const authPlain = createBesideWork({
  name: 'auth-plain',
  about: 'AUTH PLAIN, known login',
  users: 10_000,
  store: () => `{PLAIN}${PASSWORD}`,
  mechanism: 'PLAIN',
  knowsUsers: true,
});
