import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createLoginTools } from '../../../src/app-login-tools.ts';
import { createCliTools } from '../../../src/app-tools.ts';
import { accountVerb } from '../../../src/cli/account.ts';
import { appPasswordVerb } from '../../../src/cli/app-password.ts';
import { authLookupVerb } from '../../../src/cli/auth-lookup.ts';
import { authTestVerb } from '../../../src/cli/auth-test.ts';
import { authVerbs } from '../../../src/cli/auth-verbs.ts';
import { domainVerb } from '../../../src/cli/domain.ts';
import { runProgram } from '../../../src/cli/program.ts';
import { CollectingLogger } from '../../support/collecting-logger.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import type { Run } from './directory-site.ts';

const CONFIG = `
[auth]
mechanisms = plain login cram-md5 scram-sha-256
hash_workers = 1
auth_master_user_separator = *
[passdb masters]
driver = passwd-file
path = @masters
master = yes
[passdb local]
driver = sqlite
[userdb local]
driver = sqlite
[passdb old]
driver = passwd-file
path = @old
mechanisms = plain none
default_fields = reason=old
`;

interface Site {
  run(args: readonly string[], person?: ConstructorParameters<typeof FakeTerminal>[0]): Promise<Run>;
}

/** ann and bob in the database, both in domains of ours; cat in a passwd-file only; root is a master. */
async function makeSite(t: TestContext): Promise<Site> {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'state'));
  const file = join(folder, 'postern.ini');
  const state = `[postern]\nstate_dir = ${join(folder, 'state')}\n[mail]\nhome = ${join(folder, 'mail')}/%d/%n\n`;
  writeFileSync(file, state + CONFIG.replaceAll('@', `${folder}/`));
  writeFileSync(join(folder, 'masters'), 'root@d.test:{PLAIN}master\n');
  writeFileSync(
    join(folder, 'old'),
    'cat@d.test:{SHA512-CRYPT}!\ndan@d.test:{PLAIN}dan:::::: allow_nets=192.0.2.0/24\n',
  );
  const logger = new CollectingLogger();
  const tools = createCliTools(() => logger);
  const logins = createLoginTools(() => logger);
  const site: Site = {
    async run(args, person) {
      const terminal = new FakeTerminal(person);
      const code = await runProgram(['-c', file, ...args], {
        verbs: [
          domainVerb(tools),
          accountVerb(tools),
          appPasswordVerb(tools),
          authVerbs([authTestVerb(logins), authLookupVerb(logins)]),
        ],
        terminal,
        environment: {},
        version: '0',
      });
      return { code, out: terminal.output, err: terminal.errors };
    },
  };
  const add = ['account', 'add', 'bob@d.test', '--password-file', '-'];
  assert.equal((await site.run(['domain', 'add', 'd.test'])).code, 0);
  const users = join(folder, 'import');
  writeFileSync(users, 'ann@d.test:{PLAIN}ann\nbob@d.test:{PLAIN}bob\n');
  assert.equal((await site.run(['account', 'import', users, '--apply'])).code, 0);
  assert.equal((await site.run(add.with(2, 'eve@d.test'), { input: 'eve' })).code, 0);
  return site;
}

function test(site: Site, args: readonly string[], password: string): Promise<Run> {
  return site.run(['auth', 'test', '--password-file', '-', ...args], { input: password });
}

describe('postern auth test', () => {
  it('says what decided a good login', async (t) => {
    const site = await makeSite(t);
    const { code, out, err } = await test(site, ['Bob@d.test'], 'bob');
    assert.deepEqual([code, err], [0, '']);
    assert.match(out, /^verdict {7}accepted\n/);
    assert.match(out, /^passdb {8}local: .*\n/m);
    assert.match(out, /^user {10}bob@d\.test\ndecided by {4}local\n/m);
    const hashed = await test(site, ['eve@d.test'], 'eve');
    assert.equal(hashed.code, 0);
  });

  it('asks for the password on a terminal, once, and never shows it', async (t) => {
    const site = await makeSite(t);
    const { code, out, err } = await site.run(['auth', 'test', 'bob@d.test'], { secrets: ['bob'] });
    assert.deepEqual([code, err], [0, 'Password: ']);
    const wrong = await site.run(['auth', 'test', 'bob@d.test', '--json'], { secrets: ['hippo'] });
    assert.equal(wrong.code, 77);
    assert.ok(!/hippo|PLAIN/.test(wrong.out + wrong.err + out));
    assert.equal((await site.run(['auth', 'test', 'bob@d.test'], { secrets: [undefined] })).code, 65);
    assert.equal((await site.run(['auth', 'test', 'bob@d.test'])).code, 65);
  });

  it('says why a login fails, with the exit codes of doveadm', async (t) => {
    const site = await makeSite(t);
    await site.run(['account', 'suspend', 'ann@d.test']);
    const table: [code: number, verdict: string, args: string[], password: string][] = [
      [77, 'rejected: wrong-password', ['bob@d.test'], 'wrong'],
      [67, 'rejected: unknown-user', ['nobody@d.test'], 'bob'],
      [77, 'rejected: login-off', ['ann@d.test'], 'ann'],
      [77, 'rejected: wrong-password', ['cat@d.test'], ''.padEnd(3, '!')],
      [77, 'rejected: network', ['dan@d.test', '--remote', '198.51.100.7'], 'dan'],
      [0, 'accepted', ['dan@d.test', '--remote', '192.0.2.7'], 'dan'],
      [77, 'rejected: plaintext', ['bob@d.test', '--no-tls', '--remote', '198.51.100.7'], 'bob'],
      [0, 'accepted', ['bob@d.test', '--no-tls'], 'bob'],
      [77, 'rejected: bad-username', ['b\u0007b@d.test'], 'bob'],
    ];
    for (const [code, verdict, args, password] of table) {
      const run = await test(site, args, password);
      assert.deepEqual([run.code, run.out.split('\n')[0]], [code, `verdict       ${verdict}`], args.join(' '));
    }
  });

  it('asks a passdb only for its mechanisms', async (t) => {
    const site = await makeSite(t);
    const args = ['dan@d.test', '--remote', '192.0.2.7', '--mechanism'];
    assert.equal((await test(site, [...args, 'plain'], 'dan')).code, 0);
    const other = await test(site, [...args, 'login'], 'dan');
    assert.equal(other.code, 67);
    assert.match(other.out, /^passdb {8}old: not asked$/m);
  });

  it('proves a password as the mechanism would', async (t) => {
    const site = await makeSite(t);
    for (const mechanism of ['cram-md5', 'scram-sha-256']) {
      assert.equal((await test(site, ['bob@d.test', '--mechanism', mechanism], 'bob')).code, 0, mechanism);
      const wrong = await test(site, ['bob@d.test', '--mechanism', mechanism], 'wrong');
      assert.deepEqual([wrong.code, wrong.out.split('\n')[0]], [77, 'verdict       rejected: wrong-proof'], mechanism);
      // An ARGON2ID hash serves neither.
      const hashed = await test(site, ['eve@d.test', '--mechanism', mechanism], 'eve');
      assert.equal(hashed.code, 77, mechanism);
      assert.equal((await test(site, ['nobody@d.test', '--mechanism', mechanism], 'x')).code, 67, mechanism);
    }
  });

  it('logs a master in as somebody else, and nobody else', async (t) => {
    const site = await makeSite(t);
    const { code, out } = await test(site, ['bob@d.test', '--master', 'root@d.test'], 'master');
    assert.equal(code, 0);
    assert.match(out, /^user {10}bob@d\.test\nmaster {8}root@d\.test\n/m);
    assert.equal((await test(site, ['bob@d.test', '--master', 'root@d.test'], 'bob')).code, 77);
    assert.equal((await test(site, ['nobody@d.test', '--master', 'root@d.test'], 'master')).code, 67);
    assert.notEqual((await test(site, ['bob@d.test', '--master', 'ann@d.test'], 'ann')).code, 0);
  });

  it('names the app password, and says what a client hears where they are required (RULES 41)', async (t) => {
    const site = await makeSite(t);
    const made = await site.run(['app-password', 'add', 'bob@d.test', '--label', 'phone']);
    const token = /^Password: (\S+)$/m.exec(made.out)?.[1] ?? '';
    const good = await test(site, ['bob@d.test'], token.toUpperCase().replaceAll('-', ''));
    assert.equal(good.code, 0);
    assert.match(good.out, /^app password {2}phone$/m);
    await site.run(['account', 'set', 'bob@d.test', '--app-passwords', 'required']);
    const account = await test(site, ['bob@d.test'], 'bob');
    assert.match(account.out, /^verdict {7}rejected: app-password-required\n/);
    assert.doesNotMatch(account.out, /client hears/);
    await site.run(['domain', 'set', 'd.test', '--app-passwords', 'required']);
    for (const [user, password] of [
      ['bob@d.test', 'bob'],
      ['bob@d.test', 'wrong'],
      ['nobody@d.test', 'x'],
    ] as const)
      assert.match((await test(site, [user], password)).out, /^client hears {2}App password required$/m, user);
    assert.equal((await test(site, ['bob@d.test'], token)).code, 0);
  });

  it('prints the same as JSON', async (t) => {
    const site = await makeSite(t);
    const { out } = await test(site, ['dan@d.test', '--remote', '192.0.2.7', '--json'], 'dan');
    const value: { kind: string; user: string; passdb: string; steps: unknown[]; fields: Record<string, string> } =
      JSON.parse(out);
    assert.deepEqual([value.kind, value.user, value.passdb, value.steps.length], ['accepted', 'dan@d.test', 'old', 2]);
    assert.equal(value.fields['reason'], 'old');
  });

  it('refuses what is no address and no mechanism of passwords', async (t) => {
    const site = await makeSite(t);
    for (const args of [['bob@d.test', '--remote', 'home'], ['bob@d.test', '--mechanism', 'external'], []])
      assert.equal((await test(site, args, 'x')).code, 64, args.join(' '));
  });
});

describe('postern auth lookup', () => {
  it('shows what each passdb knows, and the password only when asked', async (t) => {
    const site = await makeSite(t);
    await site.run(['app-password', 'add', 'bob@d.test', '--label', 'phone']);
    const { code, out } = await site.run(['auth', 'lookup', 'Bob@d.test']);
    assert.equal(code, 0);
    assert.equal(
      out,
      'passdb        masters: not asked\n\npassdb        local\nuser          bob@d.test\nscheme        PLAIN\n' +
        'login         on\napp passwords "phone"\n\npassdb        old: not there\n',
    );
    assert.match(
      (await site.run(['auth', 'lookup', 'bob@d.test', '--show-password'])).out,
      /^password {6}\{PLAIN\}bob$/m,
    );
    const json = await site.run(['auth', 'lookup', 'bob@d.test', '--json']);
    assert.ok(!/\{PLAIN\}|digest|"key"/.test(json.out));
    const value: { kind: string; scheme?: string }[] = JSON.parse(json.out);
    assert.deepEqual(
      value.map(({ kind, scheme }) => [kind, scheme]),
      [
        ['not-asked', undefined],
        ['found', 'PLAIN'],
        ['absent', undefined],
      ],
    );
    const shown = await site.run(['auth', 'lookup', 'bob@d.test', '--json', '--show-password']);
    assert.match(shown.out, /"password": "\{PLAIN\}bob"/);
  });

  it('shows networks, fields and switches', async (t) => {
    const site = await makeSite(t);
    const { out } = await site.run(['auth', 'lookup', 'dan@d.test']);
    assert.match(out, /^allow_nets {4}192\.0\.2\.0\/24$/m);
    assert.match(out, /^field {9}reason=old$/m);
    await site.run(['account', 'suspend', 'bob@d.test']);
    await site.run(['account', 'set', 'bob@d.test', '--app-passwords', 'required']);
    const off = await site.run(['auth', 'lookup', 'bob@d.test']);
    assert.match(off.out, /^login {9}off$/m);
    assert.match(off.out, /^required {6}app passwords, by its account$/m);
  });

  it('ends with 67 for nobody, and 75 when nobody could tell', async (t) => {
    const site = await makeSite(t);
    assert.equal((await site.run(['auth', 'lookup', 'nobody@d.test'])).code, 67);
    assert.equal((await site.run(['auth', 'lookup', 'b\u0007b'])).code, 67);
    for (const name of ['d.test']) await site.run(['domain', 'remove', name, '--force']);
    const { code, out } = await site.run(['auth', 'lookup', 'nobody@d.test']);
    assert.equal(code, 75);
    assert.match(out, /^passdb {8}local: could not tell: /m);
    assert.equal((await site.run(['auth', 'lookup', 'dan@d.test'])).code, 0);
  });
});
