/** Every transcript of the LMTP service, each against a service of its own. */
import { describe, it } from 'node:test';
import { findDialogs, runDialog } from '../../../support/dialog.ts';
import { startLmtp } from '../../../support/lmtp-server.ts';

describe('LMTP dialog', () => {
  for (const { name, path } of findDialogs('lmtp')) {
    it(name, async (t) => {
      const server = await startLmtp(t);
      await runDialog({ path, connect: server.connect });
      server.logger.assertQuiet(['lmtp.deferred']);
    });
  }
});
