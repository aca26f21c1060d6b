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
/** Copies stored when the kill comes, for each of the rounds: early, in the middle, late. */
const KILL_AFTER = [20, 110, 200] as const;

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

  /** `message recipient` for each copy in a Maildir. */
  function stored(): string[] {
    return USERS.flatMap((user) => site.postern.messages(user).map(({ content }) => `${messageId(content)} ${user}`));
  }

  /** `message recipient` for each recipient that Postfix still has to deliver to. */
  function queued(): string[] {
    return site.postfix.queue().flatMap(({ queueId, recipients }) => {
      const text = site.postfix.findQueued(queueId);
      return text === undefined ? [] : recipients.map(({ address }) => `${messageId(text)} ${address}`);
    });
  }

  /** Sends the messages one after the other, every other one to two users, and notes what was accepted. */
  async function sendAll(ids: readonly string[], accepted: string[]): Promise<void> {
    const client = await SmtpClient.connect({ port: site.postfix.ports.smtp });
    await client.ehlo();
    for (const [i, id] of ids.entries()) {
      const first = i % USERS.length;
      const to = [...USERS, ...USERS].slice(first, first + 1 + (i % 2));
      // While Postern is down recipients cannot be looked up (451), and a sender tries again.
      await waitFor(
        `${id} to be accepted`,
        async () => {
          const { recipients, data } = await client.send({ from: FROM, to, content: sampleMessage(id) });
          const taken = to.filter((_user, n) => recipients[n]?.code === 250);
          // What was accepted for some is repeated for nobody: another message does for the others.
          if (data?.code === 250) accepted.push(...taken.map((user) => `${id} ${user}`));
          return data?.code === 250;
        },
        60_000,
      );
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
      await waitFor(`${count} copies`, () => stored().length >= count, 30_000);
      await site.postern.kill();
      const taken = [...accepted];
      // A message that Postfix moves from queue to queue can be missed by one look, not by several.
      const present = new Set(stored());
      await waitFor('every accepted copy in a Maildir or in the queue', () => {
        for (const copy of queued()) present.add(copy);
        return taken.every((copy) => present.has(copy));
      });
      await site.postern.start();
      site.postfix.flush();
    }
    await sending;
    await waitFor('an empty queue', () => site.postfix.queue().length === 0, 60_000);

    assert.ok(new Set(accepted.map((copy) => copy.split(' ')[0])).size === MESSAGES);
    assert.deepEqual(stored().toSorted(), accepted.toSorted(), 'each accepted copy once');
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
