/** LMTP as Postfix verifies a recipient: MAIL, RCPT and RSET in one write, on a connection that stays open. */
import { createAloneWork } from './alone.ts';

export const probe = createAloneWork({
  name: 'probe',
  about: 'LMTP MAIL, RCPT, RSET',
  service: 'lmtp',
  accounts: 100,
  connections: 20,
  settings: { quota: { rule: '*:storage=100G' } },
  makeDialogue: (recipients) => ({ kind: 'probe', recipients }),
});
