/** Every transcript of the SASL service, played against one running service. */
import { after, before, describe, it } from 'node:test';
import { findDialogs, runDialog } from '../../../support/dialog.ts';
import { STILL_WORLD } from '../../../support/play-mechanism.ts';
import { startSaslServer, type SaslServer } from '../../../support/sasl-server.ts';
import { STORED_PASSWORDS } from '../../../support/stored-passwords.ts';

const EVERY_MECHANISM = [
  'PLAIN',
  'LOGIN',
  'CRAM-MD5',
  'DIGEST-MD5',
  'SCRAM-SHA-1',
  'SCRAM-SHA-256',
  'EXTERNAL',
  'ANONYMOUS',
];

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

describe('SASL dialog with every mechanism', () => {
  let server: SaslServer;
  before(async () => {
    // What servers choose at random is the same at every run, so that transcripts hold whole exchanges.
    const world = { ...STILL_WORLD, realms: ['example.com'] };
    server = await startSaslServer({ mechanisms: EVERY_MECHANISM, failureDelayMs: 20 }, { world });
    for (const [scheme, stored] of Object.entries(STORED_PASSWORDS)) {
      const user = scheme === 'DIGEST-MD5' ? 'user' : scheme.toLowerCase();
      server.passdb.set(`${user}@example.com`, stored);
    }
  });
  after(async () => {
    await server.stop();
    server.logger.assertQuiet(['auth.unavailable']);
  });

  for (const { name, path } of findDialogs('sasl-mechanisms')) {
    it(name, () => runDialog({ path, connect: server.connect }));
  }
});
