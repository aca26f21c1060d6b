import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UsernameReader, type LoginName, type UsernameOptions } from '../../../src/auth/username.ts';

const SMTP = { service: 'smtp' };

function read(typed: string, options: Partial<UsernameOptions> = {}, authorizationId?: string) {
  return new UsernameReader({ format: '%Lu', ...options }).read({ username: typed, authorizationId }, SMTP);
}

function nameOf(typed: string, options: Partial<UsernameOptions> = {}): string | undefined {
  const name = read(typed, options);
  return typeof name === 'string' ? undefined : name.username;
}

describe('UsernameReader.read() by username_format', () => {
  const cases: [string, string, string | undefined][] = [
    ['Bob@Example.COM', '%Lu', 'bob@example.com'],
    ['Bob@Example.COM', '%u', 'Bob@example.com'],
    ['Bob', '%Ln@example.com', 'bob@example.com'],
    ['bob@example.com', '%n', 'bob'],
    ['a@b@c', '%n/%d', 'a/b@c'],
    ['bob', '%u+%s', 'bob+smtp'],
    ['b%ub', '%u', 'b%ub'],
    ['', '%Lu', undefined],
    ['@example.com', '%n', undefined],
    ['a'.repeat(300), '%u%u', undefined],
  ];
  for (const [typed, format, expected] of cases) {
    it(`makes ${JSON.stringify(expected?.slice(0, 30))} of ${JSON.stringify(typed.slice(0, 30))} by ${format}`, () => {
      assert.equal(nameOf(typed, { format }), expected);
    });
  }
});

describe('UsernameReader.read() without username_chars', () => {
  const taken = [
    "o'brien+tag/x y",
    '!#$%&*-/=?^_`{|}~.x',
    '"very \\" odd: (local), <part>; [x]"',
    'jörg',
    'пётр',
    '用户',
    '\u0628\u200Cx',
    'a'.repeat(255),
    'a'.repeat(509),
    'é'.repeat(254),
  ];
  for (const typed of taken) {
    it(`takes the local part ${JSON.stringify(typed.slice(0, 40))}`, () => {
      assert.equal(nameOf(typed), typed.toLowerCase());
    });
  }

  const refused = ['bob\0', 'bob\t', 'bob\r', 'bob\n', 'bob\x7F', 'bob\x85', 'bob\u2028', 'bob\u2029', 'bob\uFFFD'];
  refused.push('bob\u202Emoc', 'bob\u2066', '\uFEFFbob', 'bob\uFFFF', 'bob\uDC00', 'a'.repeat(510), 'é'.repeat(255));
  for (const typed of refused) {
    it(`refuses ${JSON.stringify(typed.slice(0, 40))}`, () => {
      assert.equal(read(typed), 'bad-username');
    });
  }

  it('brings a name into NFC before it checks it, for that makes ASCII of some characters', () => {
    assert.equal(nameOf('JO\u0308RG'), 'jörg');
    assert.equal(nameOf('a\u037Eb'), 'a;b');
    assert.equal(nameOf('a\u037Eb', { allowedCharacters: 'ab\u037E' }), 'a;b');
    assert.equal(nameOf('a\u037Eb', { allowedCharacters: 'ab' }), undefined);
  });
});

describe('UsernameReader.read() of an address', () => {
  const cases: [string, string | undefined][] = [
    ['"bob"@example.com', 'bob@example.com'],
    [String.raw`"b\ob"@example.com`, 'bob@example.com'],
    ['bob@EXAMPLE.com.', 'bob@example.com'],
    ['bob@\uFF45xample\u3002com', 'bob@example.com'],
    ['Пётр@пример.рф', 'пётр@xn--e1afmkfd.xn--p1ai'],
    ['"a@b"@example.com', 'a@b@example.com'],
    ['"a b"@example.com', 'a b@example.com'],
    // Taken apart once more it would be somebody else's.
    [String.raw`"\"bob\""@example.com`, undefined],
  ];
  for (const [typed, expected] of cases) {
    it(`makes ${expected ?? 'nothing'} of ${typed}`, () => assert.equal(nameOf(typed), expected));
  }
});

describe('UsernameReader.read() with username_chars', () => {
  const DOVECOT = 'a-zA-Z0-9.-_@';
  const cases: [string, string, boolean][] = [
    ['Bob.b-_9@example.com', DOVECOT, true],
    ['bob+x@example.com', DOVECOT, false],
    ['bob+x@example.com', `${DOVECOT}+`, true],
    ['jörg@example.com', DOVECOT, false],
    ['jo\u0308rg@example.com', `${DOVECOT}ö`, true],
    ['b b', DOVECOT, false],
  ];
  for (const [typed, allowedCharacters, isTaken] of cases) {
    it(`${isTaken ? 'takes' : 'refuses'} ${typed} of ${allowedCharacters}`, () => {
      assert.equal(nameOf(typed, { allowedCharacters }) !== undefined, isTaken);
    });
  }
});

describe('UsernameReader.read() in the order of Dovecot (RULES 43)', () => {
  const cases: [string, Partial<UsernameOptions>, string | undefined][] = [
    ['bob', { defaultDomain: 'example.com' }, 'bob@example.com'],
    ['bob@other.org', { defaultDomain: 'example.com' }, 'bob@other.org'],
    ['bob#example.com', { translation: '#@' }, 'bob@example.com'],
    ['bob/example.com', { translation: '#@/@' }, 'bob@example.com'],
    // The domain comes first, so that it is appended to a name whose @ is yet to come.
    ['bob#other.org', { translation: '#@', defaultDomain: 'example.com' }, 'bob@other.org@example.com'],
    // Each character is translated once.
    ['a#b', { translation: '#//@' }, 'a/b'],
    ['a#b', { translation: '#x#y' }, 'ayb'],
    // What a name is made into is what is checked.
    ['bob#x', { translation: '#@', allowedCharacters: 'a-z@' }, 'bob@x'],
    ['bob@x', { translation: '@#', allowedCharacters: 'a-z@' }, undefined],
    ['BOB', { allowedCharacters: 'A-Z' }, 'bob'],
  ];
  for (const [typed, options, expected] of cases) {
    it(`makes ${expected ?? 'nothing'} of ${typed} with ${JSON.stringify(options)}`, () => {
      assert.equal(nameOf(typed, options), expected);
    });
  }
});

describe('UsernameReader.read() of masters', () => {
  const STAR = { masterSeparator: '*', defaultDomain: 'example.com' };
  const master = { username: 'admin@example.com', typedName: 'Admin' };
  const bob = { username: 'bob@example.com', typedName: 'Bob' };
  const cases: [string, string, string | undefined, LoginName | string][] = [
    ['parts user*master', 'Bob*Admin', undefined, { ...master, target: bob }],
    [
      'parts at the first separator',
      'Bob*x*y',
      undefined,
      { username: 'x*y@example.com', typedName: 'x*y', target: bob },
    ],
    ['takes a different authzid', 'Admin', 'Bob', { ...master, target: bob }],
    ['takes no authzid for none', 'Admin', '', master],
    ['takes one’s own authzid for none', 'Admin', 'Admin', master],
    ['takes one’s own authzid in another form for none', 'Admin', 'ADMIN@EXAMPLE.COM', master],
    ['takes one’s own name before the separator for none', 'admin@example.com*Admin', undefined, master],
    ['takes the same target twice', 'Bob*Admin', 'BOB@example.com', { ...master, target: bob }],
    ['refuses two targets', 'Bob*Admin', 'zoe', 'authorization-id'],
    ['refuses oneself beside a target', 'Bob*Admin', 'Admin@example.com', 'authorization-id'],
    ['refuses an authzid that is nobody’s name', 'Admin', 'b\0b', 'authorization-id'],
    ['refuses a separator without a user', '*Admin', undefined, 'bad-username'],
    ['refuses a separator without a master', 'Bob*', undefined, 'bad-username'],
  ];
  for (const [what, typed, authorizationId, expected] of cases) {
    it(what, () => assert.deepEqual(read(typed, STAR, authorizationId), expected));
  }

  it('parts nothing without a separator, and no name of a certificate', () => {
    assert.deepEqual(read('bob*admin'), { username: 'bob*admin', typedName: 'bob*admin' });
    const reader = new UsernameReader({ format: '%Lu', masterSeparator: '*' });
    const name = reader.read({ username: '*.example.com', isWhole: true }, SMTP);
    assert.deepEqual(name, { username: '*.example.com', typedName: '*.example.com' });
  });
});
