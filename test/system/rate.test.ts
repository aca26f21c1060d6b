/** Limits on sending: through a real Postfix's submission, across a restart, and by the command. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { addAccount, openSubmission, PASSWORD, sampleMessage, startSite, type MailSite } from '../support/mail-site.ts';
import type { Reply } from '../support/smtp-client.ts';

const ALICE = 'alice@example.test';
const BOB = 'bob@example.test';
const MESSAGE = 'Too much for one hour';

describe('limits on sending', () => {
  let site: MailSite;

  before(async () => {
    site = await startSite({
      settings: {
        policy: { rate_messages_per_hour: '3', rate_recipients_per_day: '5', rate_exceeded_message: MESSAGE },
      },
      populate: (postern) => {
        postern.run(['domain', 'add', 'example.test']);
        for (const address of [ALICE, BOB]) addAccount(postern, address);
      },
    });
  });
  after(() => site.stop());

  /** Sends one message; the reply that decided, and where it came. */
  async function send(
    login: string,
    to: readonly string[],
  ): Promise<{ stage: 'rcpt' | 'data'; reply: Reply | undefined }> {
    const client = await openSubmission(site);
    assert.equal((await client.authPlain(login, PASSWORD)).code, 235);
    const { recipients, data } = await client.send({ from: login, to, content: sampleMessage('rate') });
    await client.quit();
    return data === undefined ? { stage: 'rcpt', reply: recipients[0] } : { stage: 'data', reply: data };
  }

  async function sendWell(login: string, to: readonly string[]): Promise<void> {
    const { stage, reply } = await send(login, to);
    assert.deepEqual([stage, reply?.code], ['data', 250], reply?.text);
  }

  function listed(who: string): { messages: number; recipients: number }[] {
    const rows: { who: string; sent: { hour: never; day: never } }[] = JSON.parse(
      site.postern.run(['rate', 'list', who, '--json']),
    );
    return rows.flatMap(({ sent }) => [sent.hour, sent.day]);
  }

  test('the messages of an hour: the fourth is told to wait at RCPT, in our words, and other logins go on', async () => {
    for (let i = 0; i < 3; i++) await sendWell(ALICE, [BOB]);
    const { stage, reply } = await send(ALICE, [BOB]);
    assert.equal(stage, 'rcpt');
    assert.equal(reply?.code, 450);
    assert.equal(reply?.text, `4.7.1 <${BOB}>: Recipient address rejected: ${MESSAGE}`);
    await sendWell(BOB, [ALICE]);
    assert.deepEqual(listed(ALICE), [
      { messages: 3, recipients: 3 },
      { messages: 3, recipients: 3 },
    ]);
    assert.equal(site.postern.of('policy.rate-exceeded').length, 1);
  });

  test('what was counted survives a restart', async () => {
    await site.postern.stop();
    await site.postern.start();
    assert.equal((await send(ALICE, [BOB])).reply?.code, 450);
  });

  test('recipients count all, and a message with too many is stopped at its end', async () => {
    await sendWell(BOB, [ALICE, 'alice+a@example.test', 'alice+b@example.test']);
    const { stage, reply } = await send(BOB, [ALICE, BOB]);
    assert.deepEqual([stage, reply?.code], ['data', 450]);
    assert.match(reply?.text ?? '', new RegExp(MESSAGE));
    assert.deepEqual(listed(BOB)[1], { messages: 2, recipients: 4 });
  });

  test('"rate list" shows who sent how much of which limit; "rate reset" lets a login go on', async () => {
    const table = site.postern.run(['rate', 'list']);
    assert.match(
      table,
      /^LOGIN OR DOMAIN +MESSAGES\/HOUR +RECIPIENTS\/HOUR +MESSAGES\/DAY +RECIPIENTS\/DAY +SUSPENDED SINCE$/m,
    );
    assert.match(table, /^alice@example\.test +3 of 3 +3 +3 +3 of 5 +-$/m);
    assert.match(table, /^@example\.test +5 +7 +5 +7 +-$/m);
    assert.equal(site.postern.run(['rate', 'reset', 'Alice@Example.TEST']), 'Reset Alice@Example.TEST\n');
    await sendWell(ALICE, [BOB]);
    assert.match(site.postern.tryRun(['rate', 'reset', 'nobody@example.test']).stderr, /sent nothing/);
    assert.equal(site.postern.run(['rate', 'reset', 'all']), 'Reset 3\n');
    assert.match(site.postern.tryRun(['rate', 'list']).stderr, /Nobody sent anything/);
    site.postern.assertQuiet(['policy.rate-exceeded', 'policy.rate-warning']);
  });

  test('without a daemon the command says so, exit code 75', async () => {
    await site.postern.stop();
    assert.equal(site.postern.tryRun(['rate', 'list']).status, 75);
  });
});

describe('a login past its limit, with rate_suspend', () => {
  let site: MailSite;

  before(async () => {
    site = await startSite({
      settings: { policy: { rate_messages_per_hour: '2', rate_suspend: 'yes' } },
      populate: (postern) => {
        postern.run(['domain', 'add', 'example.test']);
        for (const address of [ALICE, BOB]) addAccount(postern, address);
        postern.run(['alias', 'add', 'postmaster@example.test', BOB]);
      },
    });
  });
  after(() => site.stop());

  /** The reply that decided about one message of Alice. */
  async function send(): Promise<Reply | undefined> {
    const client = await openSubmission(site);
    assert.equal((await client.authPlain(ALICE, PASSWORD)).code, 235);
    const { recipients, data } = await client.send({ from: ALICE, to: [ALICE], content: sampleMessage('suspend') });
    await client.quit();
    return data ?? recipients[0];
  }

  test('is suspended across a restart, the postmaster is told, and "rate reset" lets it send again', async () => {
    const { postern } = site;
    assert.equal((await send())?.code, 250);
    assert.equal((await send())?.code, 250);
    const refused = await send();
    assert.equal(refused?.code, 554);
    assert.match(refused.text, /5\.7\.1 .*sent too much and was suspended/);
    const [notice] = await postern.waitForMessages(BOB, 1);
    assert.match(notice?.content.toString() ?? '', /^Subject: alice@example\.test may not send mail any more$/m);
    assert.match(notice?.content.toString() ?? '', /^Delivered-To: postmaster@example\.test$/m);
    await postern.stop();
    await postern.start();
    assert.equal((await send())?.code, 554);
    assert.match(postern.run(['rate', 'list', ALICE]), /^alice@example\.test .* 20\d\d-\d\d-\d\dT[\d:.]+Z *$/m);
    assert.equal(postern.run(['rate', 'reset', ALICE]), `Reset ${ALICE}\n`);
    assert.equal((await send())?.code, 250);
  });
});
