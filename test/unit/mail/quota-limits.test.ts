import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseQuotaRule, type UserQuotaRule } from '../../../src/core/quota-rule.ts';
import { NO_LIMITS, RootPlan, type QuotaRoot } from '../../../src/mail/quota-limits.ts';
import { quotaRoot, userQuota } from '../../support/quota.ts';

const M = 1024 ** 2;

function plan(
  texts: readonly string[],
  userRules: readonly UserQuotaRule[] = [],
  more: Partial<QuotaRoot> = {},
): RootPlan {
  return new RootPlan(quotaRoot(texts, more), { position: 1, userRules });
}

/** `storage/messages` in MiB for each mailbox; `ignored` where it is. */
function show(of: RootPlan, mailboxes: readonly string[]): string[] {
  return mailboxes.map((mailbox) => {
    if (of.ignores(mailbox)) return 'ignored';
    const { storageBytes, messages } = of.limitsFor(mailbox);
    return `${storageBytes / M}/${messages}`;
  });
}

describe('RootPlan', () => {
  const table: [name: string, texts: string[], mailboxes: string[], expected: string[]][] = [
    ['nothing is no limit', [], ['INBOX'], ['0/0']],
    ['* is for every mailbox', ['*:storage=10M:messages=5'], ['INBOX', 'Trash'], ['10/5', '10/5']],
    ['? is the same', ['?:storage=10M'], ['INBOX'], ['10/0']],
    [
      'later items of * replace earlier ones, and leave the others',
      ['*:storage=10M:messages=5', '*:messages=7'],
      ['INBOX'],
      ['10/7'],
    ],
    ['a mailbox adds', ['*:storage=10M', 'Trash:storage=+5M'], ['INBOX', 'Trash', 'Trash/x'], ['10/0', '15/0', '10/0']],
    ['the order does not matter', ['Trash:storage=+50%', '*:storage=10M'], ['Trash'], ['15/0']],
    [
      'a share follows the limit',
      ['*:storage=10M:messages=10', 'Trash:storage=+10%:messages=-20%'],
      ['Trash'],
      ['11/8'],
    ],
    [
      'a share is cut, not rounded',
      ['*:messages=57', 'a:messages=+50%', 'b:messages=-50%'],
      ['a', 'b'],
      ['0/85', '0/29'],
    ],
    [
      'of several masks the first counts',
      ['*:storage=10M', 'T*:storage=+1M', 'Trash:storage=+5M'],
      ['Trash'],
      ['11/0'],
    ],
    ['one mask is one rule', ['*:storage=10M', 'Trash:storage=+1M', 'Trash:messages=+1'], ['Trash'], ['11/1']],
    ['INBOX has one spelling', ['*:storage=10M', 'inbox:storage=+1M'], ['INBOX', 'Inbox/x'], ['11/0', '10/0']],
    ['without any limit a mailbox has none either', ['Trash:storage=+5M'], ['Trash'], ['0/0']],
    [
      'a mailbox may add to what the account has no limit of',
      ['*:storage=10M', 'Trash:messages=+5'],
      ['Trash'],
      ['10/5'],
    ],
    [
      'what takes all away leaves no limit, as for Dovecot',
      ['*:storage=10M:messages=3', 'Trash:storage=-20M'],
      ['Trash'],
      ['0/3'],
    ],
    [
      'ignored mailboxes',
      ['*:storage=10M', 'Spam*:ignore'],
      ['Spam', 'Spam/x', 'INBOX'],
      ['ignored', 'ignored', '10/0'],
    ],
    ['ignored without any limit as well: the count leaves them out', ['Spam:ignore'], ['Spam'], ['ignored']],
  ];
  for (const [name, texts, mailboxes, expected] of table) {
    it(name, () => assert.deepEqual(show(plan(texts), mailboxes), expected));
  }

  it('lets the userdb replace rules of the same number, and those alone', () => {
    const texts = ['*:storage=10M:messages=5', 'Trash:storage=+5M', 'Spam:ignore'];
    const user: UserQuotaRule[] = [
      { root: 1, place: 1, rule: parseQuotaRule('*:storage=20M') },
      { root: 1, place: 3, rule: parseQuotaRule('Junk:storage=+10%') },
      { root: 2, place: 2, rule: parseQuotaRule('Trash:ignore') },
      { root: 'domain', place: 'domain', rule: parseQuotaRule('*:storage=1M') },
    ];
    assert.deepEqual(show(plan(texts, user), ['INBOX', 'Trash', 'Spam', 'Junk']), ['20/0', '25/0', '20/0', '22/0']);
  });

  it('takes a rule whose number the configuration does not have', () => {
    assert.deepEqual(show(plan(['*:storage=10M'], userQuota('*:storage=1M', 'a:storage=+1M')), ['a', 'b']), [
      '2/0',
      '1/0',
    ]);
  });

  it('puts the rules of the embedded database on top: those of the domain, then those of the account', () => {
    const texts = ['*:storage=10M:messages=5', 'T*:storage=+5M', 'Spam:ignore'];
    const user: UserQuotaRule[] = [
      { root: 1, place: 'domain', rule: parseQuotaRule('*:storage=20M') },
      { root: 1, place: 'domain', rule: parseQuotaRule('Trash*:storage=+1M') },
      { root: 1, place: 'account', rule: parseQuotaRule('*:messages=7') },
      { root: 1, place: 'account', rule: parseQuotaRule('Trash/a:storage=+2M') },
      { root: 1, place: 'account', rule: parseQuotaRule('Trash/?:storage=+3M') },
      { root: 1, place: 'account', rule: parseQuotaRule('Spam:storage=+4M') },
    ];
    const mailboxes = ['INBOX', 'Tasks', 'Trash', 'Trash/a', 'Trash/b', 'Spam'];
    assert.deepEqual(show(plan(texts, user), mailboxes), ['20/7', '25/7', '21/7', '22/7', '23/7', '24/7']);
  });

  it('gives a root of a domain the rules of the whole domain', () => {
    const user: UserQuotaRule[] = [{ root: 'domain', place: 'domain', rule: parseQuotaRule('*:storage=3M') }];
    const of = new RootPlan(quotaRoot(['*:storage=1M'], { scope: 'domain' }), { position: 4, userRules: user });
    assert.equal(of.limits.storageBytes, 3 * M);
  });

  it('measures grace from the limit of the account, not of the mailbox', () => {
    const grace = { by: 'percent', value: 10 } as const;
    assert.equal(plan(['*:storage=10M', 'Trash:storage=+90M'], [], { grace }).graceBytes, M);
    assert.equal(plan(['*:messages=10'], [], { grace }).graceBytes, 0);
    assert.equal(plan(['*:storage=10M'], [], { grace: { by: 'amount', value: 7 } }).graceBytes, 7);
  });

  it('tracks accounts without a limit unless told to leave them alone', () => {
    assert.ok(plan([]).isTracked);
    assert.ok(!plan([], [], { ignoresUnlimited: true }).isTracked);
    assert.ok(plan([], userQuota('*:messages=1'), { ignoresUnlimited: true }).isTracked);
  });

  it('never gives a limit below zero, or one to an ignored mailbox', () => {
    const change = fc.oneof(
      fc.integer({ min: -99, max: 200 }).map((n) => `${n < 0 ? '' : '+'}${n}%`),
      fc.integer({ min: -50, max: 50 }).map((n) => `${n < 0 ? '' : '+'}${n}M`),
    );
    fc.assert(
      fc.property(
        fc.nat(20),
        fc.array(fc.tuple(fc.constantFrom('a', 'a*', '?b', 'c'), fc.option(change)), { maxLength: 6 }),
        fc.constantFrom('a', 'ab', 'c', 'd'),
        (limit, rules, mailbox) => {
          const of = plan([
            `*:storage=${limit}M`,
            ...rules.map(([mask, by]) => (by === null ? `${mask}:ignore` : `${mask}:storage=${by}`)),
          ]);
          const { storageBytes } = of.limitsFor(mailbox);
          assert.ok(storageBytes >= 0 && Number.isSafeInteger(storageBytes));
          if (of.ignores(mailbox)) assert.deepEqual(of.limitsFor(mailbox), of.hasLimit ? NO_LIMITS : of.limits);
        },
      ),
    );
  });
});
