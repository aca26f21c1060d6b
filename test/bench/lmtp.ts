/**
 * Deliveries of 4 KB, one recipient each, synced to the file system of $TMPDIR and counted against a quota. What that
 * file system does with fsync is most of the result: tmpfs syncs nothing.
 */
import { createMailWork, WITH_QUOTA } from './mail-work.ts';

export const lmtp = createMailWork({
  name: 'lmtp',
  about: 'LMTP, messages of 4 KB, with quota',
  service: 'lmtp',
  accounts: 100,
  connections: 20,
  beside: 'messages',
  settings: WITH_QUOTA,
  makeDialogue: (recipients, round) => ({ kind: 'lmtp', recipients, messageBytes: 4096, runId: `run${round}` }),
});

/** One body for many: what counts is copies. */
export const lmtpMany = createMailWork({
  name: 'lmtp-many',
  about: 'LMTP, messages of 4 KB to 10 recipients each, with quota',
  service: 'lmtp',
  accounts: 100,
  connections: 20,
  beside: 'messages',
  settings: WITH_QUOTA,
  makeDialogue: (recipients, round) => ({
    kind: 'lmtp',
    recipients,
    recipientCount: 10,
    messageBytes: 4096,
    runId: `many${round}`,
  }),
});

export const lmtpLarge = createMailWork({
  name: 'lmtp-large',
  about: 'LMTP, messages of 1 MB, with quota',
  service: 'lmtp',
  accounts: 100,
  connections: 20,
  beside: 'messages',
  settings: WITH_QUOTA,
  makeDialogue: (recipients, round) => ({ kind: 'lmtp', recipients, messageBytes: 1024 ** 2, runId: `large${round}` }),
});
