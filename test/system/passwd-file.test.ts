/** Users as Dovecot keeps them: one passwd-file, with hashes made by Dovecot's own tool, serves Postfix through Postern. */
import assert from 'node:assert/strict';
import { chownSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  messageId,
  openSubmission,
  PASSWORD,
  sampleMessage,
  sendFromOutside,
  startSite,
  type MailSite,
} from '../support/mail-site.ts';
import { MAIL_USER, requirePeer, runTool } from '../support/system-folder.ts';
import { waitFor } from '../support/wait.ts';

const ALICE = 'alice@example.test';
const SCHEMES = ['SHA512-CRYPT', 'SHA256-CRYPT', 'BLF-CRYPT', 'SSHA512', 'PLAIN'] as const;
const KIB = 1024;

/** What `doveadm pw` makes of PASSWORD. */
function hash(scheme: string): string {
  return runTool('doveadm', ['pw', '-s', scheme, '-p', PASSWORD]).trim();
}

describe('a passwd-file of Dovecot', () => {
  let site: MailSite;
  let users = '';
  let lines: readonly string[] = [];

  before(async () => {
    requirePeer('/usr/bin/doveadm', 'dovecot-core');
    const settings = { driver: 'passwd-file' };
    site = await startSite({
      settings: (folder) => ({
        'passdb users': { ...settings, path: join(folder, 'users') },
        'userdb users': { ...settings, path: join(folder, 'users') },
      }),
      populate: (postern) => {
        users = join(postern.folder, 'users');
        const home = join(postern.folder, 'mail', 'elsewhere', 'alice');
        lines = [
          `${ALICE}:${hash('SHA512-CRYPT')}::::${home}::userdb_quota_rule=*:storage=100K`,
          ...SCHEMES.map((scheme) => `${scheme.toLowerCase()}@example.test:${hash(scheme)}::::::`),
          `closed@second.example:${hash('PLAIN')}::::::nologin=y`,
        ];
        writeUsers(lines);
      },
    });
  });
  after(() => site.stop());

  /** Replaces the file as an editor does. */
  function writeUsers(content: readonly string[]): void {
    writeFileSync(`${users}.new`, `${content.join('\n')}\n`, { mode: 0o640 });
    chownSync(`${users}.new`, MAIL_USER.uid, MAIL_USER.gid);
    renameSync(`${users}.new`, users);
  }

  async function login(user: string): Promise<number> {
    const client = await openSubmission(site);
    const { code } = await client.authPlain(user, PASSWORD);
    client.close();
    return code;
  }

  test('its domains are in the lines for Postfix', () => {
    assert.deepEqual(site.postfix.parameter('virtual_mailbox_domains').split(', ').toSorted(), [
      'example.test',
      'second.example',
    ]);
  });

  test('each user logs in with the hash that Dovecot made; one with nologin does not', async () => {
    for (const scheme of SCHEMES) assert.equal(await login(`${scheme.toLowerCase()}@example.test`), 235, scheme);
    assert.equal(await login('closed@second.example'), 535);
  });

  test('mail goes to the home the file names, within the quota it names', async () => {
    const message = { from: 'someone@remote.test', to: [ALICE], content: sampleMessage('to-home') };
    assert.equal((await sendFromOutside(site, message)).data?.code, 250);
    const inbox = (): string[] => site.postern.messages('alice@elsewhere').map(({ content }) => messageId(content));
    await waitFor('delivery', () => inbox().includes('to-home'));
    const { recipients } = await sendFromOutside(site, { ...message, parameters: `SIZE=${200 * KIB}` });
    assert.equal(recipients[0]?.code, 552);
  });

  test('RULES 6: a file that lost half of its users, or is gone, is an outage and changes nothing', async () => {
    writeUsers(lines.slice(0, 2));
    await waitFor('the refusal', async () => {
      await login('ssha512@example.test');
      return site.postern.of('passwd-file.kept').length > 0;
    });
    assert.equal(await login('plain@example.test'), 235);
    renameSync(users, `${users}.away`);
    const message = { from: 'someone@remote.test', to: ['plain@example.test'], content: sampleMessage('kept') };
    assert.equal((await sendFromOutside(site, message)).data?.code, 250);
    renameSync(`${users}.away`, users);
    writeUsers([...lines, `late@example.test:${hash('PLAIN')}::::::`]);
    await waitFor('the new user', async () => (await login('late@example.test')) === 235);
  });

  test('nothing unexpected is logged', () => {
    assert.deepEqual(
      site.postfix.complaints().filter((line) => !/SASL PLAIN authentication failed/.test(line)),
      [],
    );
    site.postern.assertQuiet(['passwd-file.kept']);
  });
});
