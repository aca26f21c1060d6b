import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { expandField } from '../../../src/core/field-templates.ts';
import { matchesPattern } from '../../../src/core/modify.ts';
import { parseTemplate } from '../../../src/core/template.ts';
import {
  ACCOUNT_VARIABLES,
  checkVariables,
  expandPath,
  expandVariables,
  LOGIN_VARIABLES,
  tellsApart,
  type Variables,
} from '../../../src/core/variables.ts';
import { queryFor } from '../../support/passdb-query.ts';

/** What Dovecot 2.3.19 made of each template for each name; `test/system/dovecot-users.test.ts` asks it again. */
const NAMES = ['bob@d.test', '1234@a@b.test', 'bobby', 'o\'h"a\\@d.test ', '@x', 'a@'] as const;
const AS_DOVECOT: [template: string, ...expected: string[]][] = [
  ['%u', 'bob@d.test', '1234@a@b.test', 'bobby', 'o\'h"a\\@d.test ', '@x', 'a@'],
  ['%d%n', 'd.testbob', 'a@b.test1234', 'bobby', 'd.test o\'h"a\\', 'x', 'a'],
  ['a%%b%%%n', 'a%b%bob', 'a%b%1234', 'a%b%bobby', 'a%b%o\'h"a\\', 'a%b%', 'a%b%a'],
  ['%1u', 'b', '1', 'b', 'o', '@', 'a'],
  ['%3u', 'bob', '123', 'bob', "o'h", '@x', 'a@'],
  ['%2.3u', 'b@d', '34@', 'bby', 'h"a', '', ''],
  ['%-3u', 'bob', '123', 'bob', "o'h", '@x', 'a@'],
  ['%-3.2u', 'es', 'es', 'bb', 'st', '@x', 'a@'],
  ['%08n', '00000bob', '00001234', '000bobby', '00o\'h"a\\', '00000000', '0000000a'],
  ['%2.08n', '0000000b', '00000034', '00000bby', '0000h"a\\', '00000000', '00000000'],
  ['%0.3u', 'bob', '123', 'bob', "o'h", '@x', 'a@'],
  ['%2.-1u', 'b@d.tes', '34@a@b.tes', 'bb', 'h"a\\@d.test', '', ''],
  ['%-2.-1u', 's', 's', 'b', 't', '@', 'a'],
  ['%100.3u', '', '', '', '', '', ''],
  ['%-04n', '0bob', '1234', 'bobby', 'o\'h"a\\', '0000', '000a'],
  ['%Hu', '67339c4', '2232ac4', '695899', 'cf2bd10', '478', '650'],
  ['%2.16Hu', '04', '04', '09', '00', '08', '00'],
  ['%16Hu', '4', '4', '9', '0', '8', '0'],
  ['%Nu', '52b2ac73', 'd13b6eec', '735770e6', 'a42b2b95', 'c9568c49', '20ace33f'],
  ['%2.256Nu', '73', 'ec', 'e6', '95', '49', '3f'],
  ['%4.Nu', '52b2ac73', 'd13b6eec', '735770e6', 'a42b2b95', 'c9568c49', '20ace33f'],
  ['%Xn', '0', '4d2', '0', '0', '0', '0'],
  ['%26Xn', '0', '4d2', '0', '0', '0', '0'],
  ['%2.26Xn', '', '2', '', '', '', ''],
  ['%02Xn', '00', '4d2', '00', '00', '00', '00'],
  ['%Ru', 'tset.d@bob', 'tset.b@a@4321', 'ybbob', ' tset.d@\\a"h\'o', 'x@', '@a'],
  ['%Dd', 'd,dc=test', 'a@b,dc=test', '', 'd,dc=test ', 'x', ''],
  ['%LTu', 'bob@d.test', '1234@a@b.test', 'bobby', 'o\'h"a\\@d.test', '@x', 'a@'],
  ['%Eu', 'bob@d.test', '1234@a@b.test', 'bobby', 'o\\\'h\\"a\\\\@d.test ', '@x', 'a@'],
  ['%4MRu', '6467', 'b26e', 'b708', '331f', '8ba7', 'fc3a'],
  ['%4.2MRu', '7c', '3f', 'bc', 'b9', 'cf', 'ec'],
  ['%5{md5:user}', '63c8c', '12891', 'a9c4c', '486c0', 'c0cb0', '8994f'],
  ['%8{sha1:user}', 'f39ddb3f', '0e5fa1cf', '4501c3b0', '075400b1', 'ece33db0', '0c2e6999'],
  ['%8{sha256:user}', 'b78a981b', '27fb4c6c', '69ff8042', 'e12f0eda', '37f6276f', '3efc70fd'],
  ['%{domain_first}', 'd.test', 'a', '', 'd.test ', 'x', ''],
  ['%{domain_last}', 'd.test', 'b.test', '', 'd.test ', 'x', ''],
  ['%U{user}', 'BOB@D.TEST', '1234@A@B.TEST', 'BOBBY', 'O\'H"A\\@D.TEST ', '@X', 'A@'],
  ['%2.3{user}', 'b@d', '34@', 'bby', 'h"a', '', ''],
  ['%{if;%n;*;b*;yes;no}', 'yes', 'no', 'yes', 'no', 'no', 'no'],
  ['%{if;%n;!*;b*;yes;no}', 'no', 'yes', 'no', 'yes', 'yes', 'yes'],
  ['%{if;%{user};eq;bob@d.test;%Ud;no}', 'D.TEST', 'no', 'no', 'no', 'no', 'no'],
  ['%{if;5;<;10;yes;no}', 'yes', 'yes', 'yes', 'yes', 'yes', 'yes'],
  ['%{if;%n;gt;bo;y;n}', 'y', 'n', 'y', 'y', 'n', 'n'],
  ['%{if;%n;ne;bob;y%%s;n}', 'n', 'y%s', 'y%s', 'y%s', 'y%s', 'y%s'],
  ['%{if;%{if;1;==;1;a;b};eq;a;ok;%{domain}}', 'ok', 'ok', 'ok', 'ok', 'ok', 'ok'],
];

function pathOf(template: string, user: string, rest: Partial<Variables> = {}): string {
  return expandPath(parseTemplate(template), { user, ...rest });
}
function fieldOf(name: string, value: string, user = 'bob@d.test'): string {
  return expandField({ name, value }, { user });
}

describe('expandVariables()', () => {
  for (const [template, ...expected] of AS_DOVECOT) {
    it(`makes of "${template}" what Dovecot does`, () =>
      assert.deepEqual(
        NAMES.map((user) => expandVariables(template, { user })),
        expected,
      ));
  }

  it('knows a login, with other names for the same', () => {
    const login = {
      ...queryFor('bob@d.test', { localPort: '25' }),
      typedName: 'BOB#d.test@x',
      masterUser: 'boss@m.test',
    };
    const table: [string, string][] = [
      ['%s %{service} %{protocol}', 'smtp smtp smtp'],
      ['%r %{rip} %{remote_ip} %{real_rip}', '198.51.100.7 198.51.100.7 198.51.100.7 198.51.100.7'],
      ['%l %a %b|', '192.0.2.1 25 |'],
      ['%m %{mech} %{mechanism} %c %k|', 'PLAIN PLAIN PLAIN secured |'],
      ['%{orig_user} %{original_username} %{orig_domain}', 'BOB#d.test@x BOB#d.test x'],
      ['%{auth_user} %{auth_username} %{auth_domain} %{master_user}', 'boss@m.test boss m.test boss@m.test'],
    ];
    for (const [template, expected] of table) {
      assert.equal(expandVariables(template, { user: 'bob@d.test', login }), expected);
      for (const name of parseTemplate(template)) assert.ok(name);
      checkVariables(template, LOGIN_VARIABLES);
    }
    assert.equal(expandVariables('%{auth_user}', { user: 'a', login: queryFor('a') }), 'a');
    assert.equal(expandVariables('%k', { user: 'a', login: queryFor('a', { certificateName: 'a' }) }), 'valid');
  });

  const refused: [string, RegExp][] = [
    ['%', /variable "%"/],
    ['100%', /variable "%"/],
    ['%x', /variable "%x"/],
    ['%{nosuch}', /no such variable here/],
    ['%{user', /variable "%{user"/],
    ['%{}', /variable/],
    ['%Qu', /variable/],
    ['%w', /a password is put nowhere/],
    ['%{password}', /a password is put nowhere/],
    ['%p', /tells no process/],
    ['%{env:HOME}', /environment/],
    ['%{passdb:user}', /write the field/],
    ['%{userdb:home:x}', /write the field/],
    ['%{sha256;rounds=5:user}', /hashes take no options/],
    ['%{md4:user}', /variable/],
    ['%h', /no such variable here/],
    ['%s', /no such variable here/],
    ['%r', /no such variable here/],
    ['%9999u', /width/],
    ['%{if;a;eq;b;c}', /write %{if;/],
    ['%{if;a;~;b;c;d}', /operators are/],
    ['%{if;%n;==;1;y;n}', /no number/],
    ['%LLLLLLLLLLLu', /variable/],
    ['%__proto__', /variable/],
    ['%{constructor}', /no such variable here/],
  ];
  for (const [template, reason] of refused) {
    it(`refuses "${template}"`, () =>
      assert.throws(
        () => expandVariables(template, { user: 'bob@d.test' }),
        (error) => error instanceof SyntaxError && reason.test(error.message),
      ));
  }

  it('refuses conditions without end', () => {
    const deep = '%{if;a;eq;a;'.repeat(20) + 'x' + ';y}'.repeat(20);
    assert.throws(() => expandVariables(deep, { user: 'bob' }), /too deep/);
  });

  it('cuts, turns round and pads characters and never bytes', () => {
    assert.equal(expandVariables('%1u %1Ru %04n', { user: 'üb\u{1F600}' }), 'ü \u{1F600} 0üb\u{1F600}');
  });

  it('ends for any template in a text or a SyntaxError', () => {
    const unit = fc.constantFrom(
      '%',
      '{',
      '}',
      ';',
      ':',
      'u',
      'n',
      'if',
      'eq',
      'md5',
      '-',
      '.',
      '0',
      '3',
      'L',
      'H',
      'user',
    );
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 40 }), fc.string(), (template, user) => {
        try {
          assert.equal(typeof expandVariables(template, { user }), 'string');
        } catch (error) {
          assert.ok(error instanceof SyntaxError);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe('checkVariables()', () => {
  it('finds a name that is not allowed, inside conditions too', () => {
    checkVariables('%Lu/%{if;%n;eq;a;%d;%{sha256:user}}', ACCOUNT_VARIABLES);
    assert.throws(() => checkVariables('%{if;%n;eq;a;%s;x}', ACCOUNT_VARIABLES), /"%{service}".*allowed are %{user}/);
    assert.throws(() => checkVariables('%{protocol}', ACCOUNT_VARIABLES), SyntaxError);
  });
});

describe('tellsApart()', () => {
  const table: [string, boolean][] = [
    ['%u', true],
    ['/srv/%Ld/%Ln', true],
    ['%{md5:user}', true],
    ['%MRu', true],
    ['%080u', true],
    ['%d', false],
    ['%%u', false],
    ['%1n', false],
    ['%2.3u', false],
    ['%16Hn', false],
    ['%Xn', false],
    ['%Tu', false],
    ['%{if;%u;eq;a;%u;x}', false],
  ];
  for (const [template, expected] of table) {
    it(`says ${expected} of "${template}"`, () => assert.equal(tellsApart(template, ['user', 'username']), expected));
  }
});

describe('expandPath()', () => {
  it('takes what is harmless, and a home as it is', () => {
    assert.equal(pathOf('/etc/users.%d', 'bob@d.test'), '/etc/users.d.test');
    assert.equal(pathOf('%h/x/%1n', 'bob@d.test', { home: '/h/bob' }), '/h/bob/x/b');
  });

  for (const user of [
    '@d.test',
    '.@d.test',
    '..@d.test',
    'a/b@d.test',
    '/@d.test',
    'a\0b@d.test',
    '../../etc@d.test',
  ]) {
    it(`refuses %n of ${JSON.stringify(user)} before there is a path (RULES 14)`, () => {
      assert.throws(() => pathOf('/srv/%n', user), RangeError);
      assert.throws(() => pathOf('/srv/%{if;a;eq;a;%n;x}', user), RangeError);
    });
  }
  it('refuses a part that only the cut made dangerous (RULES 14)', () => {
    for (const [template, user] of [
      ['/srv/%1n', '.bob@d.test'],
      ['/srv/%2n', '..bob@d.test'],
      ['/srv/%100.1n', 'bob@d.test'],
      ['/srv/%d', 'bob'],
      ['/srv/%RTn', ' .@d.test'],
    ] as const) {
      assert.throws(() => pathOf(template, user), RangeError);
    }
  });

  it('never leaves its directory, whatever the name', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('.', '/', '@', 'a', '\0', '%', '\\') }), (user) => {
        try {
          assert.match(pathOf('/srv/%d/%n', user), /^\/srv\/[^/\0]+\/[^/\0]+$/);
          assert.ok(
            !pathOf('/srv/%d/%n', user)
              .split('/')
              .some((part) => part === '.' || part === '..'),
          );
        } catch (error) {
          assert.ok(error instanceof RangeError);
        }
      }),
    );
  });
});

describe('expandField()', () => {
  it('expands a value once, and a percent sign must be doubled', () => {
    assert.equal(fieldOf('userdb_home', '/h/%d/%n/100%%'), '/h/d.test/bob/100%');
    assert.throws(() => fieldOf('userdb_home', '/h/100%'), SyntaxError);
  });
  it('leaves the home in a mail location for later, and nothing of a name', () => {
    assert.equal(fieldOf('mail', 'maildir:%h/%n:INDEX=%{home}/i'), 'maildir:%h/bob:INDEX=%{home}/i');
    const once = fieldOf('userdb_mail', 'maildir:%h/%n', '%d@d.test');
    assert.equal(expandVariables(once, { user: '%d@d.test', home: '/h' }), 'maildir:/h/%d');
  });
  it('expands nothing in a quota rule (RULES 44)', () => {
    assert.equal(fieldOf('userdb_quota_rule', '*:storage=10%%:x=%u'), '*:storage=10%%:x=%u');
    assert.equal(fieldOf('quota_rule2:protected', 'Trash:storage=+10%'), 'Trash:storage=+10%');
  });
});

describe('matchesPattern()', () => {
  const table: [string, string, boolean][] = [
    ['bob', 'bob', true],
    ['bob', 'b?b', true],
    ['bob', '*', true],
    ['', '*', true],
    ['', '', true],
    ['', '?', false],
    ['bob', 'b*', true],
    ['bob', '*ob', true],
    ['bob', 'o*', false],
    ['a.b', 'a*b', true],
    ['aXbXc', 'a*X?', true],
    ['bob\n', 'bob', false],
  ];
  for (const [text, pattern, expected] of table) {
    it(`says ${expected} of "${text}" and "${pattern}"`, () => assert.equal(matchesPattern(text, pattern), expected));
  }
  it('answers soon whatever the pattern', () => {
    const startedAt = performance.now();
    assert.equal(matchesPattern('a'.repeat(10_000), `${'*a'.repeat(100)}b`), false);
    assert.ok(performance.now() - startedAt < 1000);
  });
});
