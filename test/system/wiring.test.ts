/** Every form in which `postern postfix` wires a Postfix: each takes mail for us and refuses unknown recipients. */
import assert from 'node:assert/strict';
import { chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { freePort } from '../support/free-port.ts';
import {
  addAccount,
  addMailboxes,
  messageId,
  openSubmission,
  PASSWORD,
  sampleMessage,
  sendFromOutside,
  startSite,
  type MailSite,
} from '../support/mail-site.ts';
import { MAIL_USER } from '../support/system-folder.ts';
import { waitFor } from '../support/wait.ts';

const FROM = 'someone@remote.test';
const ALICE = 'alice@example.test';
const HELD = 'held@example.test';
const SERVICES = ['sasl', 'policy', 'lmtp', 'lookup'] as const;
/** Probes are logged at debug. */
const DEBUG = { log: { level: 'debug' } };

describe('the forms of wiring', () => {
  let site: MailSite;
  let count = 0;

  before(async () => {
    site = await startSite({
      settings: DEBUG,
      populate: (postern) => {
        postern.run(['domain', 'add', 'example.test']);
        postern.run(['domain', 'add', 'bücher.example']);
        addAccount(postern, ALICE);
        addMailboxes(postern, [HELD]);
        postern.run(['account', 'set', HELD, '--receive', 'hold']);
        postern.run(['alias', 'add', 'sales@example.test', ALICE]);
      },
    });
  });
  after(() => site.stop());

  /** Wires Postfix anew and shows what must hold however it is wired. */
  async function wire(...args: string[]): Promise<void> {
    await site.wire(args);
    assert.equal(site.postfix.configurationWarnings(), '');
    count += 1;
    const id = `wired-${count}`;
    const to = [
      ALICE,
      'sales+tag@example.test',
      'unknown@example.test',
      'unknown+tag@example.test',
      'x@elsewhere.test',
    ];
    const { recipients, data } = await sendFromOutside(site, { from: FROM, to, content: sampleMessage(id) });
    assert.deepEqual(
      recipients.map(({ code }) => code),
      [250, 250, 550, 550, 554],
      JSON.stringify(recipients),
    );
    assert.equal(data?.code, 250);
    await waitFor('delivery', () => ids(ALICE).includes(id), 15_000);
    await waitFor('an empty queue', () => site.postfix.queue().length === 0, 15_000);
    assert.deepEqual(site.postfix.complaints(), []);
  }

  function ids(address: string): string[] {
    return site.postern.messages(address).map(({ content }) => messageId(content));
  }

  /** What somebody outside is told about a recipient. */
  async function replyFor(recipient: string): Promise<{ code: number; text: string }> {
    const { recipients } = await sendFromOutside(site, { from: FROM, to: [recipient], content: '\r\n' });
    return recipients[0] ?? { code: 0, text: '' };
  }

  /** Starts Postern with other sockets. */
  async function restart(settings: Record<string, Record<string, string>>): Promise<void> {
    await site.postern.stop();
    site.postern.configure(settings);
    await site.postern.start();
  }

  async function logsIn(): Promise<void> {
    const client = await openSubmission(site);
    assert.equal((await client.authPlain(ALICE, PASSWORD)).code, 235);
    await client.quit();
  }

  test('RULES 28: unknown recipients are refused at RCPT by socketmap, in domains listed in main.cf', async () => {
    await wire();
    assert.equal(
      site.postfix.parameter('virtual_mailbox_domains'),
      'example.test, xn--bcher-kva.example, bücher.example',
    );
    assert.match((await replyFor('unknown@example.test')).text, /User unknown in virtual mailbox table/);
    assert.equal(site.postern.of('lmtp.probe').length, 0);
  });

  test('unknown recipients are refused at RCPT by reject_unverified_recipient, and probes leave nothing behind', async () => {
    const earlier = ids(ALICE).length;
    await wire('--verify');
    const { code, text } = await replyFor('unknown2@example.test');
    assert.equal(code, 550);
    assert.match(text, /^5\.1\.1 .*undeliverable address: Address lookup failed/);
    assert.ok(site.postern.of('lmtp.probe').length >= 3);
    assert.equal(ids(ALICE).length, earlier + 1);
  });

  test('RULES 20: a held account passes the probe; that it is held is the word of the policy', async () => {
    await site.wire(['--verify']);
    const held = await replyFor(HELD);
    assert.equal(held.code, 450);
    assert.doesNotMatch(held.text, /undeliverable|unverified|lookup/);
    assert.deepEqual(ids(HELD), []);
  });

  test('RULES 29: the domains may be relay domains, and the queue id of Postfix is in the log', async () => {
    await wire('--class', 'relay');
    assert.equal(site.postfix.parameter('virtual_mailbox_domains'), '');
    assert.match((await replyFor('unknown@example.test')).text, /User unknown in relay recipient table/);
    const queueId = new RegExp(`(\\w+): message-id=<wired-${count}@`).exec(site.postfix.log())?.[1] ?? 'none';
    const delivered = JSON.stringify(site.postern.of('lmtp.delivered').at(-1));
    assert.ok(delivered.includes(queueId), `${queueId} is not in ${delivered}`);
  });

  test('RULES 29: relay domains, with recipients verified by probes', async () => {
    const probes = site.postern.of('lmtp.probe').length;
    await wire('--class', 'relay', '--verify');
    assert.ok(site.postern.of('lmtp.probe').length > probes);
  });

  for (const domainClass of ['virtual', 'relay']) {
    test(`the domains may be looked up by socketmap, and a new one is ours at once: class ${domainClass}`, async () => {
      await wire('--domains', 'socketmap', '--class', domainClass);
      const domain = `${domainClass}.example`;
      site.postern.run(['domain', 'add', domain]);
      addMailboxes(site.postern, [`new@${domain}`]);
      await waitFor('the new domain', async () => (await replyFor(`new@${domain}`)).code === 250);
      await site.postern.waitForMessages(`new@${domain}`, 1);
    });
  }

  test('sockets outside of the queue directory work with an unchrooted Postfix', async () => {
    const directory = join(site.folder, 'run');
    mkdirSync(directory, { mode: 0o755 });
    chownSync(directory, MAIL_USER.uid, MAIL_USER.gid);
    const settings = SERVICES.map((service) => {
      return [service, { listen: `unix:${join(directory, service)}`, socket_mode: '0666' }] as const;
    });
    await restart(Object.fromEntries(settings));
    await wire();
    assert.equal(site.postfix.parameter('smtpd_sasl_path'), join(directory, 'sasl'));
    await logsIn();
  });

  test('TCP sockets on loopback work with a chrooted Postfix', async () => {
    const ports = await Promise.all(SERVICES.map(() => freePort()));
    const settings = SERVICES.map((service, i) => [service, { listen: `inet:127.0.0.1:${ports[i]}` }] as const);
    await restart(Object.fromEntries(settings));
    await wire();
    assert.match(site.postfix.parameter('smtpd_sasl_path'), /^inet:127\.0\.0\.1:/);
    await logsIn();
  });

  test('nothing unexpected is logged', () => {
    site.postern.assertQuiet();
  });
});
