import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import Database from 'better-sqlite3';
import { makeSite, type Site } from './directory-site.ts';

const SHA512 = `$6$saltsaltsaltsalt$${'x'.repeat(86)}`;
const MD5 = '$1$salt$abcdefghijklmnopqrstuv';

interface Outcome {
  readonly isApplied: boolean;
  readonly new: number;
  readonly exists: number;
  readonly updated: number;
  readonly skipped: readonly { readonly line: number }[];
  readonly faulty: readonly { readonly line: number; readonly name: string; readonly reason: string }[];
  readonly newDomains: readonly string[];
  readonly schemes: Readonly<Record<string, { readonly count: number; readonly weakness?: string }>>;
}

async function makeFilled(t: TestContext): Promise<Site> {
  const site = makeSite(t);
  assert.equal((await site.run(['domain', 'add', 'd.test'])).code, 0);
  return site;
}

/** Writes a users file; `%m` stands for the mail root. */
function writeUsers(site: Site, lines: readonly string[]): string {
  const file = join(site.folder, 'users');
  writeFileSync(file, lines.map((line) => `${line.replaceAll('%m', join(site.folder, 'mail'))}\n`).join(''));
  return file;
}

async function importUsers(site: Site, lines: readonly string[], options: readonly string[]): Promise<Outcome> {
  const file = writeUsers(site, lines);
  const { out, code, err } = await site.run(['account', 'import', file, '--json', ...options]);
  const outcome: Outcome = JSON.parse(out);
  assert.equal(code, outcome.faulty.length > 0 ? 65 : 0, err);
  return outcome;
}

function rowsOf(site: Site): Record<string, unknown>[] {
  const database = new Database(join(site.folder, 'state', 'postern.db'), { readonly: true });
  const rows = database
    .prepare<[], Record<string, unknown>>(
      `SELECT address, password, home, can_login, receive, host, quota_rules, allow_nets,
         (SELECT group_concat(name) FROM login_name WHERE account_id = account.id) AS logins
       FROM account ORDER BY address`,
    )
    .all();
  database.close();
  return rows;
}

describe('postern account import', () => {
  it('says what would come of it, changes nothing, and then does it with --apply', async (t) => {
    const site = await makeFilled(t);
    const file = writeUsers(site, [
      '# the users',
      '',
      `ann@d.test:{SHA512-CRYPT}${SHA512}:5000:5000::%m/ann::`,
      `bob@d.test:{MD5-CRYPT}${MD5}`,
      'eve@far.test:{PLAIN}x',
    ]);
    const dry = await site.run(['account', 'import', file]);
    assert.equal(dry.code, 65);
    assert.equal(
      dry.out,
      'new      2\nexists   0\nupdated  0\nskipped  0\nfaulty   1\n{SHA512-CRYPT} 1\n{MD5-CRYPT} 1, weak: its thousand rounds of MD5 are quickly tried\n',
    );
    assert.equal(dry.err.split('\n')[0], `${file}:5: "eve@far.test": Domain far.test is not ours: add it first`);
    assert.match(dry.err, /upgrade_scheme = yes/);
    assert.match(dry.err, /1 with a uid or gid that is not ours/);
    assert.match(dry.err, /dry run, --apply does it/);
    assert.deepEqual(rowsOf(site), []);

    const done = await site.run(['account', 'import', file, '--apply']);
    assert.equal(done.code, 65);
    assert.equal(done.out, dry.out);
    assert.doesNotMatch(done.err, /dry run/);
    const mail = join(site.folder, 'mail');
    assert.deepEqual(
      rowsOf(site).map(({ address, password, home, logins }) => [address, password, home, logins]),
      [
        ['ann@d.test', `{SHA512-CRYPT}${SHA512}`, join(mail, 'ann'), 'ann@d.test'],
        ['bob@d.test', `{MD5-CRYPT}${MD5}`, join(mail, 'd.test', 'bob'), 'bob@d.test'],
      ],
    );
  });

  it('takes over every field an account can hold', async (t) => {
    const site = await makeFilled(t);
    const outcome = await importUsers(
      site,
      [
        'Ann@D.test:{PLAIN}x::::%m/kept/ann/::userdb_quota_rule=*:storage=2G:messages=7 allow_nets=192.0.2.0/24,local',
        'bob@d.test:{PLAIN}x:::::: nologin',
        'cat@d.test:{PLAIN}x:::::: host=imap2.d.test proxy=y',
        'dan@d.test:{PLAIN}x:::::: userdb_tempfail',
        'eve@d.test',
        'fay@d.test:!',
        `gus@d.test:{SHA512-CRYPT}!${SHA512}`,
        'hal@d.test:{PLAIN}!x',
      ],
      ['--apply'],
    );
    assert.deepEqual(outcome.faulty, []);
    const rows = rowsOf(site);
    assert.deepEqual(rows[0], {
      address: 'ann@d.test',
      password: '{PLAIN}x',
      home: join(site.folder, 'mail', 'kept', 'ann'),
      can_login: 1,
      receive: 'accept',
      host: null,
      quota_rules: '["*:storage=2G:messages=7"]',
      allow_nets: '192.0.2.0/24 local',
      logins: 'ann@d.test',
    });
    assert.deepEqual(
      rows.slice(1).map(({ password, can_login, receive, host }) => [password, can_login, receive, host]),
      [
        ['{PLAIN}x', 0, 'accept', null],
        ['{PLAIN}x', 1, 'accept', 'imap2.d.test'],
        ['{PLAIN}x', 1, 'hold', null],
        [null, 1, 'accept', null],
        [null, 0, 'accept', null],
        [null, 0, 'accept', null],
        ['{PLAIN}!x', 1, 'accept', null],
      ],
    );
  });

  it("reads docker-mailserver's accounts, and names without a domain under the default one", async (t) => {
    const site = await makeFilled(t);
    appendFileSync(join(site.folder, 'postern.ini'), '\n[auth]\ndefault_domain = d.test\n');
    const outcome = await importUsers(
      site,
      [
        `ann@d.test|{SHA512-CRYPT}${SHA512}`,
        `bob@d.test|{SHA512-CRYPT}${SHA512}|userdb_quota_rule=*:storage=1M`,
        `cat|{SHA512-CRYPT}${SHA512}`,
        'dan:{PLAIN}pipe|in|it',
      ],
      ['--apply'],
    );
    assert.deepEqual(outcome.faulty, []);
    assert.deepEqual(
      rowsOf(site).map(({ address, password, quota_rules }) => [address, password, quota_rules]),
      [
        ['ann@d.test', `{SHA512-CRYPT}${SHA512}`, '[]'],
        ['bob@d.test', `{SHA512-CRYPT}${SHA512}`, '["*:storage=1M"]'],
        ['cat@d.test', `{SHA512-CRYPT}${SHA512}`, '[]'],
        ['dan@d.test', '{PLAIN}pipe|in|it', '[]'],
      ],
    );
  });

  const faulty: readonly (readonly [what: string, line: string, reason: RegExp])[] = [
    ['a name without a domain', 'bob:{PLAIN}x', /no address/],
    ['what is no address', 'b b@:{PLAIN}x', /no address/],
    ['bytes that are no UTF-8', 'b\uFFFDb@d.test:{PLAIN}x', /no address/],
    ['a local part that makes a dangerous path', 'a/b@d.test:{PLAIN}x', /no safe name/],
    ['a domain that is not ours', 'bob@far.test:{PLAIN}x', /not ours/],
    ['a domain that stands for another', 'bob@also.test:{PLAIN}x', /stands for d\.test/],
    ['the address of an alias', 'info@d.test:{PLAIN}x', /is an alias/],
    ['a login name of somebody else', 'also-ann@d.test:{PLAIN}x', /login name of ann@d\.test/],
    ['a hash that is none', 'bob@d.test:{ARGON2ID}secret', /"\{ARGON2ID\}"/],
    ['a password in clear without its scheme', 'bob@d.test:secret', /"\{CRYPT\}"/],
    ['a scheme nobody knows', 'bob@d.test:{NTLM}x', /"\{NTLM\}"/],
    ['any password', 'bob@d.test::::::: nopassword', /nopassword/],
    ['nopassword beside a password', 'bob@d.test:{PLAIN}x:::::: nopassword', /nopassword/],
    ['a home outside the roots', 'bob@d.test:{PLAIN}x::::/srv/elsewhere/bob', /outside the mail roots/],
    ['a home that climbs', 'bob@d.test:{PLAIN}x::::%m/../../etc', /without "\." and "\.\."/],
    ['the root itself as home', 'bob@d.test:{PLAIN}x::::%m', /outside the mail roots/],
    ['the home of somebody else', 'bob@d.test:{PLAIN}x::::%m/d.test/ann', /home of ann@d\.test/],
    ['a mail location of its own', 'bob@d.test:{PLAIN}x:::::: userdb_mail=mbox:~/mail', /mail location/],
    ['a field that renames', 'bob@d.test:{PLAIN}x:::::: user=ann@d.test', /rename/],
    ['a userdb field that renames', 'bob@d.test:{PLAIN}x:::::: userdb_user=ann@d.test', /rename/],
    ['fields without a login', 'bob@d.test:{PLAIN}x:::::: noauthenticate', /noauthenticate/],
    ['a network that is none', 'bob@d.test:{PLAIN}x:::::: allow_nets=home', /allow_nets/],
    ['a quota nobody understands', 'bob@d.test:{PLAIN}x:::::: userdb_quota_rule=*:octets=1', /quota_rule/],
    ['a forged line', 'bob\u001B[2J@d.test:{PLAIN}x', /no address/],
  ];
  for (const [what, line, reason] of faulty) {
    it(`does not take ${what}, in the dry run and in earnest, and takes the lines around it`, async (t) => {
      const site = await makeFilled(t);
      for (const args of [
        ['domain', 'add', 'also.test', '--stands-for', 'd.test'],
        ['account', 'add', 'ann@d.test', '--no-password', '--login-names', 'ann@d.test,also-ann@d.test'],
        ['alias', 'add', 'info@d.test', 'ann@d.test'],
      ])
        assert.equal((await site.run(args)).code, 0, args.join(' '));
      const lines = ['zoe@d.test:{PLAIN}x', line, 'zac@d.test:{PLAIN}x'];
      for (const options of [[], ['--apply']]) {
        const outcome = await importUsers(site, lines, options);
        assert.deepEqual([outcome.new, outcome.faulty.length], [2, 1], JSON.stringify(outcome));
        assert.equal(outcome.faulty[0]?.line, 2);
        assert.match(outcome.faulty[0].reason, reason);
      }
      assert.deepEqual(
        rowsOf(site).map(({ address }) => address),
        ['ann@d.test', 'zac@d.test', 'zoe@d.test'],
      );
    });
  }

  it('takes the first line of a user, and one user for a home, in the dry run as in earnest', async (t) => {
    const site = await makeFilled(t);
    const lines = [
      'bob@d.test:{PLAIN}1',
      'BOB@d.test:{PLAIN}2',
      'ann@d.test:{PLAIN}1::::%m/one',
      'cat@d.test:{PLAIN}1::::%m/one',
    ];
    for (const options of [[], ['--apply']]) {
      const outcome = await importUsers(site, lines, options);
      assert.deepEqual([outcome.new, outcome.skipped.map(({ line }) => line)], [2, [2]]);
      assert.deepEqual(
        outcome.faulty.map(({ line }) => line),
        [4],
      );
      assert.match(outcome.faulty[0]?.reason ?? '', /home of ann@d\.test/);
    }
    assert.deepEqual(
      rowsOf(site).map(({ password }) => password),
      ['{PLAIN}1', '{PLAIN}1'],
    );
  });

  it('may be done again, and leaves alone what changed meanwhile unless told --update', async (t) => {
    const site = await makeFilled(t);
    const lines = ['ann@d.test:{PLAIN}1', 'bob@d.test:{PLAIN}1', 'cat@d.test'];
    assert.equal((await importUsers(site, lines, ['--apply'])).new, 3);
    const before = rowsOf(site);
    assert.deepEqual((await importUsers(site, lines, ['--apply'])).exists, 3);
    assert.deepEqual(rowsOf(site), before);

    const change = ['account', 'password', 'bob@d.test', '--password-file', '-'];
    for (const address of ['bob@d.test', 'cat@d.test']) await site.run(change.with(2, address), { input: 'changed' });
    const file = writeUsers(site, lines);
    const again = await site.run(['account', 'import', file, '--apply']);
    assert.match(again.out, /^exists {3}3 \(1 with another password here: --update takes that of the file\)$/m);
    assert.equal(rowsOf(site)[1]?.['password'], '{PLAIN}changed');

    const dry = await importUsers(site, lines, ['--update']);
    assert.deepEqual([dry.updated, dry.exists, rowsOf(site)[1]?.['password']], [1, 2, '{PLAIN}changed']);
    const updated = await importUsers(site, lines, ['--update', '--apply']);
    assert.deepEqual([updated.new, updated.exists, updated.updated], [0, 2, 1]);
    assert.deepEqual(
      rowsOf(site).map(({ password }) => password),
      // A file without a password takes none away.
      ['{PLAIN}1', '{PLAIN}1', '{PLAIN}changed'],
    );
  });

  it('adds domains when told to, and makes a database for them', async (t) => {
    const site = makeSite(t);
    const lines = ['ann@e.test:{PLAIN}1', 'bob@e.test:{PLAIN}1', 'cat@Bücher.test:{PLAIN}1', 'dan@e_.:{PLAIN}1'];
    await site.run(['account', 'list']);
    const file = writeUsers(site, lines);
    assert.equal((await site.run(['account', 'import', file, '--add-domains'])).code, 78);
    const outcome = await importUsers(site, lines, ['--apply', '--add-domains']);
    assert.deepEqual([outcome.new, outcome.newDomains], [4, ['e.test', 'e_', 'xn--bcher-kva.test']]);
    const list: { name: string; accounts: number }[] = JSON.parse((await site.run(['domain', 'list', '--json'])).out);
    assert.deepEqual(
      list.map(({ name, accounts }) => [name, accounts]),
      [
        ['e.test', 2],
        ['e_', 1],
        ['xn--bcher-kva.test', 1],
      ],
    );
    const dry = await importUsers(site, ['eve@f.test:{PLAIN}1'], ['--add-domains']);
    assert.deepEqual([dry.new, dry.newDomains], [1, ['f.test']]);
    assert.equal((await importUsers(site, ['eve@f.test:{PLAIN}1'], ['--apply'])).faulty.length, 1);
  });

  it('adopts mail of a home the file names, and asks before it adopts any other (RULES 15)', async (t) => {
    const site = await makeFilled(t);
    const mail = join(site.folder, 'mail');
    for (const folder of ['kept/ann', 'd.test/bob']) mkdirSync(join(mail, folder), { recursive: true });
    const lines = ['ann@d.test:{PLAIN}1::::%m/kept/ann', 'bob@d.test:{PLAIN}1'];
    for (const options of [[], ['--apply']]) {
      const outcome = await importUsers(site, lines, options);
      assert.deepEqual([outcome.new, outcome.faulty.map(({ line }) => line)], [1, [2]]);
      assert.match(outcome.faulty[0]?.reason ?? '', /adopt/);
    }
    assert.equal((await importUsers(site, lines, ['--apply', '--adopt'])).new, 1);
    // Whoever had the address before has left mail behind.
    await site.run(['account', 'add', 'cat@d.test', '--no-password', '--home', join(mail, 'cats')]);
    await site.run(['account', 'remove', 'cat@d.test']);
    assert.match((await importUsers(site, ['cat@d.test'], ['--apply'])).faulty[0]?.reason ?? '', /adopt/);
    await importUsers(site, ['cat@d.test'], ['--apply', '--adopt']);
    assert.equal(rowsOf(site)[2]?.['home'], join(mail, 'cats'));
  });

  it('forgets the homes of the file when told to', async (t) => {
    const site = await makeFilled(t);
    const lines = ['ann@d.test:{PLAIN}1::::/home/ann', 'bob@d.test:{PLAIN}1::::%m/kept/bob'];
    assert.equal((await importUsers(site, lines, ['--apply', '--new-homes'])).new, 2);
    assert.deepEqual(
      rowsOf(site).map(({ home }) => home),
      ['ann', 'bob'].map((name) => join(site.folder, 'mail', 'd.test', name)),
    );
  });

  it('names the scheme of passwords that name none', async (t) => {
    const site = await makeFilled(t);
    const lines = ['ann@d.test:secret', 'bob@d.test:abcdefghijklm[13]', `cat@d.test:${MD5}`];
    await importUsers(site, lines, ['--apply', '--default-scheme', 'PLAIN']);
    assert.deepEqual(
      rowsOf(site).map(({ password }) => password),
      ['{PLAIN}secret', '{CRYPT}abcdefghijklm', `{MD5-CRYPT}${MD5}`],
    );
    const outcome = await importUsers(site, [`dan@d.test:${SHA512}`], []);
    assert.deepEqual(outcome.schemes, { CRYPT: { count: 1 } });
  });

  it('says with its exit code what was wrong', async (t) => {
    const site = await makeFilled(t);
    const file = writeUsers(site, ['ann@d.test:{PLAIN}1']);
    const table: [number, string[]][] = [
      [64, []],
      [64, [file, '--apply', '--dry-run']],
      [65, [join(site.folder, 'missing')]],
      [65, [site.folder]],
      [0, [file, '--dry-run']],
    ];
    for (const [code, args] of table)
      assert.equal((await site.run(['account', 'import', ...args])).code, code, args.join(' '));
    assert.match((await site.run(['account', 'import', join(site.folder, 'missing')])).err, /missing.*ENOENT/);
  });

  it('shows no password and no hash', async (t) => {
    const site = await makeFilled(t);
    const file = writeUsers(site, ['ann@d.test:{PLAIN}hippo', 'bob@d.test:{NTLM}hippo', 'cat@far.test:{CRYPT}hippo']);
    for (const options of [[], ['--json'], ['--apply']]) {
      const { out, err } = await site.run(['account', 'import', file, ...options]);
      assert.ok(!(out + err).includes('hippo'));
    }
  });
});
