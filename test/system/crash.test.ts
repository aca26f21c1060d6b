/** RULES 2 and 3 at work: Postern is killed in the middle of deliveries, and no message is lost or doubled. */
import assert from 'node:assert/strict';
import { renameSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { addMailboxes, messageId, sampleMessage, startSite, type MailSite } from '../support/mail-site.ts';
import { SmtpClient } from '../support/smtp-client.ts';
import { waitFor } from '../support/wait.ts';

const FROM = 'someone@remote.test';
const MESSAGES = 200;
const CLIENTS = 4;
const USERS = ['a@example.test', 'b@example.test', 'c@example.test'];
/** Messages stored when the kill comes, for each of the rounds: early, in the middle, late. */
const KILL_AFTER = [20, 80, 140] as const;

describe('kill -9 of Postern during deliveries', () => {
  let site: MailSite;

  before(async () => {
    site = await startSite({
      populate: (postern) => {
        postern.run(['domain', 'add', 'example.test']);
        addMailboxes(postern, USERS);
      },
    });
  });
  after(() => site.stop());

  function stored(): string[] {
    return USERS.flatMap((user) => site.postern.messages(user).map(({ content }) => messageId(content)));
  }

  function queued(): string[] {
    return site.postfix.queue().map(({ queueId }) => messageId(site.postfix.readQueued(queueId)));
  }

  async function sendAll(ids: readonly string[], accepted: string[]): Promise<void> {
    const client = await SmtpClient.connect({ port: site.postfix.ports.smtp });
    await client.ehlo();
    for (const [i, id] of ids.entries()) {
      const to = USERS[i % USERS.length] ?? FROM;
      // While Postern is down recipients cannot be looked up (451), and a sender tries again.
      await waitFor(
        `${id} to be accepted`,
        async () => (await client.send({ from: FROM, to: [to], content: sampleMessage(id) })).data?.code === 250,
        60_000,
      );
      accepted.push(id);
    }
    await client.quit();
  }

  test('every accepted message is in a Maildir or in the queue, never in neither, and none is there twice', async () => {
    const accepted: string[] = [];
    const ids = Array.from({ length: MESSAGES }, (_, i) => `crash-${i}`);
    const sending = Promise.all(
      Array.from({ length: CLIENTS }, (_, n) =>
        sendAll(
          ids.filter((_id, i) => i % CLIENTS === n),
          accepted,
        ),
      ),
    );
    for (const count of KILL_AFTER) {
      await waitFor(`${count} messages`, () => stored().length >= count, 30_000);
      await site.postern.kill();
      const present = new Set([...stored(), ...queued()]);
      const known = accepted.filter((id) => !present.has(id));
      // A message accepted just now may still be on its way into the queue.
      await waitFor('every message to be somewhere', () => {
        const now = new Set([...stored(), ...queued()]);
        return known.every((id) => now.has(id));
      });
      await site.postern.start();
      site.postfix.flush();
    }
    await sending;
    assert.equal(accepted.length, MESSAGES);
    await waitFor('an empty queue', () => site.postfix.queue().length === 0, 60_000);

    const found = stored().toSorted();
    assert.deepEqual(found, accepted.toSorted(), 'each accepted message once');
  });

  test('RULES 2 and 3: a message that comes again is stored once, and stored anew when its copy is gone', async () => {
    const [, , to = ''] = USERS;
    const present = (): string[] => {
      const found = site.postern.messages(to).filter(({ content }) => messageId(content) === 'again');
      return found.map(({ path }) => path);
    };
    const send = async (): Promise<void> => {
      const client = await SmtpClient.connect({ path: join(site.postern.socketDirectory, 'lmtp') });
      await client.ehlo('LHLO');
      assert.equal((await client.send({ from: FROM, to: [to], content: sampleMessage('again') })).data?.code, 250);
      await client.quit();
    };
    await send();
    const [path = ''] = present();
    await send();
    assert.deepEqual(present(), [path]);

    // Also across a kill, and when the user has read it meanwhile.
    const read = path.replace('/new/', '/cur/') + ':2,S';
    renameSync(path, read);
    await site.postern.kill();
    await site.postern.start();
    await send();
    assert.deepEqual(present(), [read]);

    unlinkSync(read);
    await send();
    assert.equal(present().length, 1);
  });

  test('the kills hit deliveries, and nothing unexpected is logged', () => {
    assert.match(site.postfix.log(), /lost connection with|Connection refused|No such file or directory/);
    site.postern.assertQuiet();
  });
});
