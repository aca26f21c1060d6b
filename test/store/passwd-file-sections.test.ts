/** What several sections make of one passwd-file, and one section of several files. */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, it, type TestContext } from 'node:test';
import { driverReaders } from '../../src/app-readers.ts';
import { DenyFile } from '../../src/store/passwd-file/deny-file.ts';
import { PasswdFileSet } from '../../src/store/passwd-file/file-set.ts';
import { PasswdFilePassdb } from '../../src/store/passwd-file/passdb.ts';
import { PasswdFile } from '../../src/store/passwd-file/passwd-file.ts';
import { PasswdFileUserdb } from '../../src/store/passwd-file/userdb.ts';
import { CollectingLogger } from '../support/collecting-logger.ts';
import { openPasswdStore, type CombinedStore } from '../support/combined-store.ts';
import { queryFor } from '../support/passdb-query.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { TestClock } from './engines.ts';

let folder: string;
let logger: CollectingLogger;
let clock: TestClock;

beforeEach((t) => {
  // node:test passes the context of the test to come.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  folder = temporaryFolder(t as TestContext);
  logger = new CollectingLogger();
  clock = new TestClock();
});

function open(path: string, rest: Partial<Parameters<typeof openPasswdStore>[0]> = {}) {
  return openPasswdStore({ name: 'main', path: join(folder, path), logger, clock, ...rest });
}
function write(name: string, text: string): void {
  writeFileSync(join(folder, name), text);
  clock.skip();
}
async function passwordOf(store: Pick<CombinedStore, 'find'>, name: string): Promise<string | undefined> {
  const lookup = await store.find(queryFor(name));
  return lookup.kind === 'found' ? lookup.value.password : lookup.kind;
}

function openDeny(usernameFormat = '%u'): DenyFile {
  const path = join(folder, 'banned');
  const file = new PasswdFile({ name: 'x', path, logger, clock, readers: driverReaders, isBlockList: true });
  return new DenyFile({ name: 'x', file, usernameFormat, readers: driverReaders });
}

describe('sections that share a passwd-file', () => {
  it('have a default scheme and a format of names each', async () => {
    write('users', 'bob@d.test:5ebe2294ecd0e0f08eab7690d2a6ee69\nann:{PLAIN}a\n');
    const files = new PasswdFileSet({ name: 'a', path: join(folder, 'users'), logger, clock, readers: driverReaders });
    const common = { files, readers: driverReaders };
    const one = new PasswdFilePassdb({ ...common, name: 'a', usernameFormat: '%u', defaultScheme: 'PLAIN-MD5' });
    const two = new PasswdFilePassdb({ ...common, name: 'b', usernameFormat: '%n', defaultScheme: 'PLAIN' });
    const users = new PasswdFileUserdb({ ...common, name: 'c', usernameFormat: '%n' });
    assert.equal(await passwordOf(one, 'bob@d.test'), '{PLAIN-MD5}5ebe2294ecd0e0f08eab7690d2a6ee69');
    assert.equal(await passwordOf(two, 'bob@d.test'), 'absent');
    assert.equal(await passwordOf(two, 'ann@x.test'), '{PLAIN}a');
    const entry = await two.find(queryFor('Ann@x.test'));
    assert.ok(entry.kind === 'found' && entry.value.user === 'ann@x.test', 'the name stays the one that was typed');
    const account = await users.findAccount('ann@x.test');
    assert.ok(account.kind === 'found');
    assert.deepEqual([account.value.address, account.value.source], ['ann@x.test', 'c']);
    assert.match(users.cannotList ?? '', /leaves the domain out/);
    assert.equal(logger.of('passwd-file.loaded').length, 1, 'the file is read once');
  });

  it('expand what depends on the login with every lookup', async () => {
    write('users', 'bob@d.test:{PLAIN}x::::::allow_nets=%r userdb_mail=maildir:~/%d/%%n\n');
    const store = open('users');
    for (const remoteAddress of ['192.0.2.1', '2001:db8::1']) {
      const lookup = await store.find(queryFor('bob@d.test', { remoteAddress }));
      assert.ok(lookup.kind === 'found');
      assert.deepEqual(lookup.value.allowNets, [remoteAddress]);
      assert.equal(lookup.value.fields.get('userdb_mail'), 'maildir:~/d.test/%n');
    }
    assert.equal(store.readVersion(), undefined, 'a version would promise the same answer to everybody');
  });
});

describe('readVersion() of a passwd-file', () => {
  it('is the same as long as the file is, for less than a second after a look', async () => {
    write('users', 'bob@d.test:{PLAIN}x\n');
    const store = open('users');
    assert.equal(store.readVersion(), undefined);
    assert.equal(await passwordOf(store, 'bob@d.test'), '{PLAIN}x');
    const version = store.readVersion();
    assert.ok(version !== undefined);
    assert.equal(store.readVersion(), version);
    clock.offsetMs += 1000;
    assert.equal(store.readVersion(), undefined, 'it is not known any more');
    await passwordOf(store, 'bob@d.test');
    assert.equal(store.readVersion(), version, 'nothing has changed');
    write('users', 'bob@d.test:{PLAIN}y\n');
    assert.equal(await passwordOf(store, 'bob@d.test'), '{PLAIN}y');
    assert.notEqual(store.readVersion(), version);
  });

  it('looks at the file by itself before its second is over', async () => {
    write('users', 'bob@d.test:{PLAIN}x\n');
    const store = open('users');
    await passwordOf(store, 'bob@d.test');
    const version = store.readVersion();
    write('users', 'bob@d.test:{PLAIN}y\n');
    clock.offsetMs -= 2000;
    clock.offsetMs += 600;
    assert.equal(store.readVersion(), version);
    await store.files.fixed?.reload({ accept: false });
    assert.notEqual(store.readVersion(), version);
  });
});

describe('a passwd-file whose path has variables', () => {
  it('is one for each expansion: found, absent without a file, and the domains are those that have one', async () => {
    write('users.d.test', 'bob@d.test:{PLAIN}d\n');
    write('users.e.test', 'bob@e.test:{PLAIN}e\nbob@d.test:{PLAIN}never\n');
    const store = open('users.%Ld');
    assert.equal(await passwordOf(store, 'bob@d.test'), '{PLAIN}d');
    assert.equal(await passwordOf(store, 'BOB@E.test'), '{PLAIN}e');
    assert.equal(await passwordOf(store, 'bob@f.test'), 'absent');
    assert.equal((await store.findDomain('e.test')).kind, 'found');
    assert.equal((await store.findDomain('f.test')).kind, 'absent');
    assert.equal((await store.findAccount('bob@d.test')).kind, 'found');
    assert.equal((await store.findSenders('bob@d.test')).kind, 'absent');
    assert.match(store.cannotList ?? '', /variables/);
    logger.assertQuiet();
    assert.equal(store.files.files.length, 2, 'names without a file leave nothing behind');
  });

  it('is unavailable when it is there and cannot be read, or its directory is gone', async () => {
    mkdirSync(join(folder, 'sub'));
    mkdirSync(join(folder, 'sub/users.d.test'));
    const store = open('sub/users.%d');
    assert.equal(await passwordOf(store, 'bob@d.test'), 'unavailable');
    rmSync(join(folder, 'sub'), { recursive: true });
    clock.skip();
    assert.equal(await passwordOf(store, 'bob@d.test'), 'unavailable');
    assert.equal(await passwordOf(store, 'bob@e.test'), 'unavailable');
  });

  it('keeps its last good version when it goes, until told to accept that (RULES 6)', async () => {
    write('users.d.test', 'bob@d.test:{PLAIN}d\n');
    const store = open('users.%d');
    assert.equal(await passwordOf(store, 'bob@d.test'), '{PLAIN}d');
    unlinkSync(join(folder, 'users.d.test'));
    clock.skip();
    assert.equal(await passwordOf(store, 'bob@d.test'), '{PLAIN}d');
    assert.equal(logger.of('passwd-file.kept').length, 1);
    await Promise.all(store.files.files.map((file) => file.reload({ accept: true })));
    assert.equal(await passwordOf(store, 'bob@d.test'), 'absent');
  });

  for (const name of ['bob', 'bob@', 'bob@..', 'bob@../../etc/passwd', 'bob@a/b', 'bob@.', 'bob@\0']) {
    it(`has no file for ${JSON.stringify(name)} (RULES 14)`, async () => {
      mkdirSync(join(folder, 'users'));
      write('passwd', 'bob@..:{PLAIN}x\n');
      const store = open('users/%d');
      assert.equal(await passwordOf(store, name), 'absent');
      assert.equal((await store.findAccount(name)).kind, 'absent');
      assert.equal(store.files.files.length, 0);
    });
  }

  it('keeps no more than a thousand of them', async () => {
    for (let i = 0; i < 1010; i++) write(`users.d${i}.test`, `bob@d${i}.test:{PLAIN}${i}\n`);
    const store = open('users.%d');
    for (let i = 0; i < 1010; i++) assert.equal(await passwordOf(store, `bob@d${i}.test`), `{PLAIN}${i}`);
    assert.equal(store.files.files.length, 1000);
    assert.equal(await passwordOf(store, 'bob@d0.test'), '{PLAIN}0');
  });
});

describe('faults in a passwd-file', () => {
  it('are said with their lines, and hurt nobody else', async () => {
    write(
      'users',
      [
        'good@d.test:{PLAIN}x:1:1::/h/good:',
        'Upper@d.test:{PLAIN}x:1:1',
        'nameonly@d.test',
        'good@d.test:{PLAIN}other',
        'user@d.test:{PLAIN}x:nosuch:nosuch',
        'again@d.test:{PLAIN}x:nosuch:1',
        'var@d.test:{PLAIN}x::::::allow_nets=%{nosuch}',
        'mail@d.test:{PLAIN}x::::::userdb_quota_rule=hunter2',
        '# comment',
        'last@d.test:{PLAIN}x',
      ].join('\n'),
    );
    const store = open('users');
    for (const name of ['good', 'upper', 'nameonly', 'user', 'again', 'var', 'mail', 'last']) {
      assert.equal((await store.findAccount(`${name}@d.test`)).kind, 'found', name);
    }
    assert.equal(await passwordOf(store, 'good@d.test'), '{PLAIN}x');
    const { listed = [], more } = store.files.fixed?.faults ?? {};
    const reasons = listed.map(({ line, reason }) => `${line} ${reason}`);
    assert.equal(reasons.length, 7);
    for (const [i, expected] of [
      /^2 .*upper case/,
      /^3 .*no password field/,
      /^4 .*earlier line/,
      /^5 unknown name as uid/,
      /^5 unknown name as gid/,
      /^7 field allow_nets.*login is off/,
      /^8 field quota_rule.*mail waits/,
    ].entries()) {
      assert.match(reasons[i] ?? '', expected);
    }
    assert.equal(more, 0);
    assert.ok(!reasons.join().includes('hunter2'));
    assert.equal(logger.of('passwd-file.line').length, 7);
  });

  it('are counted past a thousand', async () => {
    write('users', Array.from({ length: 1500 }, (_, i) => `U${i}@d.test:{PLAIN}x\n`).join(''));
    const store = open('users');
    assert.equal(await passwordOf(store, 'u1499@d.test'), '{PLAIN}x');
    assert.deepEqual([store.files.fixed?.faults.listed.length, store.files.fixed?.faults.more], [1000, 500]);
  });
});

describe('DenyFile', () => {
  it('finds the names in it, whatever stands beside them', async () => {
    write('banned', '# out\nEve@d.test\nmallory@d.test:{PLAIN}x::::::nopassword\n');
    const deny = openDeny();
    for (const name of ['eve@d.test', 'EVE@D.test', 'mallory@d.test']) {
      const lookup = await deny.find(queryFor(name));
      assert.ok(lookup.kind === 'found', name);
      assert.deepEqual([lookup.value.password, lookup.value.isPasswordless], [undefined, false]);
    }
    assert.equal(await passwordOf(deny, 'bob@d.test'), 'absent');
    write('banned', 'eve\n');
    assert.equal((await openDeny('%n').find(queryFor('eve@any.test'))).kind, 'found');
  });

  it('keeps nobody out when it is empty, also after it was long', async () => {
    write('banned', 'a\nb\nc\nd\n');
    const deny = openDeny();
    assert.equal((await deny.find(queryFor('a'))).kind, 'found');
    write('banned', '');
    assert.equal(await passwordOf(deny, 'a'), 'absent');
    assert.equal(logger.of('passwd-file.kept').length, 0);
  });

  it('cannot tell when it is missing, or cannot be read', async () => {
    const deny = openDeny();
    assert.equal(await passwordOf(deny, 'bob@d.test'), 'unavailable');
    write('banned', 'eve@d.test\n');
    assert.equal(await passwordOf(deny, 'bob@d.test'), 'absent');
  });
});
