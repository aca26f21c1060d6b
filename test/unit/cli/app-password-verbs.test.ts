import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import Database from 'better-sqlite3';
import { findAppPassword, parseToken } from '../../../src/auth/app-password.ts';
import { SqliteReader } from '../../../src/store/sqlite/reader.ts';
import { CollectingLogger } from '../../support/collecting-logger.ts';
import { queryFor } from '../../support/passdb-query.ts';
import { makeSite, type Run, type Site } from './directory-site.ts';

async function makeFilled(t: TestContext): Promise<Site> {
  const site = makeSite(t);
  for (const args of [
    ['domain', 'add', 'd.test'],
    ['account', 'add', 'ann@d.test', '--no-password'],
    ['account', 'add', 'bob@d.test', '--no-password'],
  ])
    assert.equal((await site.run(args)).code, 0);
  return site;
}

function tokenOf({ code, out, err }: Run): string {
  assert.equal(code, 0, err);
  return /^Password: (\S+)$/m.exec(out)?.[1] ?? '';
}

describe('postern app-password', () => {
  it('prints the token once, and the passdb knows it', async (t) => {
    const site = await makeFilled(t);
    const made = await site.run(['app-password', 'add', 'Bob@d.test', '--label', 'phone']);
    const token = tokenOf(made);
    assert.match(made.out, /^Added app password "phone" of Bob@d\.test\n/);
    assert.match(made.err, /shown this once/);
    const path = join(site.folder, 'state', 'postern.db');
    const reader = new SqliteReader({ name: 'local', path, logger: new CollectingLogger() });
    const entry = await reader.find(queryFor('bob@d.test'));
    reader.close();
    assert.ok(entry.kind === 'found');
    const parsed = parseToken(Buffer.from(token));
    assert.equal(findAppPassword(parsed ?? '', entry.value.appPasswords)?.label, 'phone');
    for (const args of [
      ['app-password', 'list', '--json'],
      ['account', 'show', 'bob@d.test', '--json'],
    ]) {
      const { out, err } = await site.run(args);
      assert.ok(!(out + err).includes(token) && !/digest|"key"/.test(out + err), args.join(' '));
    }
    assert.ok(!readFileSync(path).includes(parsed ?? token));
  });

  it('says what each may do, and lists them for people and machines', async (t) => {
    const site = await makeFilled(t);
    const wide = ['--scope', 'imap,smtp', '--allow-nets', '192.0.2.0/24 local', '--expires', '2027-01-31T12:00:00Z'];
    const made = await site.run(['app-password', 'add', 'bob@d.test', '--label', "Bob's laptop", ...wide]);
    assert.match(made.err, /smtp only/);
    tokenOf(await site.run(['app-password', 'add', 'ann@d.test', '--label', 'phone', '--expires', 'never']));
    const { out } = await site.run(['app-password', 'list']);
    assert.equal(
      out,
      'ann@d.test  2  "phone"  smtp, never used\n' +
        `bob@d.test  1  "Bob's laptop"  smtp imap, only from 192.0.2.0/24 local, expires 2027-01-31T12:00:00.000Z, never used\n`,
    );
    assert.equal((await site.run(['app-password', 'list', 'ann@d.test'])).out.split('\n').length, 2);
    const list: Record<string, unknown>[] = JSON.parse(
      (await site.run(['app-password', 'list', 'bob@d.test', '--json'])).out,
    );
    assert.deepEqual(Object.keys(list[0] ?? {}), [
      'id',
      'account',
      'label',
      'scopes',
      'allowNets',
      'expiresAt',
      'createdAt',
    ]);
    const json = await site.run(['app-password', 'add', 'bob@d.test', '--label', 'tv', '--json']);
    const value: { id: number; label: string; password: string } = JSON.parse(json.out);
    assert.deepEqual([value.id, value.label, value.password.length], [3, 'tv', 30]);
  });

  it('says which one is over, and which was used when, from where and for what', async (t) => {
    const site = await makeFilled(t);
    for (const label of ['old', 'used']) await site.run(['app-password', 'add', 'bob@d.test', '--label', label]);
    const database = new Database(join(site.folder, 'state', 'postern.db'));
    database.exec(`UPDATE app_password SET expires_at = 86400000 WHERE label = 'old';
      UPDATE app_password SET last_used_at = 1000, last_used_address = '192.0.2.7', last_used_service = 'smtp'
        WHERE label = 'used'`);
    database.close();
    const { out } = await site.run(['app-password', 'list', 'bob@d.test']);
    assert.equal(
      out,
      'bob@d.test  1  "old"  smtp, expired 1970-01-02T00:00:00.000Z, never used\n' +
        'bob@d.test  2  "used"  smtp, last used 1970-01-01T00:00:01.000Z from 192.0.2.7 for smtp\n',
    );
  });

  it('revokes by label, by id, and all at once', async (t) => {
    const site = await makeFilled(t);
    for (const label of ['phone', 'laptop', 'tv', 'car'])
      tokenOf(await site.run(['app-password', 'add', 'bob@d.test', '--label', label]));
    assert.equal((await site.run(['app-password', 'revoke', 'bob@d.test', 'laptop'])).code, 0);
    assert.equal((await site.run(['app-password', 'revoke', 'bob@d.test', '1'])).code, 0);
    assert.match((await site.run(['account', 'show', 'bob@d.test'])).out, /^app passwords 2$/m);
    const all = await site.run(['app-password', 'revoke', 'bob@d.test', '--all']);
    assert.match(all.out + all.err, /Revoked all.*\n2 app passwords/);
    assert.equal((await site.run(['app-password', 'list'])).out, '');
    assert.equal((await site.run(['app-password', 'list', '--json'])).out, '[]\n');
  });

  it('says with its exit code what was wrong', async (t) => {
    const site = await makeFilled(t);
    const add = ['app-password', 'add', 'bob@d.test'];
    await site.run([...add, '--label', 'phone']);
    const table: [number, string[]][] = [
      [64, add],
      [64, [...add, '--label', 'x', '--scope', 'smtp,ftp']],
      [64, [...add, '--label', 'x', '--scope', '']],
      [64, [...add, '--label', 'x', '--allow-nets', 'home']],
      [64, [...add, '--label', 'x', '--expires', 'soon']],
      [64, [...add, '--label', 'x', '--expires', '2020-01-01']],
      [65, [...add, '--label', 'a\nb']],
      [73, [...add, '--label', 'phone']],
      [67, ['app-password', 'add', 'eve@d.test', '--label', 'x']],
      [67, ['app-password', 'list', 'eve@d.test']],
      [67, ['app-password', 'revoke', 'bob@d.test', 'x']],
      [64, ['app-password', 'revoke', 'bob@d.test']],
      [64, ['app-password', 'revoke', 'bob@d.test', 'phone', '--all']],
      [67, ['app-password', 'revoke', 'eve@d.test', '--all']],
    ];
    for (const [code, args] of table) assert.equal((await site.run(args)).code, code, args.join(' '));
    assert.match((await site.run(['app-password', 'list'])).out, /^bob@d\.test {2}1 {2}"phone"[^\n]*\n$/);
  });

  it('requires them of an account and of a domain, and says who is locked out by that', async (t) => {
    const site = await makeFilled(t);
    tokenOf(await site.run(['app-password', 'add', 'ann@d.test', '--label', 'phone']));
    const domain = await site.run(['domain', 'set', 'd.test', '--app-passwords', 'required']);
    assert.equal(domain.code, 0);
    assert.match(domain.err, /1 account has no app password yet.*bob@d\.test/);
    assert.match(
      (await site.run(['domain', 'list'])).out,
      /^d\.test {2}2 accounts, 0 aliases, app passwords required$/m,
    );
    const list: { appPasswordsRequired: boolean }[] = JSON.parse((await site.run(['domain', 'list', '--json'])).out);
    assert.equal(list[0]?.appPasswordsRequired, true);
    assert.equal((await site.run(['domain', 'set', 'd.test', '--app-passwords', 'optional'])).err, '');
    assert.doesNotMatch((await site.run(['domain', 'list'])).out, /required/);

    const account = await site.run(['account', 'set', 'bob@d.test', '--app-passwords', 'required']);
    assert.match(account.err, /no app password yet/);
    assert.equal((await site.run(['account', 'set', 'ann@d.test', '--app-passwords', 'required'])).err, '');
    assert.match((await site.run(['account', 'show', 'bob@d.test'])).out, /^app passwords 0, required$/m);
    assert.match((await site.run(['account', 'list'])).out, /^bob@d\.test {2}no password, app passwords required$/m);
    assert.equal((await site.run(['account', 'set', 'bob@d.test', '--app-passwords', 'optional'])).code, 0);
    assert.doesNotMatch((await site.run(['account', 'show', 'bob@d.test'])).out, /required/);
    assert.equal((await site.run(['account', 'set', 'bob@d.test', '--app-passwords', 'maybe'])).code, 64);
  });

  it('reminds whoever changes a password of the app passwords that stay', async (t) => {
    const site = await makeFilled(t);
    const change = ['account', 'password', 'bob@d.test', '--password-file', '-'];
    assert.doesNotMatch((await site.run(change, { input: 'a' })).err, /app password/);
    tokenOf(await site.run(['app-password', 'add', 'bob@d.test', '--label', 'phone']));
    assert.match((await site.run(change, { input: 'b' })).err, /app passwords \(1\) stay good/);
  });
});
