/** Users of a foreign SQLite file, by the queries that `contrib/README.md` shows, serve Postfix through Postern. */
import assert from 'node:assert/strict';
import { chownSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import Database from 'better-sqlite3';
import {
  messageId,
  openSubmission,
  PASSWORD,
  sampleMessage,
  sendFromOutside,
  startSite,
  type MailSite,
} from '../support/mail-site.ts';
import type { Settings } from '../support/postern.ts';
import { MAIL_USER, requirePeer, runTool } from '../support/system-folder.ts';
import { waitFor } from '../support/wait.ts';

const BOB = 'bob@shop.test';
const CAROL = 'carol@shop.test';
const ODD = "o'hara@shop.test";
const OTHER = 'another battery';
const KIB = 1024;

/** The sections of the example, with the file somewhere else. */
function readExample(path: string): Settings {
  const text = readFileSync(join(import.meta.dirname, '../../../contrib/README.md'), 'utf8');
  const block = /```ini\n(\[passdb shop\][^`]*)```/.exec(text)?.[1] ?? '';
  const settings: Record<string, Record<string, string>> = {};
  let section: Record<string, string> = {};
  for (const line of block.split('\n')) {
    const [, name] = /^\[(.*)\]$/.exec(line) ?? [];
    const [, key, value = ''] = /^(\w+) = (.*)$/.exec(line) ?? [];
    if (name !== undefined) settings[name] = section = {};
    else if (key !== undefined) section[key] = key === 'path' ? path : value;
  }
  assert.deepEqual(Object.keys(settings), ['passdb shop', 'userdb shop']);
  return settings;
}

/** What Dovecot's own tool makes of a password. */
function hash(password: string): string {
  return runTool('doveadm', ['pw', '-s', 'SHA512-CRYPT', '-p', password]).trim();
}

describe('a foreign SQLite file', () => {
  let site: MailSite;
  let file = '';
  let database: Database.Database;

  before(async () => {
    requirePeer('/usr/bin/doveadm', 'dovecot-core');
    site = await startSite({
      settings: (folder) => readExample(join(folder, 'shop', 'users.db')),
      populate: ({ folder }) => {
        mkdirSync(join(folder, 'shop'));
        file = join(folder, 'shop', 'users.db');
        database = new Database(file);
        database.pragma('journal_mode = WAL');
        database.exec('CREATE TABLE users (local TEXT, domain TEXT, password TEXT, nologin TEXT, quota_mb INTEGER)');
        const insert = database.prepare('INSERT INTO users VALUES (?, ?, ?, ?, ?)');
        const stored = hash(PASSWORD);
        insert.run('bob', 'shop.test', stored, null, 1);
        insert.run('carol', 'shop.test', stored, null, null);
        insert.run("o'hara", 'shop.test', stored, null, 100);
        insert.run('closed', 'second.example', stored, 'y', null);
        for (const path of [join(folder, 'shop'), file]) chownSync(path, MAIL_USER.uid, MAIL_USER.gid);
        for (const path of [`${file}-wal`, `${file}-shm`]) chownSync(path, MAIL_USER.uid, MAIL_USER.gid);
      },
    });
  });
  after(async () => {
    await site.stop();
    database.close();
  });

  async function login(user: string, password = PASSWORD): Promise<number> {
    const client = await openSubmission(site);
    const { code } = await client.authPlain(user, password);
    client.close();
    return code;
  }

  async function send(to: string, id: string, parameters = ''): Promise<number> {
    const message = { from: 'someone@remote.test', to: [to], content: sampleMessage(id) };
    const { recipients, data } = await sendFromOutside(site, parameters === '' ? message : { ...message, parameters });
    const [{ code } = { code: 0 }] = recipients;
    return code === 250 ? (data?.code ?? 0) : code;
  }

  test('its users are checked, listed and shown, and their domains are in the lines for Postfix', () => {
    assert.match(site.postern.run(['check']), /configuration is good\n[^]*^4 accounts$/m);
    assert.deepEqual(site.postern.run(['user', '*']).trim().split('\n').toSorted(), [
      BOB,
      CAROL,
      'closed@second.example',
      ODD,
    ]);
    assert.match(site.postern.run(['auth', 'lookup', ODD]), /scheme +SHA512-CRYPT/);
    const domains = site.postfix.parameter('virtual_mailbox_domains').split(', ').toSorted();
    assert.deepEqual(domains, ['second.example', 'shop.test']);
  });

  test('they log in, and nobody else does, whatever stands in the name', async () => {
    assert.equal(await login(BOB), 235);
    assert.equal(await login(ODD), 235);
    for (const name of [
      `${BOB}' --`,
      "x' OR '1'='1@shop.test",
      'closed@second.example',
      'nobody@shop.test',
      '%@shop.test',
    ])
      assert.equal(await login(name), 535, name);
    assert.equal(await login(BOB, OTHER), 535);
  });

  test('a new password counts at once, and the old one no more', async () => {
    database.prepare('UPDATE users SET password = ? WHERE local = ?').run(hash(OTHER), 'bob');
    await waitFor('the new password', async () => (await login(BOB, OTHER)) === 235);
    assert.equal(await login(BOB), 535);
  });

  test('they get mail within their quota, and others are refused', async () => {
    assert.equal(await send(BOB, 'for-bob'), 250);
    const inbox = (): string[] => site.postern.messages(BOB).map(({ content }) => messageId(content));
    await waitFor('delivery', () => inbox().includes('for-bob'));
    assert.equal(await send(BOB, 'too-large', `SIZE=${2048 * KIB}`), 552);
    assert.equal(await send('nobody@shop.test', 'for-nobody'), 550);
  });

  test('RULES 6: without the file logins and mail wait, those who logged in lately get in, and nobody is refused', async () => {
    renameSync(file, `${file}.away`);
    await waitFor('the outage', async () => (await login(CAROL, 'wrong or not, nobody can tell')) === 454);
    // Carol has not logged in before, so nothing can know her.
    assert.equal(await login(CAROL), 454);
    assert.equal(await login(BOB, OTHER), 235);
    const code = await send('nobody@shop.test', 'kept');
    assert.ok(code >= 400 && code < 500, String(code));
    renameSync(`${file}.away`, file);
    await waitFor('logins to work again', async () => (await login(CAROL)) === 235);
    await waitFor('the refusal', async () => (await send('nobody@shop.test', 'again')) === 550);
  });

  test('nothing unexpected is logged', () => {
    const expected =
      /SASL PLAIN authentication failed|socketmap:unix:postern\/lookup:alias (?:socketmap server temporary|lookup) error/;
    const complaints = site.postfix.complaints().filter((line) => !expected.test(line));
    assert.deepEqual(complaints, []);
    site.postern.assertQuiet(['store.fault', 'auth.unavailable', 'lookup.fault']);
  });
});
