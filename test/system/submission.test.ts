/** Logged-in users: through a real Postfix's submission services, wired by the printed lines. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { addAccount, openSubmission, PASSWORD, sampleMessage, startSite, type MailSite } from '../support/mail-site.ts';
import { SmtpClient } from '../support/smtp-client.ts';
import { waitFor } from '../support/wait.ts';

const ALICE = 'alice@example.test';
const BOB = 'bob@example.test';

describe('submission through Postfix', () => {
  let site: MailSite;

  before(async () => {
    site = await startSite({
      settings: { auth: { failure_delay: '500ms' } },
      populate: (postern) => {
        postern.run(['domain', 'add', 'example.test']);
        for (const address of [ALICE, BOB, 'carol@example.test']) addAccount(postern, address);
        postern.run(['alias', 'add', 'sales@example.test', ALICE, '--send-as']);
        postern.run(['alias', 'add', 'list@example.test', ALICE, BOB]);
      },
    });
  });
  after(() => site.stop());

  test('a login is accepted with 235, by PLAIN and by LOGIN, with STARTTLS and with TLS from the first byte', async () => {
    const client = await openSubmission(site);
    assert.equal((await client.authPlain(ALICE, PASSWORD)).code, 235);
    await client.quit();

    const login = await openSubmission(site);
    assert.equal((await login.authLogin('Alice@Example.TEST', PASSWORD)).code, 235);
    await login.quit();

    const tls = await SmtpClient.connect({ port: site.postfix.ports.submissions, isTls: true });
    await tls.ehlo();
    assert.equal((await tls.authPlain(ALICE, PASSWORD)).code, 235);
    await tls.quit();
  });

  test('AUTH is offered under TLS only, and never on port 25', async () => {
    const plain = await SmtpClient.connect({ port: site.postfix.ports.submission });
    await plain.ehlo();
    assert.ok(plain.capabilities.every((line) => !line.startsWith('AUTH')));
    assert.equal((await plain.authPlain(ALICE, PASSWORD)).code, 530);
    await plain.startTls();
    assert.ok(plain.capabilities.includes('AUTH PLAIN LOGIN'), plain.capabilities.join());
    await plain.quit();

    const incoming = await SmtpClient.connect({ port: site.postfix.ports.smtp });
    await incoming.ehlo();
    await incoming.startTls();
    assert.ok(incoming.capabilities.every((line) => !line.startsWith('AUTH')));
    await incoming.quit();
  });

  test('a wrong password and an unknown user get 535 with the same text', async () => {
    const client = await openSubmission(site);
    const wrong = await client.authPlain(ALICE, 'not the password');
    const unknown = await client.authPlain('nobody-here@example.test', PASSWORD);
    const foreign = await client.authLogin('someone@elsewhere.test', PASSWORD);
    await client.quit();
    assert.equal(wrong.code, 535);
    assert.deepEqual(unknown, wrong);
    assert.deepEqual(foreign, wrong);
    const [rejected] = site.postern.of('auth.rejected');
    assert.ok(rejected !== undefined);
    assert.ok(!JSON.stringify(site.postern.lines).includes('not the password'), 'a password in the log');
  });

  test('mail of a logged-in user lands in the Maildir unchanged but for LF line ends, with headers on top', async () => {
    const message = sampleMessage('submitted', ['X-Trailing: blank ', 'X-Folded: one', '\ttwo']);
    const client = await openSubmission(site);
    assert.equal((await client.authPlain(ALICE, PASSWORD)).code, 235);
    const { mail, recipients, data } = await client.send({ from: ALICE, to: [BOB], content: message });
    await client.quit();
    assert.deepEqual([mail.code, recipients[0]?.code, data?.code], [250, 250, 250]);

    const [stored] = await site.postern.waitForMessages(BOB, 1);
    const text = stored?.content.toString('latin1') ?? '';
    const original = message.replaceAll('\r\n', '\n');
    assert.ok(text.endsWith(original), text);
    assert.ok(!text.includes('\r'));
    const added = text.slice(0, -original.length);
    assert.match(added, /^Return-Path: <alice@example\.test>\nDelivered-To: bob@example\.test\nReceived: from /);
    assert.equal(added.match(/^Received: /gm)?.length, 2, added);
    assert.match(
      stored?.path ?? '',
      new RegExp(`/new/[^/]*,S=${text.length},W=${text.length + text.split('\n').length - 1}$`),
    );
  });

  test('a login may send as itself and as an alias that allows it; another address gets 553', async () => {
    const client = await openSubmission(site);
    assert.equal((await client.authPlain(ALICE, PASSWORD)).code, 235);
    const own = await client.send({ from: 'alice+news@example.test', to: [BOB], content: sampleMessage('own-detail') });
    const alias = await client.send({ from: 'sales@example.test', to: [BOB], content: sampleMessage('own-alias') });
    const list = await client.send({ from: 'list@example.test', to: [BOB], content: sampleMessage('not-own-alias') });
    const other = await client.send({ from: 'carol@example.test', to: [BOB], content: sampleMessage('not-own') });
    const stranger = await client.send({ from: 'x@elsewhere.test', to: [BOB], content: sampleMessage('foreign') });
    await client.quit();
    assert.equal(own.data?.code, 250, JSON.stringify(own));
    assert.equal(alias.data?.code, 250, JSON.stringify(alias));
    assert.equal(list.recipients[0]?.code, 553, JSON.stringify(list));
    assert.equal(other.recipients[0]?.code, 553);
    assert.equal(stranger.recipients[0]?.code, 553);
  });

  test('the policy service alone keeps a login to its own addresses', async () => {
    const printed = site.postfix.parameter('mua_sender_restrictions');
    await site.postfix.reconfigure({ mua_sender_restrictions: 'reject_non_fqdn_sender' });
    try {
      const client = await openSubmission(site);
      assert.equal((await client.authPlain(ALICE, PASSWORD)).code, 235);
      const replies: string[] = [];
      for (const from of [
        'alice+x@example.test',
        'sales@example.test',
        'list@example.test',
        BOB,
        'x@elsewhere.test',
        '',
      ]) {
        const { recipients, data } = await client.send({ from, to: [BOB], content: sampleMessage(`policy-${from}`) });
        replies.push(data === undefined ? (recipients[0]?.text ?? '') : String(data.code));
      }
      await client.quit();
      const refused = `5.7.1 <${BOB}>: Recipient address rejected: Sender address rejected: not owned by this login`;
      assert.deepEqual(replies, ['250', '250', refused, refused, refused, '250']);
    } finally {
      await site.postfix.reconfigure({ mua_sender_restrictions: printed });
    }
  });

  test('a user who is not logged in may send nothing on submission', async () => {
    const client = await openSubmission(site);
    const { recipients } = await client.send({ from: ALICE, to: [BOB], content: sampleMessage('anonymous') });
    assert.equal(recipients[0]?.code, 554);
    await client.quit();
  });

  test('RULES 22: Postfix learns the canonical account address, however it was typed', async () => {
    const client = await openSubmission(site);
    assert.equal((await client.authPlain('BOB@Example.Test', PASSWORD)).code, 235);
    const { data } = await client.send({ from: BOB, to: [ALICE], content: sampleMessage('canonical') });
    await client.quit();
    assert.equal(data?.code, 250);
    assert.match(site.postfix.log(), /sasl_method=PLAIN, sasl_username=bob@example\.test$/m);
  });

  test('a suspended account and a changed password bite within a second, known logins included', async () => {
    const login = async (password: string): Promise<number> => {
      const client = await openSubmission(site);
      const { code } = await client.authPlain(BOB, password);
      client.close();
      return code;
    };
    assert.equal(await login(PASSWORD), 235);
    site.postern.run(['account', 'suspend', BOB]);
    await biteWithin('the suspension', async () => (await login(PASSWORD)) === 535);
    site.postern.run(['account', 'resume', BOB]);
    await biteWithin('the end of it', async () => (await login(PASSWORD)) === 235);
    site.postern.run(['account', 'password', BOB, '--password-file', '-'], 'another one\n');
    await biteWithin('the new password', async () => (await login('another one')) === 235);
    assert.equal(await login(PASSWORD), 535);
  });

  test('a broken directory gives 454 and never 535, and 235 again when it is back', async () => {
    const files = databaseFiles(site);
    const client = await openSubmission(site);
    for (const file of files) renameSync(file, `${file}.away`);
    try {
      await waitFor('the outage to be noticed', async () => {
        const reply = await client.authPlain('carol@example.test', 'wrong or not, nobody can tell');
        return reply.code === 454;
      });
      // Carol has not logged in before, so no cache can know her.
      const reply = await client.authPlain('carol@example.test', PASSWORD);
      assert.equal(reply.code, 454, reply.text);
      assert.equal((await client.authPlain('unknown@example.test', PASSWORD)).code, 454);
    } finally {
      for (const file of files) renameSync(`${file}.away`, file);
    }
    await waitFor('logins to work again', async () => {
      return (await client.authPlain('carol@example.test', PASSWORD)).code === 235;
    });
    await client.quit();
  });

  test('Postfix and Postern log nothing unexpected', () => {
    const expected = /SASL (PLAIN|LOGIN) authentication failed/;
    assert.deepEqual(
      site.postfix.complaints().filter((line) => !expected.test(line)),
      [],
    );
    site.postern.assertQuiet(['store.fault', 'auth.rejected', 'auth.unavailable']);
  });
});

/** Fails unless something becomes true within a second of now. */
async function biteWithin(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const changedAt = Date.now();
  await waitFor(what, isTrue);
  // The failure delay of 500 ms and the reply of one more login are in it.
  assert.ok(Date.now() - changedAt < 2500, what);
}

function databaseFiles(site: MailSite): string[] {
  const state = join(site.folder, 'postern');
  const names = readdirSync(state).filter((name) => /^postern\.db(-wal|-shm)?$/.test(name));
  assert.ok(names.includes('postern.db'), names.join());
  return names.map((name) => join(state, name));
}
