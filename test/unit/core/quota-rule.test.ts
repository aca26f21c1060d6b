import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatQuotaRule, parseQuotaRule, type QuotaRule } from '../../../src/core/quota-rule.ts';

describe('parseQuotaRule()', () => {
  const good: [string, QuotaRule][] = [
    ['*:storage=1G', { storageBytes: 1024 ** 3 }],
    ['*:storage=10M:messages=1K', { storageBytes: 10 * 1024 ** 2, messages: 1024 }],
    ['*:messages=2M', { messages: 2 * 1024 ** 2 }],
    ['*:storage=5', { storageBytes: 5 * 1024 }],
    ['*:storage=5B', { storageBytes: 5 }],
    ['*:storage=0', {}],
    ['*:storage=0:messages=0', {}],
  ];
  for (const [text, rule] of good) {
    it(`reads ${text} with the units of RULES 44`, () => assert.deepEqual(parseQuotaRule(text), rule));
  }

  const bad = ['', '*', '*:', 'Trash:storage=+100M', '?:storage=1G', '*:storage', '*:storage=', '*:storage=+1M'];
  bad.push('*:storage=10%', '*:storage=1G:storage=2G', '*:bytes=1', '*:ignore', '*:storage=1G:', '*:storage=-1');
  for (const text of bad) {
    it(`refuses "${text}" instead of leaving the account without a limit`, () => {
      assert.throws(() => parseQuotaRule(text), SyntaxError);
    });
  }

  it('reads back what formatQuotaRule() writes', () => {
    const limit = fc.option(fc.integer({ min: 1, max: 2 ** 45 }), { nil: undefined });
    fc.assert(
      fc.property(limit, limit, (storageBytes, messages) => {
        const read = parseQuotaRule(formatQuotaRule({ storageBytes, messages }));
        assert.deepEqual([read.storageBytes, read.messages], [storageBytes, messages]);
      }),
    );
  });
});
