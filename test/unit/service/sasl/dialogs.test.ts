/** Every transcript of the SASL service, played against one running service. */
import { after, before, describe, it } from 'node:test';
import { findDialogs, runDialog } from '../../../support/dialog.ts';
import { startSaslServer, type SaslServer } from '../../../support/sasl-server.ts';

describe('SASL dialog', () => {
  let server: SaslServer;
  before(async () => {
    server = await startSaslServer();
  });
  after(async () => {
    await server.stop();
    server.logger.assertQuiet(['auth.unavailable', 'connection.protocol-error']);
  });

  for (const { name, path } of findDialogs('sasl')) {
    it(name, () => runDialog({ path, connect: server.connect }));
  }
});
