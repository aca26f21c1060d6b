import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  formatQuotaGrace,
  formatQuotaRule,
  parseQuotaGrace,
  parseQuotaRule,
  type QuotaAmount,
  type QuotaRule,
} from '../../../src/core/quota-rule.ts';

const K = 1024;
const M = 1024 * K;
const G = 1024 * M;

function amount(value: number): QuotaAmount {
  return { by: 'amount', value };
}

function percent(value: number): QuotaAmount {
  return { by: 'percent', value };
}

describe('parseQuotaRule() (RULES 44)', () => {
  const good: [text: string, rule: QuotaRule, formatted?: string][] = [
    ['*:storage=1G', { kind: 'root', mask: '*', storageBytes: G }],
    ['?:storage=1G', { kind: 'root', mask: '?', storageBytes: G }],
    [
      '*:storage=10M:messages=1K',
      { kind: 'root', mask: '*', storageBytes: 10 * M, messages: K },
      '*:storage=10M:messages=1024',
    ],
    ['*:messages=2M', { kind: 'root', mask: '*', messages: 2 * M }, '*:messages=2097152'],
    ['*:storage=5', { kind: 'root', mask: '*', storageBytes: 5 * K }, '*:storage=5K'],
    ['*:storage=1500B', { kind: 'root', mask: '*', storageBytes: 1500 }],
    ['*:bytes=1500', { kind: 'root', mask: '*', storageBytes: 1500 }, '*:storage=1500B'],
    ['*:bytes=2k', { kind: 'root', mask: '*', storageBytes: 2 * K }, '*:storage=2K'],
    ['*:storage=1T', { kind: 'root', mask: '*', storageBytes: K * G }],
    ['*:storage=0', { kind: 'root', mask: '*', storageBytes: 0 }],
    ['*:storage=0:messages=0', { kind: 'root', mask: '*', storageBytes: 0, messages: 0 }],
    ['Trash:storage=+100M', { kind: 'mailbox', mask: 'Trash', storage: amount(100 * M) }],
    ['Trash:storage=100M', { kind: 'mailbox', mask: 'Trash', storage: amount(100 * M) }, 'Trash:storage=+100M'],
    ['Trash:bytes=-5', { kind: 'mailbox', mask: 'Trash', storage: amount(-5) }, 'Trash:storage=-5B'],
    ['Trash:storage=+10%', { kind: 'mailbox', mask: 'Trash', storage: percent(10) }],
    ['Trash:storage=+10%%', { kind: 'mailbox', mask: 'Trash', storage: percent(10) }, 'Trash:storage=+10%'],
    ['Trash:storage=10%', { kind: 'mailbox', mask: 'Trash', storage: percent(10) }, 'Trash:storage=+10%'],
    ['Spam:storage=-99%', { kind: 'mailbox', mask: 'Spam', storage: percent(-99) }],
    [
      'Trash/*:messages=+1k:storage=+5',
      { kind: 'mailbox', mask: 'Trash/*', messages: amount(K), storage: amount(5 * K) },
      'Trash/*:storage=+5K:messages=+1024',
    ],
    ['Trash:messages=-20%', { kind: 'mailbox', mask: 'Trash', messages: percent(-20) }],
    ['Trash:storage=-0', { kind: 'mailbox', mask: 'Trash', storage: amount(0) }, 'Trash:storage=+0'],
    ['Spam:ignore', { kind: 'ignore', mask: 'Spam' }],
    ['inbox:storage=+1M', { kind: 'mailbox', mask: 'INBOX', storage: amount(M) }, 'INBOX:storage=+1M'],
    ['Deleted Items:ignore', { kind: 'ignore', mask: 'Deleted Items' }],
    ['Entwürfe?:ignore', { kind: 'ignore', mask: 'Entwürfe?' }],
    ['**:ignore', { kind: 'ignore', mask: '**' }],
  ];
  for (const [text, rule, formatted = text] of good) {
    it(`reads ${text}`, () => {
      assert.deepEqual(parseQuotaRule(text), rule);
      assert.equal(formatQuotaRule(rule), formatted);
    });
  }

  const bad: [text: string, reason: RegExp][] = [
    ['', /names no mailbox/],
    [':storage=1G', /names no mailbox/],
    ['*', /no limit given/],
    ['Trash', /no limit given/],
    ['*:', /unknown limit ""/],
    ['*:storage', /unknown limit "storage"/],
    ['*:storage=', /"storage=" holds no number/],
    ['*:storage=1G:', /unknown limit ""/],
    ['*:octets=1', /unknown limit "octets=1"; there are storage, bytes, messages and ignore/],
    ['*:storage=1X', /holds no number/],
    ['*:storage=1.5G', /holds no number/],
    ['*:storage=99999999T', /holds no number/],
    ['*:storage=+1M', /no "\+" or "-"/],
    ['*:storage=-1', /no "\+" or "-"/],
    ['*:storage=10%', /share of itself/],
    ['*:storage=10%%', /share of itself/],
    ['*:storage=1G:storage=2G', /twice/],
    ['*:storage=1G:bytes=2', /twice/],
    ['*:ignore', /"ignore" is for mailboxes/],
    ['?:ignore', /"ignore" is for mailboxes/],
    ['Trash:ignore:storage=+1M', /"ignore" stands alone/],
    ['Trash:storage=+1M:ignore', /"ignore" stands alone/],
    ['*:backend=x', /drivers that Postern does not have/],
    ['Trash:storage=-100%', /leave nothing/],
    ['Trash:storage=+-1', /holds no number/],
    ['Trash:storage=+1000001%', /is no limit/],
    ['Trash:storage=+', /holds no number/],
    ['Tr\tash:ignore', /control characters/],
    [`${'x'.repeat(1000)}:ignore`, /too long/],
  ];
  for (const [text, reason] of bad) {
    it(`refuses ${JSON.stringify(text.slice(0, 40))} and says why, instead of leaving a limit out`, () => {
      assert.throws(
        () => parseQuotaRule(text),
        (error) => error instanceof SyntaxError && reason.test(error.message),
      );
    });
  }

  it('reads back what formatQuotaRule() writes', () => {
    const limit = fc.integer({ min: 0, max: 2 ** 50 });
    const change = fc.oneof(
      fc.integer({ min: -(2 ** 45), max: 2 ** 45 }).map(amount),
      fc.integer({ min: -99, max: 1_000_000 }).map(percent),
    );
    const mask = fc
      .string({ unit: fc.constantFrom(...Array.from('aB/*?ü ')), minLength: 2, maxLength: 20 })
      .filter((text) => text.trim() === text);
    const rules: fc.Arbitrary<QuotaRule> = fc.oneof(
      fc.record(
        {
          kind: fc.constant('root' as const),
          mask: fc.constantFrom('*' as const, '?' as const),
          storageBytes: limit,
          messages: limit,
        },
        { requiredKeys: ['kind', 'mask', 'storageBytes'], noNullPrototype: true },
      ),
      fc.record(
        { kind: fc.constant('mailbox' as const), mask, storage: change, messages: change },
        { requiredKeys: ['kind', 'mask', 'messages'], noNullPrototype: true },
      ),
      fc.record({ kind: fc.constant('ignore' as const), mask }, { noNullPrototype: true }),
    );
    fc.assert(
      fc.property(rules, (rule) => assert.deepEqual(parseQuotaRule(formatQuotaRule(rule)), rule)),
      {
        numRuns: 1000,
      },
    );
  });

  it('ends with a rule or a SyntaxError whatever it is given', () => {
    const text = fc.string({
      unit: fc.constantFrom(...Array.from('*?:=+-%019KMGTbxstoragemigne, \0\n')),
      maxLength: 60,
    });
    fc.assert(
      fc.property(text, (hostile) => {
        try {
          parseQuotaRule(hostile);
        } catch (error) {
          assert.ok(error instanceof SyntaxError);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe('parseQuotaGrace()', () => {
  for (const [text, grace, formatted] of [
    ['10%', percent(10), '10%'],
    ['10%%', percent(10), '10%'],
    ['0', amount(0), '0'],
    ['10M', amount(10 * M), '10M'],
    ['1500', amount(1500), '1500'],
  ] as const) {
    it(`reads ${text}; a bare number is bytes`, () => {
      assert.deepEqual(parseQuotaGrace(text), grace);
      assert.equal(formatQuotaGrace(grace), formatted);
    });
  }
  for (const text of ['', '-1', '+10%', '-10%', '10 %', '1000001%', 'x']) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.throws(() => parseQuotaGrace(text), SyntaxError));
  }
});
