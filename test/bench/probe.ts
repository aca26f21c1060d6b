/** LMTP as Postfix verifies a recipient: MAIL, RCPT and RSET in one write, on a connection that stays open. */
import { createMailWork, WITH_QUOTA } from './mail-work.ts';

export const probe = createMailWork({
  name: 'probe',
  about: 'LMTP MAIL, RCPT, RSET',
  service: 'lmtp',
  accounts: 100,
  connections: 20,
  beside: 'probes',
  settings: WITH_QUOTA,
  makeDialogue: (recipients) => ({ kind: 'probe', recipients }),
});
