/**
 * Deliveries of 4 KB, one recipient each, synced to the file system of $TMPDIR and counted against a quota. What that
 * file system does with fsync is most of the result: tmpfs syncs nothing.
 */
import { createAloneWork } from './alone.ts';

export const lmtp = createAloneWork({
  name: 'lmtp',
  about: 'LMTP, messages of 4 KB, with quota',
  service: 'lmtp',
  accounts: 100,
  connections: 20,
  settings: { quota: { rule: '*:storage=100G' } },
  makeDialogue: (recipients, round) => ({ kind: 'lmtp', recipients, messageBytes: 4096, runId: `run${round}` }),
});
