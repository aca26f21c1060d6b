/** Every form in which `postern postfix` wires a Postfix: each takes mail for us and refuses unknown recipients. */
import assert from 'node:assert/strict';
import { chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePort } from '../support/free-port.ts';
import {
  addAccount,
  messageId,
  openSubmission,
  PASSWORD,
  sampleMessage,
  sendFromOutside,
  startSite,
  type MailSite,
  type SiteOptions,
} from '../support/mail-site.ts';
import type { Postern } from '../support/postern.ts';
import { MAIL_USER } from '../support/system-folder.ts';
import { waitFor } from '../support/wait.ts';

const FROM = 'someone@remote.test';
const ALICE = 'alice@example.test';

function populate(postern: Postern): void {
  postern.run(['domain', 'add', 'example.test']);
  postern.run(['domain', 'add', 'bücher.example']);
  addAccount(postern, ALICE);
  addAccount(postern, 'held@example.test');
  postern.run(['account', 'set', 'held@example.test', '--receive', 'hold']);
  postern.run(['alias', 'add', 'sales@example.test', ALICE]);
  postern.run(['alias', 'add', 'remote@example.test', 'friend@elsewhere.test']);
}

/** Runs `check` on a site, and then what holds for each of them. */
async function withSite(options: Partial<SiteOptions>, check: (site: MailSite) => Promise<void>): Promise<void> {
  const site = await startSite({ populate, ...options });
  try {
    assert.equal(site.postfix.configurationWarnings(), '');
    await acceptsAndRefuses(site);
    await check(site);
    assert.deepEqual(site.postfix.complaints(), []);
    site.postern.assertQuiet();
  } finally {
    await site.stop();
  }
}

async function acceptsAndRefuses(site: MailSite): Promise<void> {
  const to = [ALICE, 'sales+tag@example.test', 'unknown@example.test', 'unknown+tag@example.test', 'x@elsewhere.test'];
  const { recipients, data } = await sendFromOutside(site, { from: FROM, to, content: sampleMessage('wired') });
  assert.deepEqual(
    recipients.map(({ code }) => code),
    [250, 250, 550, 550, 554],
    JSON.stringify(recipients),
  );
  assert.equal(data?.code, 250);
  await waitFor('delivery', () => messageIds(site, ALICE).includes('wired'), 15_000);
  await waitFor('an empty queue', () => site.postfix.queue().length === 0, 15_000);
}

/** A directory of Postern's own that no chrooted process can see. */
function createOutsideDirectory(folder: string): string {
  const path = join(folder, 'run');
  mkdirSync(path, { mode: 0o755 });
  chownSync(path, MAIL_USER.uid, MAIL_USER.gid);
  return path;
}

function messageIds(site: MailSite, address: string): string[] {
  return site.postern.messages(address).map(({ content }) => messageId(content));
}

test('RULES 28: unknown recipients are refused at RCPT by socketmap, in domains listed in main.cf', async () => {
  await withSite({}, async (site) => {
    assert.equal(
      site.postfix.parameter('virtual_mailbox_domains'),
      'example.test, xn--bcher-kva.example, bücher.example',
    );
    const { recipients } = await sendFromOutside(site, { from: FROM, to: ['unknown@example.test'], content: '\r\n' });
    assert.match(recipients[0]?.text ?? '', /User unknown in virtual mailbox table/);
    assert.equal(site.postern.of('lmtp.probe').length, 0);
  });
});

test('unknown recipients are refused at RCPT by reject_unverified_recipient, and probes leave nothing behind', async () => {
  await withSite({ wiring: ['--verify'] }, async (site) => {
    const to = ['unknown2@example.test', 'held@example.test'];
    const { recipients } = await sendFromOutside(site, { from: FROM, to, content: '\r\n' });
    assert.equal(recipients[0]?.code, 550);
    assert.match(recipients[0]?.text ?? '', /^5\.1\.1 .*undeliverable address: Address lookup failed/);
    // RULES 20: held accounts exist; what is said about them here is the policy's word, not the probe's.
    assert.doesNotMatch(recipients[1]?.text ?? '', /address/);
    assert.ok(site.postern.of('lmtp.probe').length >= 2);
    assert.deepEqual(messageIds(site, ALICE), ['wired']);
    assert.deepEqual(site.postern.messages('held@example.test'), []);
  });
});

test('RULES 29: the domains may be relay domains', async () => {
  await withSite({ wiring: ['--class', 'relay'] }, async (site) => {
    assert.equal(site.postfix.parameter('virtual_mailbox_domains'), '');
    const { recipients } = await sendFromOutside(site, { from: FROM, to: ['unknown@example.test'], content: '\r\n' });
    assert.match(recipients[0]?.text ?? '', /User unknown in relay recipient table/);
    const [delivered] = site.postern.of('lmtp.delivered');
    const queueId = /(\w+): message-id=<wired@/.exec(site.postfix.log())?.[1];
    assert.ok(JSON.stringify(delivered).includes(String(queueId)), 'the queue id is not in the log');
  });
});

test('RULES 29: relay domains with recipients verified by probes', async () => {
  await withSite({ wiring: ['--class', 'relay', '--verify'] }, async (site) => {
    assert.ok(site.postern.of('lmtp.probe').length >= 2);
  });
});

test('the domains may be looked up by socketmap, in both classes', async () => {
  for (const domainClass of ['virtual', 'relay']) {
    await withSite({ wiring: ['--domains', 'socketmap', '--class', domainClass] }, async (site) => {
      site.postern.run(['domain', 'add', 'late.example']);
      addAccount(site.postern, 'new@late.example');
      await waitFor('the new domain', async () => {
        const { recipients } = await sendFromOutside(site, { from: FROM, to: ['new@late.example'], content: '\r\n' });
        return recipients[0]?.code === 250;
      });
      await site.postern.waitForMessages('new@late.example', 1);
    });
  }
});

test('sockets outside of the queue directory work with an unchrooted Postfix', async () => {
  const modes = Object.fromEntries(
    ['sasl', 'policy', 'lmtp', 'lookup'].map((service) => [service, { socket_mode: '0666' }]),
  );
  await withSite({ socketDirectory: createOutsideDirectory, settings: modes }, async (site) => {
    assert.match(site.postfix.parameter('smtpd_sasl_path'), /^\//);
    const client = await openSubmission(site);
    assert.equal((await client.authPlain(ALICE, PASSWORD)).code, 235);
    await client.quit();
  });
});

test('TCP sockets on loopback work with a chrooted Postfix', async () => {
  const settings: Record<string, Record<string, string>> = {};
  for (const service of ['sasl', 'policy', 'lmtp', 'lookup']) {
    settings[service] = { listen: `inet:127.0.0.1:${await freePort()}` };
  }
  await withSite({ settings }, async (site) => {
    assert.match(site.postfix.parameter('smtpd_sasl_path'), /^inet:127\.0\.0\.1:/);
    const client = await openSubmission(site);
    assert.equal((await client.authPlain(ALICE, PASSWORD)).code, 235);
    await client.quit();
  });
});
