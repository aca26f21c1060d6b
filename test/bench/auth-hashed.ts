/** AUTH PLAIN with the price of SHA512-CRYPT each time: nothing is remembered on either side. */
import { createBesideWork } from './beside-dovecot.ts';
import { PASSWORD } from './bench-site.ts';
import { LONG } from './load.ts';

export const authHashed = createBesideWork({
  name: 'auth-hashed',
  about: 'AUTH PLAIN, SHA512-CRYPT, no cache',
  users: 1000,
  store: (hash) => hash(PASSWORD, 'SHA512-CRYPT'),
  mechanism: 'PLAIN',
  settings: { auth: { cache_size: '0' } },
  dovecot: 'auth_cache_size = 0',
  limit: LONG,
  knowsCeiling: true,
  watchesLoop: true,
});
