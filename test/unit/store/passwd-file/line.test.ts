import assert from 'node:assert/strict';
import { PLAIN_ENTRY } from '../../../../src/auth/passdb.ts';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { driverReaders } from '../../../../src/app-readers.ts';
import { parseLine, readPassword, type LineOptions, type PasswdUser } from '../../../../src/store/passwd-file/line.ts';
import { userQuota } from '../../../support/quota.ts';

const OPTIONS: LineOptions = {
  readers: driverReaders,
  source: 'old',
  defaultScheme: 'CRYPT',
  ids: {
    findUid: (name) => (name === 'vmail' ? 5000 : undefined),
    findGid: (name) => (name === 'vmail' ? 5001 : undefined),
  },
};

function parse(line: string): PasswdUser {
  const user = parseLine(line, OPTIONS);
  if (user === undefined) assert.fail('skipped');
  return user;
}

describe('parseLine()', () => {
  it('reads every field of a full line', () => {
    const { name, login, account, faults } = parse(
      'Bob@Bücher.test:{PLAIN}p:5000:5001:gecos:/home/bob:/bin/sh:userdb_mail=maildir:~/%n/x allow_nets=127.0.0.1,::1 userdb_quota_rule=*:storage=1G:messages=1K',
    );
    assert.equal(name, 'bob@xn--bcher-kva.test');
    assert.deepEqual(login, {
      user: name,
      password: '{PLAIN}p',
      ...PLAIN_ENTRY,
      isPasswordless: false,
      canLogin: true,
      allowNets: ['127.0.0.1', '::1'],
      fields: new Map([
        ['userdb_mail', 'maildir:~/bob/x'],
        ['allow_nets', '127.0.0.1,::1'],
        ['userdb_quota_rule', '*:storage=1G:messages=1K'],
      ]),
    });
    assert.deepEqual(account, {
      address: name,
      source: 'old',
      canLogin: true,
      canSend: true,
      receive: 'accept',
      host: undefined,
      home: '/home/bob',
      mail: 'maildir:~/bob/x',
      uid: 5000,
      gid: 5001,
      quota: userQuota('*:storage=1G:messages=1K'),
    });
    assert.deepEqual(faults, []);
  });

  for (const line of ['', '\r', '# bob@d.test:x', ':x:1:1', '::::']) {
    it(`skips ${JSON.stringify(line)}`, () => assert.equal(parseLine(line, OPTIONS), undefined));
  }

  it('reads a name alone as a user without a password', () => {
    const { login, account, faults } = parse('bob@d.test');
    assert.deepEqual([login.password, login.canLogin, account?.home, faults], [undefined, true, undefined, []]);
  });

  it('reads a name without a domain as a login, and no mail address', () => {
    const { login, account } = parse('Bob:{PLAIN}x');
    assert.deepEqual([login.user, account], ['bob', undefined]);
  });

  it('reads CRLF ends and the old layout with the mail location in the 9th field', () => {
    const { account } = parse('bob@d.test:{PLAIN}x:1:1::/home/bob:::maildir:/var/mail/bob\r');
    assert.equal(account?.mail, 'maildir:/var/mail/bob');
  });

  const ids: [string, number | undefined, number | undefined, number][] = [
    ['5000:5001', 5000, 5001, 0],
    [':', undefined, undefined, 0],
    ['vmail:vmail', 5000, 5001, 0],
    ['0:0', 0, 0, 2],
    ['nosuch:nosuch', -1, -1, 2],
    ['-1:1e3', -1, -1, 2],
    ['5000', 5000, undefined, 0],
  ];
  for (const [text, uid, gid, faults] of ids) {
    it(`keeps the user with uid:gid "${text}", and what is not ours so that mail waits (RULES 13)`, () => {
      const user = parse(`bob@d.test:x:${text}`);
      assert.deepEqual([user.account?.uid, user.account?.gid, user.faults.length], [uid, gid, faults]);
    });
  }

  for (const field of ['nologin', 'nologin=y', 'proxy host=192.0.2.1', 'host=mx2.test', 'proxy_maybe=y']) {
    it(`turns the login off for "${field}" (RULES 38)`, () => {
      const { login, account, faults } = parse(`bob@d.test:{PLAIN}x::::::${field}`);
      assert.deepEqual([login.canLogin, account?.canLogin, account?.receive, faults], [false, false, 'accept', []]);
    });
  }
  it('knows the host of a proxied user (RULES 11)', () => {
    assert.equal(parse('bob@d.test:{PLAIN}x::::::proxy host=mx-%d').account?.host, 'mx-d.test');
    assert.equal(parse('bob@d.test:{PLAIN}x::::::nologin=no').login.canLogin, true);
  });

  it('takes nopassword only without a password (RULES 38)', () => {
    const good = parse('bob@d.test:::::::nopassword');
    assert.deepEqual([good.login.isPasswordless, good.login.canLogin, good.faults], [true, true, []]);
    const bad = parse('bob@d.test:{PLAIN}x::::::nopassword=y');
    assert.deepEqual([bad.login.isPasswordless, bad.login.canLogin, bad.account?.receive], [false, false, 'accept']);
    assert.equal(bad.account?.canLogin, false);
    assert.equal(bad.faults.length, 1);
  });

  for (const field of ['user=eve\u0007@d.test', 'allow_real_nets=10.0.0.0/8', 'allow_nets=%{nosuch}', 'password=x']) {
    it(`turns the login off when it cannot honour "${field}"`, () => {
      const { login, account, faults } = parse(`bob@d.test:{PLAIN}x::::::${field}`);
      assert.deepEqual([login.canLogin, account?.receive, faults.length], [false, 'accept', 1]);
      assert.ok(!faults.join().includes(field.slice(field.indexOf('=') + 1)), 'no content in a fault');
    });
  }
  for (const field of [
    'userdb_quota_rule=*:storage=x',
    'userdb_quota_rule=Trash:octets=1G',
    'userdb_user=eve',
    'userdb_home=%r',
    'userdb_mail=maildir:/%{nosuch}',
    'userdb_home=rel',
  ]) {
    it(`lets mail wait when it cannot honour "${field}"`, () => {
      const { login, account, faults } = parse(`bob@d.test:{PLAIN}x::::::${field}`);
      assert.deepEqual([login.canLogin, account?.receive, faults.length], [true, 'hold', 1]);
    });
  }
  it('renames the user, as passdb and as userdb', () => {
    const { name, login, account } = parse('bob@d.test:{PLAIN}x::::::user=Eve@d.test userdb_user=zoe@d.test');
    assert.deepEqual([name, login.user, account?.address], ['bob@d.test', 'eve@d.test', 'zoe@d.test']);
    assert.equal(parse('bob@d.test:{PLAIN}x::::::noauthenticate').login.isFieldsOnly, true);
  });

  it('reads userdb fields of its own, and ignores those without a meaning here', () => {
    const { account, faults } = parse(
      'bob@d.test:x::::::userdb_home=/h/%n userdb_uid=7 userdb_gid=vmail userdb_nice=10 k5principals=x',
    );
    assert.deepEqual(
      [account?.home, account?.uid, account?.gid, account?.receive, faults],
      ['/h/bob', 7, 5001, 'accept', []],
    );
  });

  it('survives any line, and names no content in a fault', () => {
    const part = fc.string({
      unit: fc.constantFrom(':', '=', ' ', '%', '{', '}', '[', '$', 'a', '@', 'user', 'userdb_mail', '\0', 'é'),
    });
    fc.assert(
      fc.property(part, (line) => {
        const user = parseLine(line, OPTIONS);
        if (user?.account !== undefined) assert.match(user.account.address, /.@./);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('readPassword()', () => {
  const table: [string, string | undefined][] = [
    ['', undefined],
    ['{PLAIN}a:b', '{PLAIN}a:b'],
    ['{SHA512-CRYPT.b64}xx', '{SHA512-CRYPT.b64}xx'],
    ['$6$salt$hash', '{CRYPT}$6$salt$hash'],
    ['$1$salt$hash', '{MD5-CRYPT}$1$salt$hash'],
    ['abJnggxhB/yWI', '{CRYPT}abJnggxhB/yWI'],
    ['abJnggxhB/yWI[13]', '{CRYPT}abJnggxhB/yWI'],
    ['5ebe2294ecd0e0f08eab7690d2a6ee69[34]', '{PLAIN-MD5}5ebe2294ecd0e0f08eab7690d2a6ee69'],
    ['30969131580e626606ce70ceaab77719[56]', '{DIGEST-MD5}30969131580e626606ce70ceaab77719'],
    ['$6$sa[34]', '{CRYPT}$6$sa[34]'],
    ['{noend', '{CRYPT}{noend'],
    ['{PLAIN}x[34]', '{PLAIN}x[34]'],
  ];
  for (const [field, stored] of table) {
    it(`reads ${JSON.stringify(field)} as ${stored}`, () => assert.equal(readPassword(field, 'CRYPT'), stored));
  }
});
