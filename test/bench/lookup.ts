/** Socketmap: does a recipient exist? Known recipients from the embedded database. */
import { createMailWork } from './mail-work.ts';

export const lookup = createMailWork({
  name: 'lookup',
  about: 'socketmap, table recipient',
  service: 'lookup',
  accounts: 2000,
  connections: 20,
  makeDialogue: (recipients) => ({ kind: 'lookup', recipients }),
});
