/** Room that policy reserved for a message is given up once LMTP has stored it: the message counts once, not twice. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { addAccount, sampleMessage, startSite, type MailSite } from '../support/mail-site.ts';
import { SmtpClient } from '../support/smtp-client.ts';
import { waitFor } from '../support/wait.ts';

const ADDRESS = 'growing@example.test';
const KIB = 1024;
const MESSAGE_BYTES = 90 * KIB;

describe('a reservation', () => {
  let site: MailSite;

  before(async () => {
    site = await startSite({
      settings: { quota: { rule: '*:storage=200K', grace: '0' } },
      populate: (postern) => {
        postern.run(['domain', 'add', 'example.test']);
        addAccount(postern, ADDRESS);
      },
    });
  });
  after(() => site.stop());

  test('RULES 26: ends at delivery, so that a second message of the announced size still fits', async () => {
    const line = `${'z'.repeat(76)}\r\n`;
    // Sessions stay open side by side: a new transaction of the same smtpd process would end the reservation as well.
    const sessions: SmtpClient[] = [];
    for (const count of [1, 2]) {
      const session = await SmtpClient.connect({ port: site.postfix.ports.smtp });
      sessions.push(session);
      await session.ehlo();
      const content = sampleMessage(`growing-${count}`) + line.repeat(Math.floor(MESSAGE_BYTES / line.length) - 20);
      const message = { from: 'someone@remote.test', to: [ADDRESS], content, parameters: `SIZE=${MESSAGE_BYTES}` };
      const { recipients, data } = await session.send(message);
      assert.deepEqual([recipients[0]?.code, data?.code], [250, 250], JSON.stringify(recipients));
      await site.postern.waitForMessages(ADDRESS, count);
      await waitFor('the delivery', () => site.postern.of('lmtp.delivered').length === count);
    }
    for (const session of sessions) await session.quit();
    site.postern.assertQuiet();
  });
});
