/** SCRAM-SHA-256, both messages, of users whose verifier is stored. */
import { createBesideWork } from './beside-dovecot.ts';
import { PASSWORD } from './bench-site.ts';

export const authScram = createBesideWork({
  name: 'auth-scram',
  about: 'SCRAM-SHA-256',
  users: 10_000,
  store: (hash) => hash(PASSWORD, 'SCRAM-SHA-256'),
  mechanism: 'SCRAM-SHA-256',
  settings: { auth: { mechanisms: 'plain scram-sha-256' } },
  dovecot: 'auth_mechanisms = plain scram-sha-256',
});
