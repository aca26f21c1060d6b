/** Mail from outside: through a real Postfix into Maildirs, wired by the printed lines. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startDovecot, type Dovecot } from '../support/dovecot.ts';
import {
  addMailboxes,
  messageId,
  sampleMessage,
  sendFromOutside,
  startSite,
  type MailSite,
} from '../support/mail-site.ts';
import { SmtpClient } from '../support/smtp-client.ts';
import { waitFor } from '../support/wait.ts';

const FROM = 'someone@remote.test';
const MIB = 1024 * 1024;
const BIG_MESSAGE_BYTES = 30 * MIB;
/** Garbage not yet collected comes and goes by this much; a message held in memory would show as its size. */
const MAX_GROWTH_BYTES = 15 * MIB;

describe('delivery through Postfix', () => {
  let site: MailSite;
  let dovecot: Dovecot;

  before(async () => {
    site = await startSite({
      populate: (postern) => {
        postern.run(['domain', 'add', 'example.test']);
        postern.run(['domain', 'add', 'bücher.example']);
        postern.run(['domain', 'add', 'catch.example', '--catch-all', 'carol@example.test']);
        postern.run(['domain', 'add', 'second.example', '--stands-for', 'example.test']);
        const names = ['alice', 'bob', 'carol', 'broken', 'held', 'big', 'jürgen', '"q uoted"'];
        addMailboxes(postern, [...names.map((name) => `${name}@example.test`), 'info@bücher.example']);
        postern.run(['alias', 'add', 'sales@example.test', 'alice@example.test']);
        postern.run(['alias', 'add', 'team@example.test', 'alice@example.test', 'bob@example.test']);
        postern.run(['alias', 'add', 'mixed@example.test', 'bob@example.test', 'friend@elsewhere.test']);
        postern.run(['alias', 'add', 'chain@example.test', 'sales@example.test']);
      },
    });
    dovecot = await startDovecot({ folder: join(site.folder, 'dovecot'), home: site.postern.home });
  });
  after(async () => {
    await dovecot.stop();
    await site.stop();
  });

  /** Sends one message that every recipient is accepted for, and fails otherwise. */
  async function deliver(id: string, to: readonly string[]): Promise<void> {
    const { recipients, data } = await sendFromOutside(site, { from: FROM, to, content: sampleMessage(id) });
    assert.deepEqual([...recipients.map(({ code }) => code), data?.code], [...to.map(() => 250), 250], id);
  }

  /** Ids of the messages in a mailbox. */
  function ids(address: string): string[] {
    return site.postern.messages(address).map(({ content }) => messageId(content));
  }

  async function waitForId(address: string, id: string): Promise<void> {
    await waitFor(`${id} at ${address}`, () => ids(address).includes(id), 60_000);
  }

  /** Status of each delivery of a message in Postfix's log, as `recipient status`. */
  function statuses(id: string): string[] {
    const queueId = new RegExp(`(\\w+): message-id=<${id}@`).exec(site.postfix.log())?.[1] ?? 'none';
    const pattern = new RegExp(`${queueId}: to=<([^>]*)>.*? status=(\\w+)`, 'g');
    return Array.from(site.postfix.log().matchAll(pattern), ([, to, status]) => `${to} ${status}`).toSorted();
  }

  test('mail to an alias reaches its target, through a chain as well', async () => {
    await deliver('to-alias', ['sales@example.test']);
    await deliver('to-chain', ['CHAIN@Example.test']);
    await waitForId('alice@example.test', 'to-alias');
    await waitForId('alice@example.test', 'to-chain');
  });

  test('mail to an alias of two reaches both, once each', async () => {
    await deliver('to-team', ['team@example.test']);
    await waitForId('alice@example.test', 'to-team');
    await waitForId('bob@example.test', 'to-team');
    assert.equal(ids('alice@example.test').filter((id) => id === 'to-team').length, 1);
  });

  test('RULES 1: an alias, its own target and a deferred third get a reply each', async () => {
    // Its home cannot be entered by the user Postern runs as.
    const home = join(site.folder, 'mail', 'example.test', 'broken');
    mkdirSync(home, { recursive: true });
    chmodSync(home, 0o700);
    await deliver('alias-and-target', ['sales@example.test', 'alice@example.test', 'broken@example.test']);
    await waitFor('three results', () => statuses('alias-and-target').length >= 3, 15_000);
    assert.deepEqual(
      [...new Set(statuses('alias-and-target'))],
      ['alice@example.test sent', 'broken@example.test deferred'],
    );
    const [queued, ...others] = site.postfix.queue();
    assert.deepEqual(
      queued?.recipients.map(({ address }) => address),
      ['broken@example.test'],
    );
    assert.deepEqual(others, []);
    assert.equal(ids('alice@example.test').filter((id) => id === 'alias-and-target').length, 1, 'RULES 16: one copy');
    site.postfix.clear();
  });

  test('of two recipients one unknown: one 250, one 550', async () => {
    const to = ['bob@example.test', 'unknown@example.test'];
    const { recipients, data } = await sendFromOutside(site, { from: FROM, to, content: sampleMessage('one-unknown') });
    assert.deepEqual(
      recipients.map(({ code }) => code),
      [250, 550],
    );
    assert.match(recipients[1]?.text ?? '', /^5\.1\.1 /);
    assert.equal(data?.code, 250);
    await waitForId('bob@example.test', 'one-unknown');
  });

  test('mail for a domain that is not ours is refused', async () => {
    const { recipients } = await sendFromOutside(site, { from: FROM, to: ['x@elsewhere.test'], content: '\r\n' });
    assert.equal(recipients[0]?.code, 554);
  });

  test('user+detail reaches the user, through an alias as well', async () => {
    await deliver('to-detail', ['bob+news@example.test']);
    await deliver('to-alias-detail', ['sales+news@example.test']);
    await waitForId('bob@example.test', 'to-detail');
    await waitForId('alice@example.test', 'to-alias-detail');
    const stored = site.postern.messages('bob@example.test').find(({ content }) => messageId(content) === 'to-detail');
    assert.match(stored?.content.toString() ?? '', /^Delivered-To: bob\+news@example\.test$/m);
  });

  test('RULES 10: an alias with a target elsewhere: ours is delivered, the other leaves through the queue of Postfix', async () => {
    await deliver('to-mixed', ['mixed@example.test']);
    await waitForId('bob@example.test', 'to-mixed');
    await waitFor('both results', () => statuses('to-mixed').length === 2);
    assert.deepEqual(statuses('to-mixed'), ['bob@example.test sent', 'friend@elsewhere.test bounced']);
  });

  test('a catch-all takes what nobody has, and a second name of a domain leads to the accounts of the first', async () => {
    await deliver('to-catch-all', ['anything@catch.example']);
    await waitForId('carol@example.test', 'to-catch-all');
    const to = ['Bob+x@Second.example', 'unknown@second.example'];
    const { recipients } = await sendFromOutside(site, { from: FROM, to, content: sampleMessage('to-second') });
    assert.deepEqual(
      recipients.map(({ code }) => code),
      [250, 550],
    );
    await waitForId('bob@example.test', 'to-second');
  });

  test('RULES 25: quoted local parts and domains with an underscore are good mail', async () => {
    await deliver('to-quoted', ['"q uoted"@example.test']);
    await waitForId('q uoted@example.test', 'to-quoted');
    const message = { from: 'x@under_score.example', to: ['bob@example.test'], content: sampleMessage('underscore') };
    assert.equal((await sendFromOutside(site, message)).data?.code, 250);
    await waitForId('bob@example.test', 'underscore');
  });

  test('the null sender is taken, and Return-Path says so', async () => {
    const message = { from: '', to: ['carol@example.test'], content: sampleMessage('null-sender') };
    assert.equal((await sendFromOutside(site, message)).data?.code, 250);
    await waitForId('carol@example.test', 'null-sender');
    const stored = site.postern.messages('carol@example.test').find((m) => messageId(m.content) === 'null-sender');
    assert.match(stored?.content.toString() ?? '', /^Return-Path: <>\n/);
  });

  test('an 8-bit body arrives byte for byte', async () => {
    const content = Buffer.concat([
      Buffer.from(sampleMessage('eight-bit', ['MIME-Version: 1.0', 'Content-Type: text/plain; charset=iso-8859-1'])),
      Buffer.from([0xe4, 0xf6, 0xfc, 0xff, 0x80, 0x0d, 0x0a]),
    ]);
    const message = { from: FROM, to: ['carol@example.test'], content, parameters: 'BODY=8BITMIME' };
    assert.equal((await sendFromOutside(site, message)).data?.code, 250);
    await waitForId('carol@example.test', 'eight-bit');
    const stored = site.postern.messages('carol@example.test').find((m) => messageId(m.content) === 'eight-bit');
    const expected = Buffer.from(content.toString('latin1').replaceAll('\r\n', '\n'), 'latin1');
    assert.ok(stored?.content.subarray(-expected.length).equals(expected));
  });

  test('addresses in UTF-8 are taken with SMTPUTF8: local part, domain, sender', async () => {
    const to = ['jürgen@example.test', 'info@bücher.example'];
    const content = sampleMessage('utf8', ['X-Utf8: größe']);
    const message = { from: 'søren@fjærn.test', to, content, parameters: 'SMTPUTF8 BODY=8BITMIME' };
    const { recipients, data } = await sendFromOutside(site, message);
    assert.deepEqual([...recipients.map(({ code }) => code), data?.code], [250, 250, 250], JSON.stringify(recipients));
    await waitForId('jürgen@example.test', 'utf8');
    await waitForId('info@xn--bcher-kva.example', 'utf8');
    const [stored] = site.postern.messages('jürgen@example.test');
    assert.match(stored?.content.toString() ?? '', /^Return-Path: <søren@fjærn\.test>\n/);
    // The same mailbox under its A-label, without SMTPUTF8.
    await deliver('a-label', ['info@xn--bcher-kva.example']);
    await waitForId('info@xn--bcher-kva.example', 'a-label');
  });

  test('mail for a held account waits in the queue and arrives when the hold ends', async () => {
    site.postern.run(['account', 'set', 'held@example.test', '--receive', 'hold']);
    await waitFor('the hold to bite at RCPT', async () => {
      const { recipients } = await sendFromOutside(site, { from: FROM, to: ['held@example.test'], content: '\r\n' });
      return recipients[0]?.code === 450;
    });
    site.postern.run(['account', 'set', 'held@example.test', '--receive', 'accept']);

    // Held between RCPT and the end of the message, so that only LMTP can notice.
    const client = await SmtpClient.connect({ port: site.postfix.ports.smtp });
    await client.ehlo();
    await waitFor('the hold to end', async () => {
      await client.command('RSET');
      await client.command(`MAIL FROM:<${FROM}>`);
      return (await client.command('RCPT TO:<held@example.test>')).code === 250;
    });
    assert.equal((await client.command('RCPT TO:<bob@example.test>')).code, 250);
    site.postern.run(['account', 'set', 'held@example.test', '--receive', 'hold']);
    assert.equal((await client.command('DATA')).code, 354);
    client.writeContent(sampleMessage('held'));
    assert.equal((await client.read()).code, 250);
    await client.quit();
    await waitForId('bob@example.test', 'held');
    await waitFor('the deferral', () => statuses('held').includes('held@example.test deferred'), 15_000);
    assert.deepEqual(ids('held@example.test'), []);

    site.postern.run(['account', 'set', 'held@example.test', '--receive', 'accept']);
    site.postfix.flush();
    await waitForId('held@example.test', 'held');
    assert.equal(ids('bob@example.test').filter((id) => id === 'held').length, 1);
  });

  /** Delivers a big message, and gives the most memory Postern had meanwhile. */
  async function peakWhileDelivering(id: string, bytes: number): Promise<number> {
    const line = `${'x'.repeat(76)}\r\n`;
    const content = sampleMessage(id) + line.repeat(Math.ceil(bytes / line.length));
    let peak = 0;
    const watch = setInterval(() => (peak = Math.max(peak, site.postern.residentBytes())), 5);
    try {
      const { data } = await sendFromOutside(site, { from: FROM, to: ['big@example.test'], content });
      assert.equal(data?.code, 250);
      await waitForId('big@example.test', id);
    } finally {
      clearInterval(watch);
    }
    const stored = site.postern.messages('big@example.test').find((m) => messageId(m.content) === id);
    assert.ok(
      stored !== undefined && stored.content.toString('latin1').endsWith(content.replaceAll('\r\n', '\n')),
      'its content',
    );
    unlinkSync(stored.path);
    return peak;
  }

  test('a message of 30 MB is delivered with flat memory, and one three times as large needs no more', async () => {
    // The first one makes the pools and the code that is compiled for it.
    const first = await peakWhileDelivering('big-1', BIG_MESSAGE_BYTES);
    const second = await peakWhileDelivering('big-2', BIG_MESSAGE_BYTES);
    const larger = await peakWhileDelivering('larger', 3 * BIG_MESSAGE_BYTES);
    const peaks = [first, second, larger].map((bytes) => (bytes / MIB).toFixed(1)).join(', ');
    assert.ok(second - first < MAX_GROWTH_BYTES, `peaks in MiB: ${peaks}`);
    assert.ok(larger - first < MAX_GROWTH_BYTES, `peaks in MiB: ${peaks}`);
  });

  test('Dovecot lists, fetches and flags what Postern delivered, and its log has no error', async () => {
    const imap = await dovecot.login('alice@example.test');
    const stored = site.postern.messages('alice@example.test');
    assert.ok(stored.length >= 4);
    assert.equal(await imap.select('INBOX'), stored.length);
    const fetched = new Map<string, Buffer>();
    for (let i = 1; i <= stored.length; i++) {
      const content = await imap.fetch(i);
      fetched.set(messageId(content), content);
    }
    for (const { content } of stored) {
      const seen = fetched.get(messageId(content))?.toString('latin1').replaceAll('\r\n', '\n');
      assert.equal(seen, content.toString('latin1'));
    }
    assert.match(await imap.command(String.raw`STORE 1 +FLAGS (\Seen \Flagged)`), /FLAGS \([^)]*\\Flagged/);
    assert.match(await imap.command('FETCH 1 (RFC822.SIZE FLAGS)'), /\\Seen/);

    // New mail beside an open IMAP session, and what Dovecot has touched stays counted by Postern.
    await deliver('while-open', ['alice@example.test']);
    await waitForId('alice@example.test', 'while-open');
    assert.match(await imap.command('NOOP'), new RegExp(`\\* ${stored.length + 1} EXISTS`));
    await imap.logout();
    assert.deepEqual(dovecot.complaints(), []);
  });

  test('Postfix and Postern log nothing unexpected', () => {
    assert.deepEqual(site.postfix.complaints(), []);
    site.postern.assertQuiet(['lmtp.deferred', 'mail.fault', 'lmtp.fault']);
  });
});
