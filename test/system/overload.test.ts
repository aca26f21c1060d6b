/** RULES 19: too many connections are answered in each protocol's own words, and Postfix stays alive. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  addAccount,
  openSubmission,
  PASSWORD,
  sampleMessage,
  sendFromOutside,
  startSite,
  type MailSite,
} from '../support/mail-site.ts';
import { waitFor } from '../support/wait.ts';

const ALICE = 'alice@example.test';
const FROM = 'someone@remote.test';
/** The least the configuration allows. */
const MAX_CONNECTIONS = 64;

describe('RULES 19: overload', () => {
  let site: MailSite;

  before(async () => {
    const limit = { max_connections: String(MAX_CONNECTIONS) };
    site = await startSite({
      settings: { sasl: limit, policy: limit, lmtp: limit, lookup: limit, quota: { rule: '*:storage=100K' } },
      populate: (postern) => {
        postern.run(['domain', 'add', 'example.test']);
        addAccount(postern, ALICE);
      },
    });
  });
  after(() => site.stop());

  /** Runs `check` while a service has as many connections as it may, and none of Postfix's own. */
  async function whileFull(socket: string, check: () => Promise<void>): Promise<void> {
    const path = join(site.postern.socketDirectory, socket);
    const held: Socket[] = [];
    try {
      for (let i = 0; i < MAX_CONNECTIONS; i++) {
        const connection = createConnection(path);
        connection.on('error', () => {});
        held.push(connection);
        await once(connection, 'connect');
      }
      await check();
    } finally {
      for (const connection of held) connection.destroy();
    }
  }

  test('sasl completes its handshake and gives 454, and 235 when there is room again', async () => {
    await whileFull('auth', async () => {
      const client = await openSubmission(site);
      assert.equal((await client.authPlain(ALICE, PASSWORD)).code, 454);
      await client.quit();
    });
    await waitFor('logins to work again', async () => {
      const client = await openSubmission(site);
      const { code } = await client.authPlain(ALICE, PASSWORD);
      await client.quit();
      return code === 235;
    });
  });

  test('lmtp defers at RCPT without the destination being suspended, and the mail arrives later', async () => {
    await whileFull('lmtp', async () => {
      const message = { from: FROM, to: [ALICE], content: sampleMessage('lmtp-full') };
      assert.equal((await sendFromOutside(site, message)).data?.code, 250);
      await waitFor('the deferral', () => / status=deferred .* 451 4\.3\.2 /.test(site.postfix.log()), 15_000);
    });
    site.postfix.flush();
    await site.postern.waitForMessages(ALICE, 1);
    assert.doesNotMatch(site.postfix.log(), /delivery temporarily suspended/);
  });

  test('lookup says TEMP: 451, never 550', async () => {
    // Its own connections to the lookup service are closed by Postfix after 10 s; a new smtpd makes new ones.
    await site.postfix.stop();
    await site.postfix.start();
    await whileFull('lookup', async () => {
      const message = { from: FROM, to: [ALICE, 'unknown@example.test'], content: sampleMessage('lookup-full') };
      const { recipients } = await sendFromOutside(site, message);
      assert.deepEqual(
        recipients.map(({ code }) => code),
        [451, 451],
      );
    });
  });

  test('policy says DUNNO: mail still comes in', async () => {
    await site.postfix.stop();
    await site.postfix.start();
    await whileFull('policy', async () => {
      const message = { from: FROM, to: [ALICE], content: sampleMessage('policy-full') };
      assert.equal((await sendFromOutside(site, message)).data?.code, 250);
    });
    await site.postern.waitForMessages(ALICE, 2);
  });

  test('smtpd processes never died', () => {
    assert.doesNotMatch(site.postfix.log(), /fatal:|bad command startup/);
  });
});
