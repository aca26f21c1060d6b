import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { readPassdbEntry, takePassword, type PassdbReading } from '../../../src/auth/passdb-fields.ts';
import { PLAIN_ENTRY, type PassdbEntry } from '../../../src/auth/passdb.ts';

function read(fields: Record<string, string>, password: string | undefined = '{PLAIN}x'): PassdbReading {
  return readPassdbEntry({ user: 'bob@d.test', password, fields: new Map(Object.entries(fields)) });
}

describe('readPassdbEntry()', () => {
  it('gives an entry that may log in when there are no fields', () => {
    assert.deepEqual(read({}), {
      entry: { ...PLAIN_ENTRY, user: 'bob@d.test', password: '{PLAIN}x' },
      faults: [],
    });
  });

  const table: [fields: Record<string, string>, expected: Partial<PassdbEntry>, faults?: number][] = [
    [{ user: 'Eve@E.test' }, { user: 'eve@e.test' }],
    [{ user: 'eve' }, { user: 'eve' }],
    [{ username: 'eve' }, { user: 'eve@d.test' }],
    [{ username: 'eve@e.test' }, { user: 'eve@e.test' }],
    [{ domain: 'e.test' }, { user: 'bob@e.test' }],
    [{ domain: 'e.test', username: 'eve' }, { user: 'eve@e.test' }],
    [{ domain: 'Bücher.test' }, { user: 'bob@xn--bcher-kva.test' }],
    [{ user: '' }, { canLogin: false }, 1],
    [{ user: 'eve\n@d.test' }, { canLogin: false }, 1],
    [{ nologin: '' }, { canLogin: false }],
    [{ nologin: 'y', reason: 'moved' }, { canLogin: false }],
    [{ nologin: 'no' }, { canLogin: true }],
    [{ nologin: '0' }, { canLogin: false }],
    [{ fail: '' }, { canLogin: false }],
    [{ proxy: 'y', host: 'mx.test' }, { canLogin: false }],
    [{ proxy_maybe: '' }, { canLogin: false }],
    [{ proxy_always: '' }, { canLogin: false }],
    [{ host: 'mx.test' }, { canLogin: false }],
    [{ nodelay: '' }, { hasNoDelay: true }],
    [{ nodelay: 'n' }, { hasNoDelay: false }],
    [{ noauthenticate: 'yes' }, { isFieldsOnly: true, canLogin: true }],
    [{ allow_nets: '192.0.2.0/24,local, ::1' }, { allowNets: ['192.0.2.0/24', 'local', '::1'] }],
    [{ allow_nets: '' }, { canLogin: false }, 1],
    [{ allow_nets: '192.0.2.0/33' }, { canLogin: false }, 1],
    [{ allow_nets: '::1/128 ::ffff:192.0.2.1/104' }, { allowNets: ['::1/128', '::ffff:192.0.2.1/104'] }],
    [{ allow_nets: '::1/129' }, { canLogin: false }, 1],
    [{ allow_nets: '192.0.2.1/8/8' }, { canLogin: false }, 1],
    [{ allow_nets: '192.0.2.1/' }, { canLogin: false }, 1],
    [{ allow_nets: 'example.com' }, { canLogin: false }, 1],
    [{ login_user: 'eve' }, { canLogin: false, user: 'bob@d.test' }, 1],
    [{ delay_until: '1' }, { canLogin: false }, 1],
    [{ allow_real_nets: '::1' }, { canLogin: false }, 1],
    [{ check_client_cert_fp: 'aa' }, { canLogin: false }, 1],
    [{ password: '{PLAIN}y' }, { canLogin: false, password: '{PLAIN}x' }, 1],
    [{ nopassword: '' }, { canLogin: false, isPasswordless: false }, 1],
    [{ k5principals: 'x', forward_a: 'b', event_c: 'd', port: '1', userdb_user: 'eve' }, {}],
    // Suffixes.
    [{ 'nologin:protected': '' }, { canLogin: false }],
    [{ nologin: '', 'nologin:remove': '' }, { canLogin: true }],
    [{ user: 'eve', 'user:protected': 'zoe' }, { user: 'eve' }],
    [{ 'allow_nets:protectd': '::1' }, { canLogin: false }, 1],
    // Imported fields.
    [{ passdb_import: 'allow_nets=::1\tnodelay\tuser=eve' }, { allowNets: ['::1'], hasNoDelay: true, user: 'eve' }],
    [{ constructor: 'x', __proto__x: 'y', toString: 'z' }, {}],
  ];
  for (const [fields, expected, faultCount = 0] of table) {
    it(`reads ${JSON.stringify(fields)} (RULES 38)`, () => {
      const { entry, faults } = read(fields);
      const usual: PassdbEntry = { ...PLAIN_ENTRY, user: 'bob@d.test', password: '{PLAIN}x' };
      assert.deepEqual({ ...entry, fields: 0 }, { ...usual, user: entry.user, ...expected, fields: 0 });
      if (expected.user !== undefined) assert.equal(entry.user, expected.user);
      assert.equal(faults.length, faultCount);
    });
  }

  it('takes nopassword only without a password, and a column of truths at its word (RULES 38)', () => {
    const cases: [value: string, isPasswordless: boolean][] = [
      ['', true],
      ['y', true],
      ['1', true],
      ['no', false],
      ['0', false],
      ['false', false],
    ];
    for (const [value, isPasswordless] of cases) {
      const { entry } = readPassdbEntry({
        user: 'b@d.test',
        password: undefined,
        fields: new Map([['nopassword', value]]),
      });
      assert.deepEqual([entry.isPasswordless, entry.canLogin], [isPasswordless, true], value);
    }
  });

  it('keeps every field but passwords', () => {
    const { entry } = read({ userdb_home: '/h', 'a:protected': '1', pass: 's', password_noscheme: 's', password: 's' });
    assert.deepEqual([...entry.fields.keys()], ['userdb_home', 'a:protected']);
  });

  it('never throws, and repeats no value in a fault', () => {
    const key = fc.oneof(
      fc.constantFrom('user', 'username', 'domain', 'allow_nets', 'nopassword', 'host', 'passdb_import', 'fail:x'),
      fc.string(),
    );
    const value = fc.string({ unit: 'binary' }).map((text) => `hunter2${text}`);
    fc.assert(
      fc.property(fc.array(fc.tuple(key, value)), (fields) => {
        const { faults } = readPassdbEntry({ user: 'bob@d.test', password: undefined, fields: new Map(fields) });
        assert.ok(!faults.join().includes('hunter2'));
      }),
    );
  });
});

describe('takePassword()', () => {
  const table: [fields: Record<string, string>, password: string | undefined][] = [
    [{}, undefined],
    [{ password: '' }, undefined],
    [{ password: '{PLAIN}' }, '{PLAIN}'],
    [{ password: 'abc' }, '{CRYPT}abc'],
    [{ password: '$1$salt$hash' }, '{MD5-CRYPT}$1$salt$hash'],
    [{ password: '{SHA256.hex}00' }, '{SHA256.hex}00'],
    [{ password: '{noend' }, '{CRYPT}{noend'],
    [{ password: '{}x' }, '{CRYPT}{}x'],
    [{ password_noscheme: '{PLAIN}x' }, '{CRYPT}{PLAIN}x'],
    [{ password: '{PLAIN}y', password_noscheme: 'x' }, '{CRYPT}x'],
  ];
  for (const [fields, password] of table) {
    it(`takes ${password} out of ${JSON.stringify(fields)}`, () => {
      const taken = takePassword(new Map([...Object.entries(fields), ['home', '/h']]), 'CRYPT');
      assert.equal(taken.password, password);
      assert.deepEqual([...taken.fields], [['home', '/h']]);
    });
  }
});
