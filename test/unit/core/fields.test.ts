import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  formatFieldTemplates,
  mergeFields,
  NO_FIELDS,
  parseFieldTemplates,
  splitImport,
} from '../../../src/core/fields.ts';

describe('parseFieldTemplates()', () => {
  it('reads values, bare names and values with an equals sign', () => {
    assert.deepEqual(parseFieldTemplates('  uid=vmail nopassword  quota_rule=*:storage=1G a= '), [
      { name: 'uid', value: 'vmail' },
      { name: 'nopassword', value: '' },
      { name: 'quota_rule', value: '*:storage=1G' },
      { name: 'a', value: '' },
    ]);
    assert.deepEqual(parseFieldTemplates(''), []);
  });

  it('refuses a value without a name, and does not repeat it', () => {
    assert.throws(
      () => parseFieldTemplates('a =hunter2'),
      (error) => error instanceof SyntaxError && !error.message.includes('hunter2'),
    );
  });

  it('reads what formatFieldTemplates() wrote', () => {
    const name = fc.string({ minLength: 1 }).filter((text) => !/[\s=]/.test(text));
    const value = fc.string().filter((text) => !/\s/.test(text));
    fc.assert(
      fc.property(fc.array(fc.record({ name, value }, { noNullPrototype: true })), (templates) =>
        assert.deepEqual(parseFieldTemplates(formatFieldTemplates(templates)), templates),
      ),
    );
  });
});

describe('mergeFields()', () => {
  const earlier = new Map([
    ['a', '1'],
    ['b', '2'],
  ]);
  const table: [later: [string, string][], expected: Record<string, string>][] = [
    [[], { a: '1', b: '2' }],
    [[['a', 'x']], { a: 'x', b: '2' }],
    [[['a:protected', 'x']], { a: '1', b: '2' }],
    [[['c:default', 'x']], { a: '1', b: '2', c: 'x' }],
    [[['a:remove', '']], { b: '2' }],
    [[['a:remove', ''], ['a:protected', 'x']], { b: '2', a: 'x' }], // prettier-ignore
    [[['namespace/x:y', '1']], { a: '1', b: '2', 'namespace/x:y': '1' }],
    [[[':remove', '']], { a: '1', b: '2', ':remove': '' }],
  ];
  for (const [later, expected] of table) {
    it(`puts ${JSON.stringify(later)} over what was there`, () => {
      assert.deepEqual(mergeFields(earlier, later), new Map(Object.entries(expected)));
      assert.equal(earlier.size, 2);
    });
  }
  it('starts from nothing', () => assert.deepEqual(mergeFields(NO_FIELDS, [['a', '1']]), new Map([['a', '1']])));
});

describe('splitImport()', () => {
  it('parts fields at tabs, so that values may hold spaces', () => {
    assert.deepEqual(splitImport('a=1 2\tb\t\tc=d=e'), [
      ['a', '1 2'],
      ['b', ''],
      ['c', 'd=e'],
    ]);
  });
});
