/** Full mailboxes: refused at RCPT by policy, at END-OF-MESSAGE, and at LMTP; and the policy service being out. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  addAccount,
  addMailboxes,
  openSubmission,
  PASSWORD,
  sampleMessage,
  sendFromOutside,
  startSite,
  type MailSite,
} from '../support/mail-site.ts';
import { waitFor } from '../support/wait.ts';

const FROM = 'someone@remote.test';
const KIB = 1024;
const LIMIT_BYTES = 200 * KIB;

/** A message of about `bytes`. */
function messageOf(id: string, bytes: number): string {
  const line = `${'y'.repeat(76)}\r\n`;
  return sampleMessage(id) + line.repeat(Math.ceil(bytes / line.length));
}

describe('quota through Postfix', () => {
  let site: MailSite;

  before(async () => {
    site = await startSite({
      settings: { quota: { rule: `*:storage=${LIMIT_BYTES / KIB}K`, grace: '0' } },
      populate: (postern) => {
        postern.run(['domain', 'add', 'example.test']);
        addAccount(postern, 'half@example.test');
        addMailboxes(postern, ['full@example.test', 'empty@example.test', 'filling@example.test']);
        postern.run(['alias', 'add', 'stuffed@example.test', 'full@example.test']);
      },
    });
    await fill('full@example.test', LIMIT_BYTES - 5 * KIB);
    await fill('half@example.test', LIMIT_BYTES / 2);
  });
  after(() => site.stop());

  async function fill(address: string, bytes: number): Promise<void> {
    const message = { from: FROM, to: [address], content: messageOf('filling', bytes) };
    assert.equal((await sendFromOutside(site, message)).data?.code, 250);
    await site.postern.waitForMessages(address, 1);
  }

  test('over quota by the announced size is refused at RCPT by policy', async () => {
    const message = { from: FROM, content: messageOf('announced', 50 * KIB), parameters: `SIZE=${50 * KIB}` };
    const { recipients } = await sendFromOutside(site, { ...message, to: ['full@example.test'] });
    assert.equal(recipients[0]?.code, 552);
    assert.match(recipients[0]?.text ?? '', /^5\.2\.2 .*Quota exceeded/);
    const alias = await sendFromOutside(site, { ...message, to: ['stuffed@example.test'] });
    assert.equal(alias.recipients[0]?.code, 552, 'through an alias');
    const other = await sendFromOutside(site, { ...message, to: ['empty@example.test'] });
    assert.equal(other.data?.code, 250);
  });

  test('a message that shows its size only at the end is refused after the dot when nobody has room', async () => {
    const message = { from: FROM, to: ['half@example.test'], content: messageOf('unannounced', LIMIT_BYTES) };
    const { recipients, data } = await sendFromOutside(site, message);
    assert.equal(recipients[0]?.code, 250);
    assert.equal(data?.code, 552, JSON.stringify(data));
  });

  test('over quota is refused at LMTP when another recipient has room, who gets it', async () => {
    const earlier = site.postern.messages('empty@example.test').length;
    const to = ['full@example.test', 'empty@example.test'];
    const message = { from: FROM, to, content: messageOf('one-full', 20 * KIB) };
    const { recipients, data } = await sendFromOutside(site, message);
    assert.deepEqual([...recipients.map(({ code }) => code), data?.code], [250, 250, 250]);
    await site.postern.waitForMessages('empty@example.test', earlier + 1);
    await waitFor('the bounce to be sent off', () => site.postfix.queue().length === 0);
    assert.match(site.postfix.log(), /to=<full@example\.test>.* dsn=5\.2\.2, status=bounced \(.* 552 5\.2\.2 /);
    assert.equal(site.postern.messages('full@example.test').length, 1);
  });

  test('RULES 27: with the policy service out, mail from outside comes in and submission is told to try again', async () => {
    await site.postern.stop();
    site.postern.configure({ policy: { listen: '' } });
    await site.postern.start();
    const message = { from: FROM, to: ['filling@example.test'], content: sampleMessage('no-policy') };
    const { recipients, data } = await sendFromOutside(site, message);
    assert.deepEqual([recipients[0]?.code, data?.code], [250, 250], JSON.stringify(recipients));
    await site.postern.waitForMessages('filling@example.test', 1);

    const client = await openSubmission(site);
    assert.equal((await client.authPlain('half@example.test', PASSWORD)).code, 235);
    const submitted = await client.send({ ...message, from: 'half@example.test' });
    await client.quit();
    assert.equal(submitted.recipients[0]?.code, 451);
    assert.match(submitted.recipients[0]?.text ?? '', /try again later/);
  });

  test('Postfix and Postern log nothing unexpected', () => {
    const expected = /problem talking to server postern\/policy|connect to postern\/policy/;
    assert.deepEqual(
      site.postfix.complaints().filter((line) => !expected.test(line)),
      [],
    );
    site.postern.assertQuiet();
  });
});

describe('postern quota', () => {
  let site: MailSite;

  before(async () => {
    site = await startSite({
      populate: (postern) => {
        postern.run(['domain', 'add', 'example.test']);
        addMailboxes(postern, ['own@example.test', 'other@example.test']);
      },
    });
  });
  after(() => site.stop());

  test('sets rules that count in the running daemon, shows them with the usage, and takes them away', async () => {
    const { postern } = site;
    assert.equal(
      postern.run(['quota', 'set', 'own@example.test', '*:storage=1M', 'Trash:storage=+10%']),
      'Set the quota of own@example.test\n',
    );
    const sent = await sendFromOutside(site, {
      from: FROM,
      to: ['own@example.test'],
      content: messageOf('half', 500 * KIB),
    });
    assert.equal(sent.data?.code, 250);
    await postern.waitForMessages('own@example.test', 1);
    await waitFor('the usage to be shown', () =>
      /^quota +STORAGE +4\d\d +1024 +4\d$/m.test(postern.run(['quota', 'get', 'own@example.test'])),
    );
    const refused = await sendFromOutside(site, {
      from: FROM,
      to: ['own@example.test'],
      content: 'x\r\n',
      parameters: `SIZE=${800 * KIB}`,
    });
    assert.equal(refused.recipients[0]?.code, 552);
    postern.run(['quota', 'set', 'own@example.test', 'none']);
    await waitFor('no limit', () =>
      /^quota +STORAGE +4\d\d +- +0$/m.test(postern.run(['quota', 'get', 'own@example.test'])),
    );
  });

  test('says what is wrong with a rule, with a user, and with what it was not given', () => {
    const codes = [
      ['set', 'own@example.test', '*:storage=x'],
      ['set', 'own@example.test', '*:storage=1M', 'none'],
      ['set', 'own@example.test', ''],
      ['set', 'own@example.test'],
      ['set', 'nobody@example.test', '*:storage=1M'],
      ['get', 'nobody@example.test'],
      ['get'],
    ].map((args) => site.postern.tryRun(['quota', ...args]).status);
    assert.deepEqual(codes, [64, 64, 64, 64, 67, 67, 64]);
  });
});

describe('quota warnings', () => {
  let site: MailSite;
  const ran = mkdtempSync(join(tmpdir(), 'postern-warned-'));
  chmodSync(ran, 0o777);

  before(async () => {
    site = await startSite({
      settings: {
        quota: {
          rule: `*:storage=${LIMIT_BYTES / KIB}K`,
          warning: 'storage=95%',
          warning2: `storage=80%% /usr/bin/touch ${ran}/%u`,
        },
      },
      populate: (postern) => {
        postern.run(['domain', 'add', 'example.test']);
        addMailboxes(postern, ['near@example.test']);
      },
    });
  });
  after(async () => {
    await site.stop();
    rmSync(ran, { recursive: true });
  });

  test('put a notice into the mailbox that fills up, and run the command', async () => {
    const to = ['near@example.test'];
    for (const bytes of [100 * KIB, 70 * KIB, KIB]) {
      const sent = await sendFromOutside(site, { from: FROM, to, content: messageOf(`warn ${bytes}`, bytes) });
      assert.equal(sent.data?.code, 250);
      await waitFor('the delivery', () => site.postfix.queue().length === 0);
    }
    const messages = await site.postern.waitForMessages('near@example.test', 4);
    const notices = messages.filter(({ content }) => content.toString().includes('Auto-Submitted: auto-generated'));
    assert.equal(notices.length, 1);
    assert.match(notices[0]?.content.toString() ?? '', /^Subject: Your mailbox is 8\d % full$/m);
    await waitFor('the command', () => existsSync(join(ran, 'near@example.test')));
    site.postern.assertQuiet();
  });
});

describe('an account over quota for too long', () => {
  let site: MailSite;
  const FULL = 'full@example.test';

  before(async () => {
    site = await startSite({
      settings: { quota: { rule: '*:storage=20K', over_quota_after: '3s' } },
      populate: (postern) => {
        postern.run(['domain', 'add', 'example.test']);
        addMailboxes(postern, [FULL]);
      },
    });
  });
  after(() => site.stop());

  async function send(bytes: number): Promise<number | undefined> {
    const { recipients, data } = await sendFromOutside(site, {
      from: FROM,
      to: [FULL],
      content: messageOf('x', bytes),
    });
    return data?.code ?? recipients[0]?.code;
  }

  test('takes no mail until there is room, over a restart, and is told of both', async () => {
    const { postern } = site;
    // With the grace of 10 % it goes past the limit.
    assert.equal(await send(20 * KIB), 250);
    await postern.waitForMessages(FULL, 1);
    // Only what looks at the account notices; a tiny one would else be refused as any other.
    await send(10);
    await postern.waitForMessages(FULL, 2);
    await waitFor('the account to refuse', async () => (await send(10)) === 550);
    await postern.stop();
    await postern.start();
    assert.equal(await send(10), 550);
    const cur = readdirSync(join(postern.maildir(FULL), 'new'));
    for (const name of cur) rmSync(join(postern.maildir(FULL), 'new', name));
    await waitFor('mail to be taken', async () => (await send(10)) === 250);
    const subjects = (await postern.waitForMessages(FULL, 2)).map(
      ({ content }) => /^Subject: (.*)$/m.exec(content.toString())?.[1] ?? '',
    );
    assert.ok(subjects.includes('Your mailbox takes mail again'), subjects.join());
    assert.equal(postern.of('quota.overdue').length, 1);
    postern.assertQuiet(['quota.overdue']);
  });
});
