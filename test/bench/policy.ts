/**
 * Policy at RCPT: is there room in the mailbox? Every account has a limit and no mail yet, and each question is of a mail
 * of its own, so each makes a reservation.
 */
import { createMailWork, WITH_QUOTA } from './mail-work.ts';

export const policy = createMailWork({
  name: 'policy',
  about: 'quota at RCPT',
  service: 'policy',
  accounts: 100,
  connections: 10,
  beside: 'answers',
  settings: WITH_QUOTA,
  makeDialogue: (recipients) => ({ kind: 'policy', recipients }),
});
