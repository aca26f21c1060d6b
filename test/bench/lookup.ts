/** Socketmap: does a recipient exist? Known recipients from the embedded database. */
import { createAloneWork } from './alone.ts';

export const lookup = createAloneWork({
  name: 'lookup',
  about: 'socketmap, table recipient',
  service: 'lookup',
  accounts: 2000,
  connections: 20,
  makeDialogue: (recipients) => ({ kind: 'lookup', recipients }),
});
