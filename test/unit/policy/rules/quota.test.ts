import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { QuotaRule } from '../../../../src/policy/rules/quota.ts';
import type { PolicyDecision } from '../../../../src/policy/question.ts';
import { ask, isProbeSender } from '../../../support/ask.ts';
import { FakeFacts } from '../../../support/fake-facts.ts';
import { userQuota } from '../../../support/quota.ts';

const DUNNO: PolicyDecision = { kind: 'dunno' };
const FULL: PolicyDecision = { kind: 'reject', reason: 'mailbox-full' };
const TOO_LARGE: PolicyDecision = { kind: 'reject', reason: 'message-too-large' };

function setUp({ isFullTemporary = false } = {}): { facts: FakeFacts; rule: QuotaRule; time: { now: number } } {
  const facts = new FakeFacts();
  facts.add('empty@example.com', 0);
  facts.add('half@example.com', 500);
  facts.add('full@example.com', 1000);
  facts.add('full2@example.com', 1000);
  facts.add('endless@example.com', 5000, { quota: [] });
  facts.add('away@example.com', 1000, { host: 'other.example.com' });
  facts.add('held@example.com', 0, { receive: 'hold' });
  facts.add('refusing@example.com', 0, { receive: 'refuse' });
  facts.add('unmeasured@example.com', 0);
  facts.usage.delete('unmeasured@example.com');
  facts.alias('full-alias@example.com', ['full@example.com']);
  facts.alias('both@example.com', ['full@example.com', 'empty@example.com']);
  facts.alias('all-full@example.com', ['full@example.com', 'full2@example.com']);
  facts.alias('one-remote@example.com', ['full@example.com', 'x@remote.example']);
  facts.alias('one-away@example.com', ['full@example.com', 'away@example.com']);
  facts.alias('one-held@example.com', ['full@example.com', 'held@example.com']);
  facts.alias('one-refusing@example.com', ['full@example.com', 'refusing@example.com']);
  facts.alias('one-missing@example.com', ['full@example.com', 'nobody@example.com']);
  facts.alias('one-unmeasured@example.com', ['full@example.com', 'unmeasured@example.com']);
  facts.alias('only-missing@example.com', ['nobody@example.com']);
  facts.alias('loop@example.com', ['full@example.com'], 'loop');
  const time = { now: 1_000_000 };
  const rule = new QuotaRule({ facts, isProbeSender, isFullTemporary, clock: { now: () => time.now } });
  return { facts, rule, time };
}

describe('QuotaRule at RCPT', () => {
  const cases: [string, string, number, PolicyDecision][] = [
    ['a message that fits', 'half@example.com', 500, DUNNO],
    ['a message that does not fit', 'half@example.com', 501, FULL],
    ['a message larger than the whole quota', 'empty@example.com', 1001, TOO_LARGE],
    ['a full mailbox when no size was announced', 'full@example.com', 0, FULL],
    ['a mailbox without a limit', 'endless@example.com', 1_000_000, DUNNO],
    ['an unknown user', 'nobody@example.com', 10, DUNNO],
    ['another domain', 'x@remote.example', 10, DUNNO],
    ['no recipient', '', 10, DUNNO],
    ['rubbish for a recipient', '<>', 10, DUNNO],
    ['a usage nobody knows', 'unmeasured@example.com', 10, DUNNO],
    ['RULES 11: an account on another host', 'away@example.com', 10, DUNNO],
    ['an alias of a full mailbox', 'full-alias@example.com', 10, FULL],
    ['an alias of which one target has room', 'both@example.com', 10, DUNNO],
    ['an alias whose targets are all full', 'all-full@example.com', 10, FULL],
    ['an alias with a remote target', 'one-remote@example.com', 10, DUNNO],
    ['an alias with a target on another host', 'one-away@example.com', 10, DUNNO],
    ['RULES 10: an alias with a held target, which is later and not never', 'one-held@example.com', 10, DUNNO],
    ['RULES 10: an alias with a target nobody measured yet', 'one-unmeasured@example.com', 10, DUNNO],
    ['an alias with a target that refuses mail anyway', 'one-refusing@example.com', 10, FULL],
    ['an alias with a target that does not exist', 'one-missing@example.com', 10, FULL],
    ['an alias with no target that exists', 'only-missing@example.com', 10, DUNNO],
    ['an alias that runs in a circle', 'loop@example.com', 10, DUNNO],
  ];
  for (const [name, recipient, sizeBytes, expected] of cases) {
    it(`decides ${expected.kind} for ${name}`, async () => {
      assert.deepEqual(await setUp().rule.decide(ask({ recipient, sizeBytes })), expected);
    });
  }

  it('defers a full mailbox when so configured, but never a message that cannot ever fit', async () => {
    const { rule } = setUp({ isFullTemporary: true });
    assert.deepEqual(await rule.decide(ask({ recipient: 'full@example.com' })), {
      kind: 'defer',
      reason: 'mailbox-full',
    });
    assert.deepEqual(await rule.decide(ask({ recipient: 'empty@example.com', sizeBytes: 1001 })), TOO_LARGE);
  });

  it('RULES 20: never says quota to the null sender or a probe', async () => {
    const { rule } = setUp();
    for (const sender of ['', 'double-bounce@mx.example.com']) {
      assert.deepEqual(await rule.decide(ask({ sender, recipient: 'full@example.com' })), DUNNO);
    }
  });

  it('RULES 8: has no opinion while the mail root is missing, which the meter calls unknown', async () => {
    const { facts, rule } = setUp();
    facts.usage.clear();
    assert.deepEqual(await rule.decide(ask({ recipient: 'full@example.com' })), DUNNO);
  });

  it('has no opinion during an outage of the directory', async () => {
    const { facts, rule } = setUp();
    facts.isDown = true;
    assert.deepEqual(await rule.decide(ask({ recipient: 'full@example.com' })), DUNNO);
  });
});

describe('RULES 26: QuotaRule at END-OF-MESSAGE', () => {
  const end = { state: 'end-of-message', queueId: 'Q1' } as const;

  it('judges a single recipient by the real size', async () => {
    const { rule } = setUp();
    const recipient = 'half@example.com';
    assert.deepEqual(await rule.decide(ask({ ...end, recipient, recipientCount: 1, sizeBytes: 500 })), DUNNO);
    assert.deepEqual(await rule.decide(ask({ ...end, recipient, recipientCount: 1, sizeBytes: 501 })), FULL);
    assert.deepEqual(await rule.decide(ask({ ...end, recipient, recipientCount: 1, sizeBytes: 1001 })), TOO_LARGE);
  });

  it('refuses a message when every recipient of the instance would be refused', async () => {
    const { rule } = setUp();
    for (const recipient of ['half@example.com', 'empty@example.com']) await rule.decide(ask({ recipient }));
    const question = ask({ ...end, recipientCount: 2, sizeBytes: 1001 });
    assert.deepEqual(await rule.decide(question), TOO_LARGE);
  });

  it('says full when that holds for one and too large for the others', async () => {
    const { rule, facts } = setUp();
    facts.add('big@example.com', 5000, { quota: userQuota('*:storage=5500B') });
    for (const recipient of ['half@example.com', 'big@example.com']) await rule.decide(ask({ recipient }));
    assert.deepEqual(await rule.decide(ask({ ...end, recipientCount: 2, sizeBytes: 1001 })), FULL);
  });

  it('lets a message pass that one recipient can take', async () => {
    const { rule } = setUp();
    for (const recipient of ['half@example.com', 'empty@example.com']) await rule.decide(ask({ recipient }));
    assert.deepEqual(await rule.decide(ask({ ...end, recipientCount: 2, sizeBytes: 600 })), DUNNO);
  });

  it('lets a message pass when one recipient is remote or unknown', async () => {
    for (const other of ['x@remote.example', 'unmeasured@example.com', 'one-held@example.com']) {
      const { rule } = setUp();
      for (const recipient of ['half@example.com', other]) await rule.decide(ask({ recipient }));
      assert.deepEqual(await rule.decide(ask({ ...end, recipientCount: 2, sizeBytes: 999 })), DUNNO, other);
    }
  });

  it('lets a message pass when recipients came in without being asked about', async () => {
    const { rule } = setUp();
    await rule.decide(ask({ recipient: 'half@example.com' }));
    assert.deepEqual(await rule.decide(ask({ ...end, recipientCount: 2, sizeBytes: 999 })), DUNNO);
    assert.deepEqual(await rule.decide(ask({ ...end, recipientCount: 0, sizeBytes: 999 })), DUNNO);
    assert.deepEqual(await rule.decide(ask({ ...end, instance: 'i9', recipientCount: 2, sizeBytes: 999 })), DUNNO);
  });

  it('does not count a recipient it refused at RCPT', async () => {
    const { rule } = setUp();
    for (const recipient of ['full@example.com', 'half@example.com', 'empty@example.com'])
      await rule.decide(ask({ recipient }));
    assert.deepEqual(await rule.decide(ask({ ...end, recipientCount: 2, sizeBytes: 600 })), DUNNO);
  });

  it('RULES 20: speaks of quota to the null sender after the dot', async () => {
    const { rule } = setUp();
    for (const recipient of ['full@example.com', 'full2@example.com'])
      await rule.decide(ask({ sender: '', recipient }));
    assert.deepEqual(await rule.decide(ask({ ...end, sender: '', recipientCount: 2, sizeBytes: 10 })), FULL);
  });

  it('knows the recipients also when the question comes on another connection', async () => {
    const { rule } = setUp();
    for (const recipient of ['half@example.com', 'empty@example.com']) await rule.decide(ask({ recipient }));
    const question = ask({ ...end, connection: 'c2', recipientCount: 2, sizeBytes: 1001 });
    assert.deepEqual(await rule.decide(question), TOO_LARGE);
  });

  it('forgets the recipients at a new instance on the connection, and after ten minutes', async () => {
    const { rule, time } = setUp();
    const question = ask({ ...end, connection: 'c2', recipientCount: 2, sizeBytes: 1001 });
    for (const recipient of ['half@example.com', 'empty@example.com']) await rule.decide(ask({ recipient }));
    await rule.decide(ask({ instance: 'i2', recipient: 'half@example.com' }));
    assert.deepEqual(await rule.decide(question), DUNNO);
    for (const recipient of ['half@example.com', 'empty@example.com'])
      await rule.decide(ask({ instance: 'i3', recipient }));
    time.now += 600_000;
    assert.deepEqual(await rule.decide({ ...question, instance: 'i3' }), DUNNO);
    assert.deepEqual(rule.counts, { transactions: 0, reservations: 0 });
  });
});

describe('RULES 26: QuotaRule reserves room', () => {
  const pass = {
    state: 'end-of-message',
    queueId: 'Q1',
    recipient: 'half@example.com',
    recipientCount: 1,
    sizeBytes: 400,
  } as const;
  const other = { connection: 'c2', instance: 'other', recipient: 'half@example.com', sizeBytes: 200 } as const;

  it('never for a message that is only announced', async () => {
    const { rule } = setUp();
    await rule.decide(ask({ recipient: 'half@example.com', sizeBytes: 500 }));
    assert.deepEqual(await rule.decide(ask(other)), DUNNO);
  });

  it('from END-OF-MESSAGE on, against others but not against itself', async () => {
    const { rule } = setUp();
    assert.deepEqual(await rule.decide(ask(pass)), DUNNO);
    assert.deepEqual(await rule.decide(ask(other)), FULL);
    assert.deepEqual(await rule.decide(ask({ ...other, sizeBytes: 100 })), DUNNO);
    assert.deepEqual(await rule.decide(ask({ ...pass, sizeBytes: 500 })), DUNNO, 'asked again by the same transaction');
  });

  it('and calls a message full, not too large, that only the reservations keep out', async () => {
    const { rule } = setUp();
    await rule.decide(ask({ ...pass, recipient: 'empty@example.com', sizeBytes: 900 }));
    assert.deepEqual(await rule.decide(ask({ ...other, recipient: 'empty@example.com' })), FULL);
  });

  it('until the message is delivered', async () => {
    const { facts, rule } = setUp();
    await rule.decide(ask(pass));
    rule.delivered('half@example.com', 'Q9');
    assert.deepEqual(await rule.decide(ask(other)), FULL, 'another message was delivered');
    rule.delivered('half@example.com', 'Q1');
    assert.deepEqual(await rule.decide(ask(other)), DUNNO);
    facts.usage.set('half@example.com', 900);
    assert.deepEqual(await rule.decide(ask(other)), FULL);
  });

  it('until any message is delivered where the queue id is not known', async () => {
    const { rule } = setUp();
    await rule.decide(ask(pass));
    rule.delivered('half@example.com', undefined);
    assert.deepEqual(await rule.decide(ask(other)), DUNNO);
  });

  it('until a new instance on that connection, or for ten minutes', async () => {
    const { rule, time } = setUp();
    await rule.decide(ask(pass));
    await rule.decide(ask({ instance: 'i2', recipient: 'x@remote.example' }));
    assert.deepEqual(await rule.decide(ask(other)), DUNNO);
    await rule.decide(ask({ ...pass, instance: 'i2' }));
    rule.leave('c1');
    assert.deepEqual(await rule.decide(ask({ ...other, instance: 'other2' })), FULL);
    time.now += 600_000;
    assert.deepEqual(await rule.decide(ask({ ...other, instance: 'other3' })), DUNNO);
  });

  it('only in the mailboxes that have it, when an alias leads to several', async () => {
    const { rule } = setUp();
    await rule.decide(ask({ ...pass, recipient: 'both@example.com' }));
    assert.equal(rule.counts.reservations, 1);
    assert.deepEqual(await rule.decide(ask({ ...other, recipient: 'empty@example.com', sizeBytes: 601 })), FULL);
  });

  it('never for a message it refused', async () => {
    const { rule } = setUp();
    assert.deepEqual(await rule.decide(ask({ ...pass, sizeBytes: 501 })), FULL);
    assert.equal(rule.counts.reservations, 0);
  });
});
