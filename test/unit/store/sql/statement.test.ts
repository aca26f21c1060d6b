/** Queries of the configuration taken apart: the text never changes with the name, and what is bound is the expansion. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { expandParameters, parseStatement } from '../../../../src/store/sql/statement.ts';

const HOSTILE = [
  "' OR 1=1 --",
  "x'; DROP TABLE users; --",
  '%u',
  '?',
  '\0',
  '"',
  '`',
  '\\',
  "''",
  '*/',
  '\u{1F600}',
  '',
];

describe('parseStatement()', () => {
  const cases: readonly (readonly [text: string, sql: string, parameters: readonly string[]])[] = [
    ["SELECT p FROM t WHERE u = '%u'", 'SELECT p FROM t WHERE u = ?', ['bob@d.test']],
    ["SELECT p FROM t WHERE u = '%n' AND d = '%d'", 'SELECT p FROM t WHERE u = ? AND d = ?', ['bob', 'd.test']],
    ["SELECT p FROM t WHERE u = '%n@%d'", 'SELECT p FROM t WHERE u = ?', ['bob@d.test']],
    ["SELECT p FROM t WHERE u LIKE '%%%n'", 'SELECT p FROM t WHERE u LIKE ?', ['%bob']],
    ["SELECT p FROM t WHERE u = 'it''s %n'", 'SELECT p FROM t WHERE u = ?', ["it's bob"]],
    ['SELECT p FROM t WHERE u = %u', 'SELECT p FROM t WHERE u = ?', ['bob@d.test']],
    ['SELECT 5 %% 2', 'SELECT 5 % 2', []],
    ["SELECT 'it''s 5%%'", "SELECT 'it''s 5%'", []],
    ['SELECT "a%%b", `c`, [d] -- %%\n', 'SELECT "a%b", `c`, [d] -- %\n', []],
    [
      "SELECT '%{user}', %{if;%n;eq;bob;yes;no} /* 'no literal */",
      "SELECT ?, ? /* 'no literal */",
      ['bob@d.test', 'yes'],
    ],
    ["/* why */ WITH x AS (SELECT 1) SELECT '%Uu'", '/* why */ WITH x AS (SELECT 1) SELECT ?', ['BOB@D.TEST']],
  ];
  for (const [text, sql, parameters] of cases) {
    it(`reads ${text}`, () => {
      const statement = parseStatement(text);
      assert.equal(statement.sql, sql);
      assert.deepEqual(expandParameters(statement, { user: 'bob@d.test' }), parameters);
    });
  }

  for (const text of [
    'SELECT "%u"',
    'SELECT `%u`',
    'SELECT [%u]',
    'SELECT 1 -- %u',
    'SELECT 1 /* %u */',
    "SELECT '%u",
    'SELECT "a',
    'SELECT /* a',
    'SELECT %{user',
    'SELECT %u1',
    'SELECT %uand',
    'SELECT ?',
    'SELECT :a',
    'SELECT @a',
    'SELECT $a',
    "DELETE FROM t WHERE u = '%u'",
    'PRAGMA user_version',
    '',
  ]) {
    it(`refuses ${text}`, () => {
      assert.throws(() => parseStatement(text), SyntaxError);
    });
  }

  it('binds any name as it is, whatever is in it', () => {
    const statement = parseStatement("SELECT p FROM t WHERE u = '%u' AND v = '<%u>' AND w = %u");
    const { sql } = statement;
    for (const user of HOSTILE.flatMap((one) => HOSTILE.map((two) => one + two))) {
      assert.deepEqual(expandParameters(statement, { user }), [user, `<${user}>`, user]);
      assert.equal(statement.sql, sql);
    }
  });
});
