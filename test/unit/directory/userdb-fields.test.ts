import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Account } from '../../../src/directory/source.ts';
import { readAccount, type UserdbReading } from '../../../src/directory/userdb-fields.ts';
import { userQuota } from '../../support/quota.ts';

const IDS = {
  findUid: (name: string) => (name === 'vmail' ? 5000 : undefined),
  findGid: (name: string) => (name === 'vmail' ? 5001 : undefined),
};
const USUAL: Account = {
  address: 'bob@d.test',
  source: 'main',
  canLogin: true,
  canSend: true,
  receive: 'accept',
  host: undefined,
  home: undefined,
  mail: undefined,
  uid: undefined,
  gid: undefined,
  quota: [],
};

function read(fields: Record<string, string>, address = 'bob@d.test'): UserdbReading {
  return readAccount({ address, source: 'main', fields: new Map(Object.entries(fields)), ids: IDS });
}

describe('readAccount()', () => {
  const table: [fields: Record<string, string>, expected: Partial<Account>, faults?: number][] = [
    [{}, {}],
    [
      { home: '/h/bob', mail: 'maildir:~/%n' },
      { home: '/h/bob', mail: 'maildir:~/%n' },
    ],
    [{ home: '', mail: '', uid: '', gid: '' }, {}],
    [{ mail_location: 'maildir:/m' }, { mail: 'maildir:/m' }],
    [{ home: 'relative' }, { receive: 'hold' }, 1],
    [{ home: '/a\0b' }, { receive: 'hold' }, 1],
    [
      { uid: '5000', gid: 'vmail' },
      { uid: 5000, gid: 5001 },
    ],
    [{ uid: '0' }, { uid: 0 }, 1],
    [{ uid: 'nosuch', gid: '-1' }, { uid: -1, gid: -1 }, 2],
    [{ quota_rule: '*:storage=1G:messages=1K' }, { quota: userQuota('*:storage=1G:messages=1K') }],
    [{ quota_rule: '*:storage=10%%' }, { receive: 'hold' }, 1],
    [{ quota_rule: '*:storage=x' }, { receive: 'hold' }, 1],
    [
      { quota_rule: '*:storage=1G', quota_rule2: 'Trash:storage=+10%%' },
      { quota: userQuota('*:storage=1G', 'Trash:storage=+10%') },
    ],
    [{ quota_rule2: 'Trash:octets=+1G' }, { receive: 'hold' }, 1],
    [{ quota_rule: '' }, { receive: 'hold' }, 1],
    [{ quota3_rule12: 'Spam:ignore' }, { quota: [{ root: 3, place: 12, rule: { kind: 'ignore', mask: 'Spam' } }] }],
    [{ quota_rule65: 'Spam:ignore' }, { receive: 'hold' }, 1],
    [{ quota_rule1: '*:storage=1G', quota_rule0: 'x', quota_rule02: 'x', quota1_rule: 'x' }, {}],
    [{ tempfail: '' }, { receive: 'hold' }],
    [{ tempfail: 'no' }, {}],
    [{ nologin: 'y' }, { canLogin: false }],
    [
      { proxy: 'y', host: 'mx.test' },
      { canLogin: false, host: 'mx.test' },
    ],
    [{ host: '' }, { receive: 'hold' }, 1],
    [{ user: 'Eve@E.test' }, { address: 'eve@e.test' }],
    [{ username: 'eve' }, { address: 'eve@d.test' }],
    [{ domain: 'e.test' }, { address: 'bob@e.test' }],
    [{ user: 'eve' }, { receive: 'hold' }, 1],
    [{ user: '' }, { receive: 'hold' }, 1],
    [{ 'home:protected': '/a', 'mail:remove': '' }, { home: '/a' }],
    [{ home: '/a', 'home:protected': '/b' }, { home: '/a' }],
    [{ 'home:protectd': '/a' }, { receive: 'hold' }, 1],
    [{ userdb_import: 'home=/i\tuid=7' }, { home: '/i', uid: 7 }],
    [{ constructor: 'x', sieve: 'y', acl_groups: 'z' }, {}],
  ];
  for (const [fields, expected, faultCount = 0] of table) {
    it(`reads ${JSON.stringify(fields)} (RULES 11, 13, 44)`, () => {
      const { account, faults } = read(fields);
      assert.deepEqual(account, { ...USUAL, ...expected });
      assert.equal(faults.length, faultCount);
    });
  }

  it('makes no account of a name that is no address, unless it is renamed to one', () => {
    assert.equal(read({ home: '/h' }, 'bob').account, undefined);
    assert.equal(read({ user: 'bob@d.test' }, 'bob').account?.address, 'bob@d.test');
    assert.equal(read({ domain: 'd.test' }, 'bob').account?.address, 'bob@d.test');
  });

  it('tells the fields that only Dovecot follows (RULES 13)', () => {
    assert.deepEqual(read({ nice: '10', chroot: '/x', home: '/h', mail_plugins: 'quota' }).ignored, [
      'nice',
      'chroot',
      'mail_plugins',
    ]);
  });

  it('never throws, and repeats no value in a fault', () => {
    const key = fc.oneof(
      fc.constantFrom('user', 'username', 'domain', 'home', 'uid', 'quota_rule', 'host', 'userdb_import', 'gid:x'),
      fc.string(),
    );
    const value = fc.string({ unit: 'binary' }).map((text) => `hunter2${text}`);
    fc.assert(
      fc.property(fc.array(fc.tuple(key, value)), (fields) => {
        assert.ok(!read(Object.fromEntries(fields)).faults.join().includes('hunter2'));
      }),
    );
  });
});
