import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import Database from 'better-sqlite3';
import { makeToken, parseToken, sealToken } from '../../src/auth/app-password.ts';
import { MAX_APP_PASSWORDS } from '../../src/core/app-password-words.ts';
import type { AdminOutcome, DirectoryAdmin, NewAppPassword } from '../../src/directory/admin.ts';
import { CollectingLogger } from '../support/collecting-logger.ts';
import { openAdmin, TestClock } from './engines.ts';

const TOKEN = '0123456789abcdefghjkmnpqrs';

function newPassword(label: string, change: Partial<NewAppPassword> = {}): NewAppPassword {
  return { ...sealToken(TOKEN), label, scopes: ['smtp'], allowNets: [], expiresAt: undefined, ...change };
}

function refusalOf(outcome: AdminOutcome): string {
  return outcome.kind === 'refused' ? outcome.refusal : 'done';
}

describe('AppPasswordWriter', () => {
  let folder: string;
  let path: string;
  let clock: TestClock;
  let admin: DirectoryAdmin;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'postern-app-passwords-'));
    path = join(folder, 'postern.db');
    clock = new TestClock();
    admin = openAdmin(path, new CollectingLogger(), clock);
    await admin.domains.add('d.test', {});
    for (const name of ['ann', 'bob']) await admin.accounts.add(`${name}@d.test`, { adopt: true });
  });
  afterEach(() => {
    admin.close();
    rmSync(folder, { recursive: true });
  });

  function labels(account?: string): string[] {
    return [...admin.appPasswords.list(account)].map(({ label }) => label);
  }

  it('keeps what is said of one, and neither the token nor what it is checked with is read back', async () => {
    const expiresAt = clock.now() + 60_000;
    const password = newPassword('  phone ', { scopes: ['smtp', 'imap'], allowNets: ['192.0.2.0/24'], expiresAt });
    assert.equal((await admin.appPasswords.add('Bob@D.test', password)).kind, 'done');
    const [record, ...others] = admin.appPasswords.list('BOB@d.test');
    assert.deepEqual(others, []);
    assert.ok(record !== undefined && Math.abs(record.createdAt - clock.now()) < 5000);
    assert.deepEqual(record, {
      id: 1,
      account: 'bob@d.test',
      label: 'phone',
      scopes: ['smtp', 'imap'],
      allowNets: ['192.0.2.0/24'],
      expiresAt,
      createdAt: record.createdAt,
      lastUsedAt: undefined,
      lastUsedAddress: undefined,
      lastUsedService: undefined,
    });
    assert.equal(admin.accounts.find('bob@d.test')?.appPasswords, 1);
    admin.close();
    assert.ok(!readFileSync(path).includes(TOKEN));
    admin = openAdmin(path);
  });

  const labelsRefused: readonly (readonly [what: string, label: string])[] = [
    ['an empty one', ''],
    ['one of spaces', '   '],
    ['a line break', 'a\nb'],
    ['NUL', 'a\0b'],
    ['an escape sequence', 'a\u001B[2J'],
    ['letters that turn the line around', 'a\u202Eb'],
    ['a long one', 'x'.repeat(65)],
  ];
  for (const [what, label] of labelsRefused) {
    it(`refuses as a label ${what}`, async () => {
      assert.equal(refusalOf(await admin.appPasswords.add('bob@d.test', newPassword(label))), 'bad-value');
      assert.deepEqual(labels(), []);
    });
  }

  it('takes any label that can be read, once for an account', async () => {
    for (const label of ["O'Hara's phone", '%u "x" $1', '__proto__', '7', 'Küche', '\u{1F4F1}']) {
      assert.equal(refusalOf(await admin.appPasswords.add('bob@d.test', newPassword(label))), 'done', label);
      assert.equal(refusalOf(await admin.appPasswords.add('bob@d.test', newPassword(label))), 'exists', label);
      assert.equal(refusalOf(await admin.appPasswords.add('ann@d.test', newPassword(label))), 'done', label);
    }
    // The same word in two spellings of Unicode.
    assert.equal(refusalOf(await admin.appPasswords.add('bob@d.test', newPassword('Ku\u0308che'))), 'exists');
    assert.equal(labels().length, 12);
  });

  it('refuses what would open nothing: no scope, expired already, no account', async () => {
    const expired = newPassword('a', { expiresAt: clock.now() - 1 });
    assert.equal(refusalOf(await admin.appPasswords.add('bob@d.test', expired)), 'bad-value');
    assert.equal(refusalOf(await admin.appPasswords.add('bob@d.test', newPassword('a', { scopes: [] }))), 'bad-value');
    assert.equal(refusalOf(await admin.appPasswords.add('eve@d.test', newPassword('a'))), 'missing');
    assert.equal(refusalOf(await admin.appPasswords.add('no address', newPassword('a'))), 'bad-value');
    assert.deepEqual(labels(), []);
  });

  it('gives an account as many as anybody needs, and no more', async () => {
    for (let i = 0; i < MAX_APP_PASSWORDS; i++) await admin.appPasswords.add('bob@d.test', newPassword(`program ${i}`));
    assert.equal(refusalOf(await admin.appPasswords.add('bob@d.test', newPassword('one more'))), 'in-use');
    assert.equal(labels('bob@d.test').length, MAX_APP_PASSWORDS);
    assert.equal(refusalOf(await admin.appPasswords.add('ann@d.test', newPassword('first'))), 'done');
  });

  it('revokes by label and else by id, of that account only', async () => {
    for (const label of ['phone', 'laptop', '1']) await admin.appPasswords.add('bob@d.test', newPassword(label));
    await admin.appPasswords.add('ann@d.test', newPassword('phone'));
    for (const word of ['4', 'tablet', '', '-1', '1e0', '99999999999999999999', '0x2', '2 or 1=1'])
      assert.equal(refusalOf(await admin.appPasswords.revoke('bob@d.test', word)), 'missing', word);
    // "1" is a label and the id of another.
    assert.equal(refusalOf(await admin.appPasswords.revoke('bob@d.test', '1')), 'done');
    assert.deepEqual(labels('bob@d.test'), ['phone', 'laptop']);
    assert.equal(refusalOf(await admin.appPasswords.revoke('bob@d.test', '1')), 'done');
    assert.deepEqual(labels('bob@d.test'), ['laptop']);
    assert.equal(refusalOf(await admin.appPasswords.revoke('bob@d.test', 'laptop')), 'done');
    assert.deepEqual(labels(), ['phone']);
    assert.equal(refusalOf(await admin.appPasswords.revoke('eve@d.test', 'phone')), 'missing');
  });

  it('revokes all of an account at once', async () => {
    for (const label of ['phone', 'laptop']) await admin.appPasswords.add('bob@d.test', newPassword(label));
    await admin.appPasswords.add('ann@d.test', newPassword('phone'));
    const outcome = await admin.appPasswords.revokeAll('bob@d.test');
    assert.deepEqual(outcome, { kind: 'done', notes: ['2 app passwords of bob@d.test are gone'] });
    assert.deepEqual(labels(), ['phone']);
    assert.equal(refusalOf(await admin.appPasswords.revokeAll('eve@d.test')), 'missing');
  });

  it('takes them away with the account, keeps them when it is renamed, and gives no id out again', async () => {
    await admin.appPasswords.add('bob@d.test', newPassword('phone'));
    await admin.accounts.rename('bob@d.test', { address: 'rob@d.test', keepAlias: false });
    assert.deepEqual(labels('rob@d.test'), ['phone']);
    await admin.accounts.remove('rob@d.test');
    assert.deepEqual(labels(), []);
    await admin.appPasswords.add('ann@d.test', newPassword('phone'));
    assert.equal([...admin.appPasswords.list()][0]?.id, 2);
  });

  it('lists those of all accounts in order, also past one chunk', async () => {
    for (let account = 0; account < 12; account++) {
      const address = `u${String(account).padStart(2, '0')}@d.test`;
      await admin.accounts.add(address, { adopt: true });
      for (let i = 0; i < MAX_APP_PASSWORDS; i++) await admin.appPasswords.add(address, newPassword(`program ${i}`));
    }
    const records = [...admin.appPasswords.list()];
    assert.equal(records.length, 12 * MAX_APP_PASSWORDS);
    const order = records.map(({ account, id }) => `${account} ${String(id).padStart(4, '0')}`);
    assert.deepEqual(order, order.toSorted());
    assert.equal(new Set(order).size, order.length);
  });

  it('switches the requirement of an account and of a domain', async () => {
    await admin.accounts.set('bob@d.test', { appPasswordsRequired: true });
    await admin.domains.set('d.test', { appPasswordsRequired: true });
    assert.equal(admin.accounts.find('bob@d.test')?.appPasswordsRequired, true);
    assert.equal(admin.accounts.find('ann@d.test')?.appPasswordsRequired, false);
    assert.equal(admin.domains.list()[0]?.appPasswordsRequired, true);
    await admin.accounts.set('bob@d.test', { appPasswordsRequired: false, note: 'x' });
    await admin.domains.set('d.test', { appPasswordsRequired: false });
    assert.equal(admin.accounts.find('bob@d.test')?.appPasswordsRequired, false);
    assert.equal(admin.domains.list()[0]?.appPasswordsRequired, false);
  });

  it('lets nobody put a damaged digest in by hand', () => {
    const database = new Database(path);
    const insert = database.prepare(
      "INSERT INTO app_password (account_id, label, key, digest, scopes, created_at) VALUES (1, 'x', ?, ?, 'smtp', 0)",
    );
    const whole = sealToken(parseToken(Buffer.from(makeToken())) ?? '');
    assert.throws(() => insert.run(whole.key, Buffer.alloc(5)), /CHECK/);
    assert.throws(() => insert.run(Buffer.alloc(0), whole.digest), /CHECK/);
    assert.throws(() => insert.run('x'.repeat(32), whole.digest), /cannot store TEXT/);
    database.close();
  });
});
