/**
 * Policy at RCPT: is there room in the mailbox? Every account has a limit and no mail yet, and each question is of a mail
 * of its own, so each makes a reservation.
 */
import { createAloneWork } from './alone.ts';

export const policy = createAloneWork({
  name: 'policy',
  about: 'quota at RCPT',
  service: 'policy',
  accounts: 100,
  connections: 10,
  settings: { quota: { rule: '*:storage=100G' } },
  makeDialogue: (recipients) => ({ kind: 'policy', recipients }),
});
