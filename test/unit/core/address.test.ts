import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  formatAddress,
  formatPath,
  normalizeAddress,
  parseAddress,
  parseDomain,
  splitDetail,
} from '../../../src/core/address.ts';

describe('parseAddress()', () => {
  const cases: [string, { local: string; domain: string } | undefined][] = [
    ['bob@example.com', { local: 'bob', domain: 'example.com' }],
    ['Bob@EXAMPLE.com.', { local: 'Bob', domain: 'example.com' }],
    ['"a b"@example.com', { local: 'a b', domain: 'example.com' }],
    ['"a\\"b"@example.com', { local: 'a"b', domain: 'example.com' }],
    ['a b@example.com', { local: 'a b', domain: 'example.com' }],
    ['a@b@example.com', { local: 'a@b', domain: 'example.com' }],
    ['x@under_score.example', { local: 'x', domain: 'under_score.example' }],
    ['jörg@bücher.example', { local: 'jörg', domain: 'xn--bcher-kva.example' }],
    ['"unfinished@example.com', undefined],
    ['"a"b"@example.com', undefined],
    ['""@example.com', undefined],
    ['@example.com', undefined],
    ['bob', undefined],
    ['bob@', undefined],
    ['bob@exa mple.com', undefined],
    ['bob@[127.0.0.1]', undefined],
    ['a\nb@example.com', undefined],
    ['a\0b@example.com', undefined],
    [`${'a'.repeat(256)}@example.com`, undefined],
  ];
  for (const [text, expected] of cases) {
    it(`gives ${JSON.stringify(expected)} for ${JSON.stringify(text.slice(0, 40))}`, () => {
      assert.deepEqual(parseAddress(text), expected);
    });
  }

  it('reads back what formatPath() writes', () => {
    const local = fc
      .string({ minLength: 1, maxLength: 40, unit: 'grapheme' })
      .filter((s) => parseAddress(`${s}@d.example`)?.local === s);
    fc.assert(
      fc.property(local, (text) => {
        const address = { local: text, domain: 'd.example' };
        assert.deepEqual(parseAddress(formatPath(address)), address);
      }),
    );
  });
});

describe('formatPath()', () => {
  it('quotes local parts that are no dot-atom', () => {
    assert.equal(formatPath({ local: 'john doe', domain: 'd.example' }), '"john doe"@d.example');
    assert.equal(formatPath({ local: 'a..b', domain: 'd.example' }), '"a..b"@d.example');
    assert.equal(formatPath({ local: 'a.b+c', domain: 'd.example' }), 'a.b+c@d.example');
  });
});

describe('normalizeAddress()', () => {
  it('folds case and composition so that one person has one address', () => {
    const address = parseAddress('JO\u0308RG@Example.COM');
    assert.ok(address !== undefined);
    assert.equal(formatAddress(normalizeAddress(address)), 'jörg@example.com');
  });
});

describe('parseDomain()', () => {
  it('refuses what could be taken for a path', () => {
    for (const text of ['..', '.', '', '../etc', 'a/b', 'a..b', '-a', 'a-'])
      assert.equal(parseDomain(text), undefined, text);
  });
});

describe('splitDetail()', () => {
  const cases: [string, string, string, string | undefined][] = [
    ['user+detail', '+', 'user', 'detail'],
    ['user+a+b', '+', 'user', 'a+b'],
    ['user-a+b', '+-', 'user', 'a+b'],
    ['user+', '+', 'user', ''],
    ['+user', '+', '+user', undefined],
    ['user', '+', 'user', undefined],
    ['user+x', '', 'user+x', undefined],
  ];
  for (const [local, delimiters, user, detail] of cases) {
    it(`splits "${local}" by "${delimiters}" into "${user}" and ${String(detail)}`, () => {
      assert.deepEqual(splitDetail(local, delimiters), { user, detail });
    });
  }
});
