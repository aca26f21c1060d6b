/** Quota warnings as the configuration writes them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  findThreshold,
  formatQuotaWarning,
  parseQuotaWarning,
  type QuotaWarning,
} from '../../../src/core/quota-warning.ts';

const OVER = { direction: 'over', command: [] } as const;

const GOOD: readonly (readonly [string, QuotaWarning])[] = [
  ['storage=95%', { ...OVER, resource: 'storage', threshold: { kind: 'percent', percent: 95 } }],
  ['storage=95%%', { ...OVER, resource: 'storage', threshold: { kind: 'percent', percent: 95 } }],
  ['+messages=80%', { ...OVER, resource: 'messages', threshold: { kind: 'percent', percent: 80 } }],
  ['messages=1K', { ...OVER, resource: 'messages', threshold: { kind: 'amount', amount: 1024 } }],
  ['storage=100', { ...OVER, resource: 'storage', threshold: { kind: 'amount', amount: 100 * 1024 } }],
  ['storage=1G', { ...OVER, resource: 'storage', threshold: { kind: 'amount', amount: 1024 ** 3 } }],
  [
    '-storage=100%% /usr/local/bin/room below %u',
    {
      resource: 'storage',
      direction: 'under',
      threshold: { kind: 'percent', percent: 100 },
      command: ['/usr/local/bin/room', 'below', '%u'],
    },
  ],
  [
    `storage=95%  "/opt/my tools/warn"   95 'a "b" c' ""`,
    {
      ...OVER,
      resource: 'storage',
      threshold: { kind: 'percent', percent: 95 },
      command: ['/opt/my tools/warn', '95', 'a "b" c', ''],
    },
  ],
];

const BAD = [
  '',
  'storage',
  'storage=',
  'storage=0%',
  'storage=0',
  'storage=95%%%',
  'storage=1001%',
  'storage=-5%',
  'storage=9x%',
  'storage=ninety',
  'bytes=5',
  '--storage=5%',
  'storage=95% quota-warning 95 %u',
  'storage=95% /bin/warn "open',
  `storage=95% /bin/warn a"b`,
  'storage=99999999999999999999',
];

describe('parseQuotaWarning', () => {
  for (const [text, expected] of GOOD) {
    it(`reads ${text}`, () => {
      assert.deepEqual(parseQuotaWarning(text), expected);
      assert.deepEqual(parseQuotaWarning(formatQuotaWarning(expected)), expected);
    });
  }
  for (const text of BAD) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.throws(() => parseQuotaWarning(text), SyntaxError));
  }

  it('throws nothing but SyntaxError, whatever it is given', () => {
    const near = fc
      .tuple(fc.constantFrom('storage=', '-messages=', '+storage='), fc.string())
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.oneof(fc.string(), near), (text) => {
        try {
          const warning = parseQuotaWarning(text);
          assert.deepEqual(parseQuotaWarning(formatQuotaWarning(warning)), warning);
        } catch (error) {
          assert.ok(error instanceof SyntaxError, String(error));
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('findThreshold', () => {
  it('counts a share of the limit, none of no limit, and an amount as it is', () => {
    const percent = parseQuotaWarning('storage=95%');
    assert.equal(findThreshold(percent, { storageBytes: 1000 }), 950);
    assert.equal(findThreshold(percent, { storageBytes: 0 }), undefined);
    assert.equal(findThreshold(percent, { messages: 10 }), undefined);
    assert.equal(findThreshold(parseQuotaWarning('messages=7'), {}), 7);
  });
});
