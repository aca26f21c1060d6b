import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import Database from 'better-sqlite3';
import { parseConfig } from '../../../src/config/load-config.ts';
import { writeFirstConfig } from '../../../src/cli/first-config.ts';
import { generatePassword } from '../../../src/cli/new-password.ts';
import { makeSite, type Site } from './directory-site.ts';

/** A site with d.test and bob@d.test. */
async function makeFilled(t: TestContext): Promise<Site> {
  const site = makeSite(t);
  assert.equal((await site.run(['domain', 'add', 'd.test'])).code, 0);
  const added = await site.run(['account', 'add', 'bob@d.test', '--password-file', '-'], { input: 'secret\n' });
  assert.equal(added.code, 0, added.err);
  return site;
}

function storedPassword(site: Site, address: string): unknown {
  const database = new Database(join(site.folder, 'state', 'postern.db'), { readonly: true });
  const password = database.prepare('SELECT password FROM account WHERE address = ?').pluck().get(address);
  database.close();
  return password;
}

async function show(site: Site, address: string): Promise<Record<string, unknown>> {
  const { code, out, err } = await site.run(['account', 'show', address, '--json']);
  assert.equal(code, 0, err);
  const account: Record<string, unknown> = JSON.parse(out);
  return account;
}

describe('postern domain', () => {
  it('makes the database at the first domain, and no other verb does', async (t) => {
    const site = makeSite(t);
    for (const args of [
      ['domain', 'list'],
      ['account', 'list'],
      ['alias', 'list'],
      ['domain', 'set', 'd.test'],
    ]) {
      const { code, err } = await site.run(args);
      assert.equal(code, 78, args.join(' '));
      assert.match(err, /postern init/);
    }
    assert.ok(!existsSync(join(site.folder, 'state', 'postern.db')));
    const { code, out, err } = await site.run(['domain', 'add', 'D.test']);
    assert.equal(code, 0);
    assert.match(out, /Added domain/);
    assert.match(err, /postfix reload/);
    assert.equal(statSync(join(site.folder, 'state', 'postern.db')).mode & 0o777, 0o600);
  });

  it('lists, changes and removes', async (t) => {
    const site = await makeFilled(t);
    assert.equal((await site.run(['domain', 'add', 'also.test', '--stands-for', 'd.test'])).code, 0);
    assert.equal((await site.run(['domain', 'set', 'd.test', '--catch-all', 'bob@d.test, joe@far.test'])).code, 0);
    const { out } = await site.run(['domain', 'list']);
    assert.equal(
      out,
      'also.test  stands for d.test\nd.test  1 accounts, 0 aliases, the rest to bob@d.test, joe@far.test\n',
    );
    const list: { name: string; catchAll: string[] }[] = JSON.parse((await site.run(['domain', 'list', '--json'])).out);
    assert.deepEqual(list[1]?.catchAll, ['bob@d.test', 'joe@far.test']);
    assert.equal((await site.run(['domain', 'remove', 'd.test'])).code, 73);
    assert.equal((await site.run(['domain', 'set', 'also.test', '--stands-for', ''])).code, 0);
    assert.equal((await site.run(['domain', 'remove', 'd.test'])).code, 73);
    assert.equal((await site.run(['domain', 'remove', 'd.test', '--force'])).code, 0);
    assert.equal((await site.run(['domain', 'remove', 'd.test'])).code, 67);
  });

  it('says with its exit code what was wrong', async (t) => {
    const site = await makeFilled(t);
    const table: [number, string[]][] = [
      [65, ['domain', 'add', 'a b']],
      [73, ['domain', 'add', 'd.test']],
      [67, ['domain', 'add', 'x.test', '--stands-for', 'far.test']],
      [64, ['domain', 'add']],
      [64, ['domain', 'set', 'd.test', '--catch-all', 'bob']],
      [64, ['domain', 'add', 'x.test', '--nonsense']],
    ];
    for (const [code, args] of table) assert.equal((await site.run(args)).code, code, args.join(' '));
  });
});

describe('postern account', () => {
  it('ends with 65, and changes nothing, for a password that the scheme cannot hold', async (t) => {
    const site = await makeFilled(t);
    const input = `${'x'.repeat(73)}\n`;
    for (const args of [
      ['account', 'password', 'bob@d.test', '--password-file', '-'],
      ['account', 'add', 'long@d.test', '--password-file', '-'],
    ]) {
      const { code, err } = await site.run(args, { input });
      assert.equal(code, 65);
      assert.equal(err, 'postern: Cannot hash the password: too long\n');
    }
    assert.equal(storedPassword(site, 'bob@d.test'), '{PLAIN}secret');
    assert.equal((await site.run(['account', 'show', 'long@d.test'])).code, 67);
  });

  it('takes a password from standard input, a file, the terminal or chance, and shows none of them', async (t) => {
    const site = await makeFilled(t);
    assert.equal(storedPassword(site, 'bob@d.test'), '{PLAIN}secret');
    const file = join(site.folder, 'password');
    writeFileSync(file, 'from file\n');
    await site.run(['account', 'add', 'file@d.test', '--password-file', file]);
    assert.equal(storedPassword(site, 'file@d.test'), '{PLAIN}from file');
    const typed = await site.run(['account', 'add', 'typed@d.test'], { secrets: ['hippo', 'hippo'] });
    assert.equal(storedPassword(site, 'typed@d.test'), '{PLAIN}hippo');
    const made = await site.run(['account', 'add', 'made@d.test', '--generate']);
    const [, password] = /^Password: (\S+)$/m.exec(made.out) ?? [];
    assert.equal(storedPassword(site, 'made@d.test'), `{PLAIN}${password}`);
    await site.run(['account', 'add', 'none@d.test', '--no-password']);
    assert.equal(storedPassword(site, 'none@d.test'), null);
    for (const { out, err } of [
      typed,
      await site.run(['account', 'show', 'bob@d.test']),
      await site.run(['account', 'list', '--json']),
    ]) {
      assert.ok(!/hippo|secret|PLAIN/.test(out + err));
    }
  });

  it('refuses a password as an argument, two that differ, and none', async (t) => {
    const site = await makeFilled(t);
    assert.equal((await site.run(['account', 'add', 'x@d.test', 'secret'])).code, 64);
    assert.equal((await site.run(['account', 'add', 'x@d.test', '--password', 'secret'])).code, 64);
    assert.equal((await site.run(['account', 'add', 'x@d.test'], { secrets: ['a', 'b'] })).code, 65);
    assert.equal((await site.run(['account', 'add', 'x@d.test'], { secrets: [undefined] })).code, 65);
    assert.equal((await site.run(['account', 'add', 'x@d.test'])).code, 65);
    assert.equal((await site.run(['account', 'show', 'x@d.test'])).code, 67);
  });

  it('changes a password', async (t) => {
    const site = await makeFilled(t);
    assert.equal((await site.run(['account', 'password', 'BOB@d.test'], { secrets: ['new', 'new'] })).code, 0);
    assert.equal(storedPassword(site, 'bob@d.test'), '{PLAIN}new');
    assert.equal((await site.run(['account', 'password', 'eve@d.test'], { secrets: ['new', 'new'] })).code, 67);
    const { out } = await site.run(['account', 'password', 'bob@d.test', '--generate']);
    assert.match(out, /^Password: /m);
  });

  it('sets switches, limits, networks and names, and takes them away', async (t) => {
    const site = await makeFilled(t);
    const args = [
      '--login',
      'no',
      '--send',
      'no',
      '--receive',
      'hold',
      '--quota-storage',
      '1G',
      '--quota-messages',
      '1K',
    ];
    args.push('--display-name', 'Bob', '--allow-nets', '192.0.2.0/24, local ::1', '--note', 'n', '--host', 'mx2.test');
    args.push('--login-names', 'bob bob@d.test', '--senders', 'boss@d.test,@e.test', '--home', '/nonexistent/x');
    const { code, err } = await site.run(['account', 'set', 'bob@d.test', ...args]);
    assert.equal(code, 0, err);
    assert.match(err, /not moved/);
    const bob = await show(site, 'bob@d.test');
    for (const [key, value] of Object.entries({
      canLogin: false,
      canSend: false,
      receive: 'hold',
      quota: ['*:storage=1G:messages=1024'],
      displayName: 'Bob',
      allowNets: ['192.0.2.0/24', 'local', '::1/128'],
      note: 'n',
      host: 'mx2.test',
      loginNames: ['bob', 'bob@d.test'],
      senders: ['@e.test', 'boss@d.test'],
      home: '/nonexistent/x',
    })) {
      assert.deepEqual(bob[key], value, key);
    }
    const clear = ['--quota-storage', 'none', '--quota-messages', '0', '--display-name', '', '--allow-nets', ''];
    clear.push('--note', '', '--host', '', '--senders', '', '--login', 'yes', '--send', 'yes', '--receive', 'accept');
    const cleared = await site.run(['account', 'set', 'bob@d.test', ...clear]);
    assert.equal(cleared.code, 0, cleared.err);
    const after = await show(site, 'bob@d.test');
    assert.deepEqual(
      [after['quota'], after['displayName'], after['allowNets'], after['note'], after['host'], after['senders']],
      [[], undefined, [], undefined, undefined, []],
    );
  });

  it('refuses values out of their kind', async (t) => {
    const site = await makeFilled(t);
    const table: [number, string[]][] = [
      [64, ['--login', 'maybe']],
      [64, ['--receive', 'drop']],
      [64, ['--quota-storage', 'lots']],
      [64, ['--quota', '*:storage=10%']],
      [64, ['--quota-messages', '-1']],
      [64, ['--allow-nets', '10.0.0.0/33']],
      [64, ['--allow-nets', 'example.test']],
      [65, ['--home', 'relative']],
      [65, ['--senders', 'bob']],
    ];
    for (const [code, args] of table) {
      assert.equal((await site.run(['account', 'set', 'bob@d.test', ...args])).code, code, args.join(' '));
    }
  });

  it('suspends login and sending but not receiving, with a reason that resume takes away', async (t) => {
    const site = await makeFilled(t);
    assert.equal((await site.run(['account', 'suspend', 'bob@d.test', '--reason', 'unpaid'])).code, 0);
    const { out } = await site.run(['account', 'list']);
    assert.equal(out, 'bob@d.test  login off, send off\n');
    assert.equal((await show(site, 'bob@d.test'))['note'], 'Suspended: unpaid');
    assert.equal((await show(site, 'bob@d.test'))['receive'], 'accept');
    assert.equal((await site.run(['account', 'resume', 'bob@d.test'])).code, 0);
    const bob = await show(site, 'bob@d.test');
    assert.deepEqual([bob['canLogin'], bob['canSend'], bob['note']], [true, true, undefined]);
    assert.equal((await site.run(['account', 'suspend', 'eve@d.test'])).code, 67);
  });

  it('keeps mail on remove and rename, and wants --adopt for an address that has some (RULES 15)', async (t) => {
    const site = await makeFilled(t);
    const home = join(site.folder, 'mail', 'd.test', 'bob');
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, 'message'), 'x');
    const removed = await site.run(['account', 'remove', 'bob@d.test']);
    assert.match(removed.err, /Its mail was kept in .*bob/);
    assert.equal((await site.run(['account', 'add', 'bob@d.test', '--no-password'])).code, 73);
    assert.equal((await site.run(['account', 'add', 'bob@d.test', '--no-password', '--adopt'])).code, 0);
    assert.equal((await site.run(['account', 'rename', 'bob@d.test', 'bill@d.test', '--alias'])).code, 0);
    assert.equal((await show(site, 'bill@d.test'))['home'], home);
    assert.equal((await site.run(['alias', 'list'])).out, 'bob@d.test -> bill@d.test  (send as)\n');
    assert.equal(readFileSync(join(home, 'message'), 'utf8'), 'x');
  });

  it('lists in text and JSON, of all and of one domain', async (t) => {
    const site = await makeFilled(t);
    await site.run(['domain', 'add', 'e.test']);
    await site.run(['account', 'add', 'ann@e.test', '--no-password', '--quota-storage', '5M', '--display-name', 'Ann']);
    assert.equal((await site.run(['account', 'list'])).out, 'ann@e.test  no password, *:storage=5M, Ann\nbob@d.test\n');
    assert.equal((await site.run(['account', 'list', 'd.test'])).out, 'bob@d.test\n');
    const list: unknown[] = JSON.parse((await site.run(['account', 'list', '--json'])).out);
    assert.equal(list.length, 2);
    assert.deepEqual(JSON.parse((await site.run(['account', 'list', 'far.test', '--json'])).out), []);
  });

  it('says 75 while another process keeps the database to itself', { timeout: 20_000 }, async (t) => {
    const site = await makeFilled(t);
    const other = new Database(join(site.folder, 'state', 'postern.db'));
    other.pragma('locking_mode = EXCLUSIVE');
    other.exec("BEGIN EXCLUSIVE; UPDATE account SET note = 'x'");
    const { code, err } = await site.run(['account', 'list']);
    other.close();
    assert.equal(code, 75);
    assert.match(err, /locked/);
  });

  it('says 78 without a configuration', async (t) => {
    const site = await makeFilled(t);
    assert.equal((await site.run(['-c', '/nonexistent/postern.ini', 'account', 'list'])).code, 78);
  });
});

describe('the verbs of the embedded database', () => {
  it('say when the daemon does not see it, since sections for a passwd-file replace the default ones', async (t) => {
    const site = await makeFilled(t);
    assert.doesNotMatch((await site.run(['account', 'list'])).err, /driver = sqlite/);
    const file = join(site.folder, 'postern.ini');
    const databases = ['passdb', 'userdb'].map((kind) => `[${kind} old]\ndriver = passwd-file\npath = /etc/users\n`);
    writeFileSync(file, `${readFileSync(file, 'utf8')}\n${databases.join('\n')}`);
    const { code, err } = await site.run(['account', 'set', 'bob@d.test', '--note', 'x']);
    assert.deepEqual([code, /No \[passdb\] and no \[userdb\] has driver = sqlite/.test(err)], [0, true]);
  });
});

describe('postern alias', () => {
  it('adds, replaces, lists and removes', async (t) => {
    const site = await makeFilled(t);
    assert.equal((await site.run(['alias', 'add', 'info@d.test', 'bob@d.test', 'joe@far.test', '--send-as'])).code, 0);
    assert.equal((await site.run(['alias', 'add', 'info@d.test', 'bob@d.test'])).code, 73);
    assert.equal((await site.run(['alias', 'list'])).out, 'info@d.test -> bob@d.test, joe@far.test  (send as)\n');
    assert.equal((await site.run(['alias', 'add', 'info@d.test', 'bob@d.test', '--replace'])).code, 0);
    const list: unknown[] = JSON.parse((await site.run(['alias', 'list', 'd.test', '--json'])).out);
    assert.equal(list.length, 1);
    assert.equal((await site.run(['alias', 'remove', 'info@d.test'])).code, 0);
    assert.equal((await site.run(['alias', 'remove', 'info@d.test'])).code, 67);
  });

  it('takes several targets also with commas between them', async (t) => {
    const site = await makeFilled(t);
    await site.run(['alias', 'add', 'info@d.test', 'bob@d.test,joe@far.test', 'ann@far.test,', '"x,y"@far.test']);
    assert.equal(
      (await site.run(['alias', 'list'])).out,
      'info@d.test -> bob@d.test, joe@far.test, ann@far.test, x,y@far.test\n',
    );
  });

  it('refuses circles (RULES 10) and addresses of accounts, and warns of targets that do not exist', async (t) => {
    const site = await makeFilled(t);
    const loop = await site.run(['alias', 'add', 'a@d.test', 'a@d.test']);
    assert.deepEqual([loop.code, /circle/.test(loop.err)], [65, true]);
    assert.equal((await site.run(['alias', 'add', 'bob@d.test', 'joe@far.test'])).code, 73);
    const warned = await site.run(['alias', 'add', 'a@d.test', 'bob@d.test', 'typo@d.test']);
    assert.deepEqual([warned.code, /typo@d\.test/.test(warned.err)], [0, true]);
    assert.equal((await site.run(['alias', 'add', 'a@d.test'])).code, 64);
  });
});

describe('postern user', () => {
  it('shows what LMTP will use, through details and aliases', async (t) => {
    const site = await makeFilled(t);
    await site.run(['alias', 'add', 'info@d.test', 'bob@d.test', 'joe@far.test']);
    await site.run(['account', 'set', 'bob@d.test', '--quota-storage', '1M']);
    const { code, out } = await site.run(['user', 'Bob+x@d.test']);
    assert.equal(code, 0);
    assert.match(out, /^user +bob@d\.test\nuserdb +local\nhome +\S+\/mail\/d\.test\/bob\nquota_rule +\*:storage=1M$/m);
    assert.match((await site.run(['user', 'info@d.test'])).out, /alias of[^]*joe@far\.test is elsewhere/);
    const json: { targets: unknown[] } = JSON.parse((await site.run(['user', 'info@d.test', '--json'])).out);
    assert.equal(json.targets.length, 2);
    assert.equal((await site.run(['user', 'eve@d.test'])).code, 67);
  });

  it('shows the value of one field', async (t) => {
    const site = await makeFilled(t);
    await site.run(['alias', 'add', 'info@d.test', 'bob@d.test', 'joe@far.test']);
    const home = join(site.folder, 'mail', 'd.test', 'bob');
    assert.deepEqual(await site.run(['user', '-f', 'home', 'bob@d.test']), { code: 0, out: `${home}\n`, err: '' });
    assert.equal((await site.run(['user', '-f', 'home', 'info@d.test'])).out, `${home}\n`);
    assert.equal((await site.run(['user', '-f', 'uid', 'bob@d.test'])).code, 65);
    assert.equal((await site.run(['user', '-f', 'home', 'eve@d.test'])).code, 67);
    assert.equal((await site.run(['user', '-f', 'home', '*'])).code, 64);
    assert.equal((await site.run(['user', '-f', 'home', '--json', 'bob@d.test'])).code, 64);
  });

  it('lists accounts by pattern', async (t) => {
    const site = await makeFilled(t);
    await site.run(['account', 'add', 'ann@d.test', '--no-password']);
    const table: [string, string][] = [
      ['*', 'ann@d.test\nbob@d.test\n'],
      ['B*', 'bob@d.test\n'],
      ['???@d.test', 'ann@d.test\nbob@d.test\n'],
      ['*n*.test', 'ann@d.test\n'],
    ];
    for (const [pattern, out] of table) assert.equal((await site.run(['user', pattern])).out, out, pattern);
    assert.deepEqual(JSON.parse((await site.run(['user', '*', '--json'])).out), ['ann@d.test', 'bob@d.test']);
    assert.equal((await site.run(['user', '?'])).code, 67);
    const startedAt = performance.now();
    await site.run(['user', `${'*a'.repeat(200)}*`]);
    assert.ok(performance.now() - startedAt < 2000, 'a pattern of many stars ends soon');
  });

  it('says 75 when the directory cannot tell (RULES 7)', async (t) => {
    const site = makeSite(t);
    assert.equal((await site.run(['user', 'bob@d.test'])).code, 75);
    assert.equal((await site.run(['user', '*'])).code, 75);
  });
});

describe('postern init', () => {
  it('makes a configuration, a database and a first account whose password it prints once (RULES 7)', async (t) => {
    const site = makeSite(t);
    const dir = join(site.folder, 'new', 'var');
    const { code, out, err } = await site.run(['init', dir]);
    assert.equal(code, 0, err);
    assert.match(out, /Made account postmaster@example\.test with password \S{23}$/m);
    for (const [name, mode] of [
      ['state', 0o700],
      ['mail', 0o700],
      ['run', 0o2750],
    ] as const) {
      assert.equal(statSync(join(dir, name)).mode & 0o7777, mode, name);
    }
    const { config } = parseConfig(readFileSync(join(dir, 'postern.ini'), 'utf8'), 'x');
    assert.equal(config.postern.stateDir, join(dir, 'state'));
    assert.deepEqual(config.mail.roots, [join(dir, 'mail')]);
    assert.deepEqual(config.sasl.listen, [{ kind: 'unix', path: join(dir, 'run', 'auth') }]);
    const shown = await site.run(['-c', join(dir, 'postern.ini'), 'account', 'show', 'postmaster@example.test']);
    assert.match(shown.out, /password +set/);
  });

  it('does what is missing with --if-missing, is silent when nothing is, and refuses without it', async (t) => {
    const site = makeSite(t);
    const dir = join(site.folder, 'var');
    const args = ['init', dir, '--if-missing', '--quiet', '--domain', 'first.test', '--account', 'ann'];
    const first = await site.run(args);
    assert.match(first.out, /^Made account ann@first\.test with password \S+\n$/);
    const before = readFileSync(join(dir, 'postern.ini'));
    const second = await site.run(args);
    assert.deepEqual([second.code, second.out, second.err], [0, '', '']);
    assert.equal((await site.run(['init', dir])).code, 73);
    assert.deepEqual(readFileSync(join(dir, 'postern.ini')), before);
    rmSync(join(dir, 'state', 'postern.db'));
    const again = await site.run(args);
    assert.match(again.out, /^Made account ann@first\.test with password \S+\n$/);
  });

  it('leaves nothing half-made that it would not mend the next time', async (t) => {
    const site = makeSite(t);
    const dir = join(site.folder, 'var');
    assert.equal((await site.run(['init', dir, '--account', '../x'])).code, 65);
    const { code, out } = await site.run(['init', dir, '--if-missing']);
    assert.equal(code, 0);
    assert.match(out, /Made account postmaster/);
  });

  it('refuses a directory whose name the configuration cannot list', async (t) => {
    const site = makeSite(t);
    for (const name of ['a b', 'a,b', '50%']) {
      const dir = join(site.folder, name);
      assert.equal((await site.run(['init', dir])).code, 65);
      assert.ok(!existsSync(dir));
    }
  });

  it('says 73 where it cannot write', async (t) => {
    const site = makeSite(t);
    writeFileSync(join(site.folder, 'file'), '');
    assert.equal((await site.run(['init', join(site.folder, 'file')])).code, 73);
  });
});

describe('writeFirstConfig()', () => {
  it('is a good configuration in any directory', () => {
    for (const dir of ['/srv/plain', '/srv/x;y#z', "/srv/'q'", `/srv/${'long/'.repeat(30)}x`]) {
      const { config } = parseConfig(writeFirstConfig({ dir, domain: 'd.test' }), 'x');
      assert.equal(config.postern.stateDir, `${dir}/state`);
      assert.deepEqual(config.mail.roots, [`${dir}/mail`]);
    }
  });

  it('takes loopback ports where a socket name would be too long for Postfix', () => {
    const { config } = parseConfig(writeFirstConfig({ dir: `/srv/${'long/'.repeat(30)}x`, domain: 'd.test' }), 'x');
    for (const { listen } of [config.sasl, config.policy, config.lmtp, config.lookup]) {
      assert.ok(listen[0]?.kind === 'inet' && listen[0].host === '127.0.0.1' && listen[0].port > 1024);
    }
  });
});

describe('generatePassword()', () => {
  it('makes another one each time, easy to type', () => {
    const made = new Set(Array.from({ length: 100 }, generatePassword));
    assert.equal(made.size, 100);
    for (const password of made) assert.match(password, /^([a-hjkmnp-z2-9]{5}-){3}[a-hjkmnp-z2-9]{5}$/);
  });
});
