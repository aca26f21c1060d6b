/**
 * A mail disk in trouble: a small file system of its own that runs full, is read-only, closed, or not mounted. Nothing is
 * lost or bounced: mail waits in Postfix's queue until the disk is well, and no restart is needed.
 */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, existsSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  addMailboxes,
  messageId,
  sampleMessage,
  sendFromOutside,
  startSite,
  type MailSite,
} from '../support/mail-site.ts';
import { SmtpClient, type Reply } from '../support/smtp-client.ts';
import { MAIL_USER, runTool } from '../support/system-folder.ts';
import { waitFor } from '../support/wait.ts';

const FROM = 'someone@remote.test';
const USER = 'alice@example.test';
const NEW_USER = 'new@example.test';
const DISK_BYTES = 4 * 1024 * 1024;
const BIG_BYTES = 300 * 1024;
const SETTLE_MS = 60_000;
/** What Postern may complain about while its disk is in trouble. */
const EXPECTED = ['lmtp.deferred', 'mail.root-missing'];

/** A message of about `bytes`. */
function messageOf(id: string, bytes = 0): string {
  const line = `${'z'.repeat(76)}\r\n`;
  return sampleMessage(id) + line.repeat(Math.ceil(bytes / line.length));
}

function moveMount(from: string, to: string): void {
  runTool('mount', ['--bind', from, to]);
  runTool('umount', [from]);
}

/** Why the messages in the queue wait. */
function delays({ postfix }: MailSite): string {
  return postfix
    .queue()
    .flatMap(({ recipients }) => recipients.map(({ delayReason }) => delayReason))
    .join('\n');
}

describe('a mail disk in trouble', () => {
  let site: MailSite;
  let mailRoot: string;

  before(async () => {
    site = await startSite({
      settings: { quota: { rule: '*:storage=2M' } },
      populate: (postern) => {
        mailRoot = join(postern.folder, 'mail');
        mount();
        postern.run(['domain', 'add', 'example.test']);
        addMailboxes(postern, [USER, NEW_USER]);
      },
    });
    await deliver('first');
  });
  after(async () => {
    runTool('umount', [mailRoot]);
    await site.stop();
  });

  function mount(): void {
    runTool('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES},mode=700`, 'tmpfs', mailRoot]);
    chownSync(mailRoot, MAIL_USER.uid, MAIL_USER.gid);
  }

  async function send(id: string, bytes = 0): Promise<void> {
    const { data } = await sendFromOutside(site, { from: FROM, to: [USER], content: messageOf(id, bytes) });
    assert.equal(data?.code, 250, `${id}: Postfix takes it`);
  }

  /** Sends a message and waits until it lies in the mailbox. */
  async function deliver(id: string): Promise<void> {
    await send(id);
    await waitFor(`${id} in the mailbox`, () => ids().includes(id), SETTLE_MS);
  }

  /** Waits until Postfix has the message back in its queue, with this reason. */
  async function waitForDelay(reason: RegExp): Promise<void> {
    await waitFor(`the queue to say ${reason}`, () => reason.test(delays(site)), SETTLE_MS).catch((error: unknown) =>
      assert.fail(`${String(error)}: ${delays(site)}`),
    );
  }

  /** What Postern itself says to one message of one recipient. */
  async function ask(to: string, content: string): Promise<Reply> {
    const client = await SmtpClient.connect({ path: join(site.postern.socketDirectory, 'lmtp') });
    await client.ehlo('LHLO');
    const { recipients, data } = await client.send({ from: FROM, to: [to], content });
    await client.quit();
    const reply = data ?? recipients[0];
    assert.ok(reply !== undefined);
    return reply;
  }

  function ids(): string[] {
    return site.postern.messages(USER).map(({ content }) => messageId(content));
  }

  /** Nothing was half-written: `tmp` is empty, and what lies there is whole. */
  function assertClean(): void {
    assert.deepEqual(readdirSync(join(site.postern.maildir(USER), 'tmp')), []);
    for (const { content } of site.postern.messages(USER)) assert.match(content.toString(), /^This is /m);
  }

  /** The queue is tried again, and everything in it arrives once. */
  async function recover(expected: readonly string[]): Promise<void> {
    await waitFor(
      'the queue to be empty',
      () => {
        site.postfix.flush();
        return site.postfix.queue().length === 0;
      },
      SETTLE_MS,
    );
    const got = ids();
    for (const id of expected) assert.equal(got.filter((other) => other === id).length, 1, `copies of ${id}`);
    assertClean();
    assert.doesNotMatch(site.postfix.log(), /status=bounced/);
  }

  test('full: 452 4.3.1, nothing half-written, and the mail arrives once there is room', async () => {
    const filler = join(mailRoot, 'filler');
    const free = statfsSync(mailRoot).bfree * statfsSync(mailRoot).bsize;
    writeFileSync(filler, Buffer.alloc(free - BIG_BYTES / 3));
    const reply = await ask(USER, messageOf('too-much', BIG_BYTES));
    assert.equal(reply.code, 452);
    assert.match(reply.text, /^4\.3\.1 /);
    assertClean();
    await send('while-full', BIG_BYTES);
    await waitForDelay(/452 4\.3\.1/);
    assertClean();
    await deliver('fits-nevertheless');
    rmSync(filler);
    await recover(['while-full', 'fits-nevertheless']);
  });

  test('full to the last byte: not even a new mailbox can be made, and it is made later', async () => {
    const filler = join(mailRoot, 'filler');
    writeFileSync(filler, Buffer.alloc(statfsSync(mailRoot).bfree * statfsSync(mailRoot).bsize));
    for (const to of [USER, NEW_USER]) {
      const { code, text } = await ask(to, messageOf('nothing-fits'));
      assert.equal(code, 452, `${to}: ${text}`);
    }
    rmSync(filler);
    assert.equal((await ask(NEW_USER, messageOf('later'))).code, 250);
    await site.postern.waitForMessages(NEW_USER, 1);
  });

  test('read-only: temporary, and over when it can be written to', async () => {
    runTool('mount', ['-o', 'remount,ro', mailRoot]);
    try {
      const { code, text } = await ask(USER, messageOf('refused'));
      assert.equal(code, 451, text);
      await send('while-read-only');
      await waitForDelay(/451 4\.3\.0/);
    } finally {
      runTool('mount', ['-o', 'remount,rw', mailRoot]);
    }
    await recover(['while-read-only']);
  });

  test('closed to us: temporary, and over when it is open', async () => {
    chmodSync(mailRoot, 0o000);
    chownSync(mailRoot, 0, 0);
    const { code, text } = await ask(USER, messageOf('refused'));
    assert.equal(code, 451, text);
    await send('while-closed');
    await waitForDelay(/451 4\.3\.0/);
    chownSync(mailRoot, MAIL_USER.uid, MAIL_USER.gid);
    chmodSync(mailRoot, 0o700);
    await recover(['while-closed']);
  });

  test('not mounted (RULES 8): nothing is made in its place, and mail arrives when it is back', async () => {
    const hidden = join(site.folder, 'elsewhere');
    runTool('mkdir', [hidden]);
    moveMount(mailRoot, hidden);
    try {
      assert.deepEqual(readdirSync(mailRoot), []);
      await send('while-gone');
      await waitForDelay(/451 4\.3\.0/);
      assert.deepEqual(readdirSync(mailRoot), [], 'nothing is made on the disk below');
      // Another disk in its place is not the one that was seen.
      mount();
      const { code, text } = await ask(USER, messageOf('other-disk'));
      assert.equal(code, 451, text);
      assert.deepEqual(readdirSync(mailRoot), []);
      runTool('umount', [mailRoot]);
    } finally {
      moveMount(hidden, mailRoot);
    }
    await recover(['while-gone']);
  });

  test('is taken as it is by "mailbox mount accept" (RULES 8)', async () => {
    runTool('umount', [mailRoot]);
    mount();
    await send('on-the-new-disk');
    await waitForDelay(/451 4\.3\.0/);
    site.postern.run(['mailbox', 'mount', 'accept']);
    await recover(['on-the-new-disk']);
    assert.ok(existsSync(site.postern.maildir(USER)));
    site.postern.assertQuiet(EXPECTED);
  });
});
