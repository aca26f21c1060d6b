/** App passwords, account states, imported and replaced hashes: as a mail client sees them, through a real Postfix. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, chownSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { AppPasswordRecord } from '../../src/directory/admin.ts';
import { addAccount, openSubmission, PASSWORD, startSite, type MailSite } from '../support/mail-site.ts';
import type { Reply } from '../support/smtp-client.ts';
import { MAIL_USER } from '../support/system-folder.ts';
import { waitFor } from '../support/wait.ts';

const ALICE = 'alice@example.test';
const BOB = 'bob@example.test';
const CAROL = 'carol@strict.test';
/** Failures are held back this long. */
const FAILURE_DELAY_MS = 100;
/** A change bites within a second; the rest is the login that sees it. */
const BITE_LIMIT_MS = 2000;

describe('accounts behind Postfix', () => {
  let site: MailSite;

  before(async () => {
    site = await startSite({
      settings: {
        auth: {
          failure_delay: `${FAILURE_DELAY_MS}ms`,
          penalties: 'no',
          default_scheme: 'SHA512-CRYPT',
          upgrade_scheme: 'yes',
        },
      },
      populate: (postern) => {
        for (const domain of ['example.test', 'strict.test']) postern.run(['domain', 'add', domain]);
        for (const address of [ALICE, BOB, CAROL]) addAccount(postern, address);
      },
    });
  });
  after(() => site.stop());

  /** One login on a connection of its own, as a mail client does it. */
  async function login(user: string, password: string): Promise<Reply> {
    const client = await openSubmission(site);
    const reply = await client.authPlain(user, password);
    client.close();
    return reply;
  }

  async function codeOf(user: string, password: string): Promise<number> {
    return (await login(user, password)).code;
  }

  function addAppPassword(address: string, label: string, options: readonly string[] = []): string {
    const out = site.postern.run(['app-password', 'add', address, '--label', label, ...options]);
    return /^Password: (\S+)$/m.exec(out)?.[1] ?? '';
  }

  function listOf(address: string): AppPasswordRecord[] {
    const records: AppPasswordRecord[] = JSON.parse(site.postern.run(['app-password', 'list', address, '--json']));
    return records;
  }

  function lastReason(): unknown {
    return site.postern.of('auth.rejected').at(-1)?.['reason'];
  }

  test('an app password logs in however it is typed, beside the main one, and its last use is seen', async () => {
    const token = addAppPassword(ALICE, 'phone');
    for (const typed of [token, token.toUpperCase(), token.replaceAll('-', ''), token.replaceAll('-', ' ')])
      assert.equal(await codeOf(ALICE, typed), 235, typed);
    assert.equal(await codeOf(ALICE, PASSWORD), 235);
    assert.equal(await codeOf(BOB, token), 535, 'of another account');
    const accepted = site.postern.of('auth.accepted').filter((line) => line['appPassword'] === '"phone"');
    assert.ok(accepted.length >= 4, JSON.stringify(site.postern.of('auth.accepted')));
    assert.ok(!JSON.stringify(site.postern.lines).includes(token), 'a token in the log');
    await waitFor('the last use', () => listOf(ALICE)[0]?.lastUsedAt !== undefined);
    const [record] = listOf(ALICE);
    assert.deepEqual([record?.lastUsedAddress, record?.lastUsedService], ['127.0.0.1', 'submission']);
    assert.ok(Math.abs((record?.lastUsedAt ?? 0) - Date.now()) < 60_000);
  });

  test('a revoked app password is out within a second, though it was just good', async () => {
    const token = addAppPassword(BOB, 'tablet');
    for (let i = 0; i < 3; i++) assert.equal(await codeOf(BOB, token), 235);
    site.postern.run(['app-password', 'revoke', BOB, 'tablet']);
    await bites('the revocation', async () => (await codeOf(BOB, token)) === 535);
    assert.equal(lastReason(), 'wrong-password');
  });

  test('an app password that expires is out from that moment on, and the log says why', async () => {
    const token = addAppPassword(BOB, 'visit', ['--expires', '5s']);
    assert.equal(await codeOf(BOB, token), 235);
    const { expiresAt = 0 } = listOf(BOB).find(({ label }) => label === 'visit') ?? {};
    await waitFor('the time to come', () => Date.now() > expiresAt);
    assert.equal(await codeOf(BOB, token), 535);
    assert.equal(lastReason(), 'app-password-expired');
    site.postern.run(['app-password', 'revoke', BOB, 'visit']);
  });

  test('networks and scopes of an app password hold, and sound like a wrong password', async () => {
    const wrong = await login(BOB, 'wrong');
    const office = addAppPassword(BOB, 'office', ['--allow-nets', '192.0.2.0/24']);
    assert.deepEqual(await login(BOB, office), wrong);
    assert.equal(lastReason(), 'app-password-network');
    const imap = addAppPassword(BOB, 'reader', ['--scope', 'imap']);
    assert.deepEqual(await login(BOB, imap), wrong);
    assert.equal(lastReason(), 'app-password-scope');
    assert.equal(await codeOf(BOB, addAppPassword(BOB, 'home', ['--allow-nets', '127.0.0.0/8'])), 235);
    site.postern.run(['app-password', 'revoke', BOB, '--all']);
  });

  test('the networks of an account hold for its app passwords too, within a second of the change', async () => {
    const token = addAppPassword(BOB, 'phone');
    assert.equal(await codeOf(BOB, token), 235);
    site.postern.run(['account', 'set', BOB, '--allow-nets', '192.0.2.0/24']);
    await bites('the network', async () => (await codeOf(BOB, token)) === 535);
    assert.equal(lastReason(), 'network');
    site.postern.run(['account', 'set', BOB, '--allow-nets', '']);
    await bites('its end', async () => (await codeOf(BOB, token)) === 235);
  });

  test('an account that requires app passwords refuses the main one, and only the log says why (RULES 41)', async () => {
    const wrong = await login(BOB, 'wrong');
    const token = addAppPassword(BOB, 'desk');
    assert.equal(await codeOf(BOB, PASSWORD), 235);
    site.postern.run(['account', 'set', BOB, '--app-passwords', 'required']);
    await bites('the requirement', async () => (await codeOf(BOB, PASSWORD)) === 535);
    assert.equal(lastReason(), 'app-password-required');
    assert.deepEqual(await login(BOB, PASSWORD), wrong);
    assert.equal(await codeOf(BOB, token), 235);
    site.postern.run(['account', 'set', BOB, '--app-passwords', 'optional']);
    await bites('its end', async () => (await codeOf(BOB, PASSWORD)) === 235);
  });

  test('a domain that requires them says so for every failure, unknown users included (RULES 41)', async () => {
    const token = addAppPassword(CAROL, 'phone');
    const elsewhere = await login(BOB, 'wrong');
    assert.equal(await codeOf(CAROL, PASSWORD), 235);
    site.postern.run(['domain', 'set', 'strict.test', '--app-passwords', 'required']);
    await bites('the requirement', async () => (await codeOf(CAROL, PASSWORD)) === 535);
    const main = await login(CAROL, PASSWORD);
    assert.match(main.text, /App password required/);
    assert.deepEqual(await login(CAROL, 'wrong'), main);
    assert.deepEqual(await login('nobody@strict.test', PASSWORD), main);
    assert.deepEqual(await login(BOB, 'wrong'), elsewhere);
    assert.doesNotMatch(elsewhere.text, /App password/);
    assert.equal(await codeOf(CAROL, token), 235);
    site.postern.run(['account', 'suspend', CAROL]);
    await bites('the suspension', async () => (await codeOf(CAROL, token)) === 535);
    assert.deepEqual(await login(CAROL, token), main);
    site.postern.run(['account', 'resume', CAROL]);
    site.postern.run(['domain', 'set', 'strict.test', '--app-passwords', 'optional']);
  });

  test('a suspended account sounds like a wrong password, and the log says which', async () => {
    const wrong = await login(BOB, 'wrong');
    assert.equal(lastReason(), 'wrong-password');
    site.postern.run(['account', 'suspend', BOB]);
    await bites('the suspension', async () => (await codeOf(BOB, PASSWORD)) === 535);
    assert.deepEqual(await login(BOB, PASSWORD), wrong);
    assert.equal(lastReason(), 'login-off');
    assert.deepEqual(await login('nobody@example.test', PASSWORD), wrong);
    assert.equal(lastReason(), 'unknown-user');
    site.postern.run(['account', 'resume', BOB]);
    await bites('its end', async () => (await codeOf(BOB, PASSWORD)) === 235);
  });

  test('users of a passwd-file log in as soon as they are imported, and their old hashes are replaced', async () => {
    const salt = randomBytes(8);
    const digest = createHash('sha512').update('dans').update(salt).digest();
    const file = join(site.folder, 'users');
    writeFileSync(
      file,
      `dan@example.test:{SSHA512}${Buffer.concat([digest, salt]).toString('base64')}:::::: userdb_quota_rule=*:storage=5M\n` +
        'erin@example.test:{PLAIN}erins\n# and one of docker-mailserver\nfay@example.test|{SHA256.hex}' +
        `${createHash('sha256').update('fays').digest('hex')}\n`,
      { mode: 0o644 },
    );
    assert.match(site.postern.run(['account', 'import', file]), /^new {6}3$/m);
    assert.equal(await codeOf('dan@example.test', 'dans'), 535);
    assert.match(site.postern.run(['account', 'import', file, '--apply']), /^new {6}3$/m);
    const users = { 'dan@example.test': 'dans', 'erin@example.test': 'erins', 'fay@example.test': 'fays' };
    for (const [user, password] of Object.entries(users)) {
      await bites(user, async () => (await codeOf(user, password)) === 235);
      assert.equal(await codeOf(user, `${password} `), 535, user);
      await waitFor(`the new hash of ${user}`, () => schemeOf(user) === 'SHA512-CRYPT');
      assert.equal(await codeOf(user, password), 235, user);
    }
    assert.deepEqual(
      site.postern.of('auth.hash-replaced').map((line) => [line['user'], line['from'], line['to']]),
      [
        ['dan@example.test', 'SSHA512', 'SHA512-CRYPT'],
        ['erin@example.test', 'PLAIN', 'SHA512-CRYPT'],
        ['fay@example.test', 'SHA256.hex', 'SHA512-CRYPT'],
      ],
    );
    assert.match(site.postern.run(['user', 'dan@example.test']), /storage=5M/);
  });

  test('a database that cannot be written to costs a line in the log and no login', async () => {
    const token = addAppPassword(ALICE, 'laptop');
    const files = databaseFiles(site.folder);
    for (const file of files) chownSync(file, 0, 0);
    for (const file of files) chmodSync(file, 0o444);
    try {
      for (let i = 0; i < 3; i++) assert.equal(await codeOf(ALICE, token), 235);
      await waitFor('the fault', () => site.postern.of('store.write-fault').length > 0);
      assert.equal(await codeOf(ALICE, token), 235);
      assert.equal(site.postern.of('store.write-fault').length, 1);
    } finally {
      for (const file of files) {
        chmodSync(file, 0o600);
        chownSync(file, MAIL_USER.uid, MAIL_USER.gid);
      }
    }
    await waitFor(
      'the last use',
      () => listOf(ALICE).some((record) => record.label === 'laptop' && record.lastUsedAt !== undefined),
      10_000,
    );
  });

  test('auth test says what the daemon would, and why', () => {
    const good = site.postern.tryRun(['auth', 'test', BOB, '--password-file', '-'], PASSWORD);
    assert.deepEqual([good.status, good.stderr], [0, '']);
    const wrong = site.postern.tryRun(['auth', 'test', BOB, '--password-file', '-'], 'wrong');
    assert.equal(wrong.status, 77);
    assert.match(wrong.stdout, /rejected: wrong-password/);
  });

  function schemeOf(user: string): string | undefined {
    return /^scheme +(\S+)$/m.exec(site.postern.run(['auth', 'lookup', user]))?.[1];
  }

  test('Postfix and Postern log nothing unexpected', () => {
    const expected = /SASL PLAIN authentication failed/;
    assert.deepEqual(
      site.postfix.complaints().filter((line) => !expected.test(line)),
      [],
    );
    site.postern.assertQuiet(['auth.rejected', 'store.write-fault']);
    const log = JSON.stringify(site.postern.lines);
    for (const secret of [PASSWORD, 'dans', 'erins', 'fays', '$6$']) assert.ok(!log.includes(secret), secret);
  });
});

function databaseFiles(folder: string): string[] {
  const state = join(folder, 'postern');
  const names = readdirSync(state).filter((name) => /^postern\.db(-wal|-shm)?$/.test(name));
  return names.map((name) => join(state, name));
}

/** Fails unless something becomes true within a second of now. */
async function bites(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const changedAt = Date.now();
  await waitFor(what, isTrue, BITE_LIMIT_MS);
  assert.ok(Date.now() - changedAt < BITE_LIMIT_MS, what);
}
