import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PolicyDecision, PolicyQuestion } from '../../../../src/policy/question.ts';
import { RateTable, type Sent } from '../../../../src/policy/rate-table.ts';
import { RateRule, type RateLimits, type Standing } from '../../../../src/policy/rules/rate.ts';
import { Suspensions } from '../../../../src/policy/suspensions.ts';
import { ask } from '../../../support/ask.ts';
import { CollectingLogger } from '../../../support/collecting-logger.ts';

const DUNNO: PolicyDecision = { kind: 'dunno' };
const WAIT: PolicyDecision = { kind: 'defer', reason: 'rate-exceeded' };
const NO: PolicyDecision = { kind: 'reject', reason: 'rate-exceeded' };
const ANN = 'ann@example.com';
const HOUR_MS = 3_600_000;
const NONE: Sent = { messages: 0, recipients: 0 };
const NO_LIMITS: RateLimits = { hour: NONE, day: NONE };

function setUp(
  limits: { login?: Partial<RateLimits>; domain?: Partial<RateLimits> },
  isExceededTemporary = true,
  isSuspending = false,
) {
  const clock = { nowMs: 1_000_000 * HOUR_MS, now: () => clock.nowMs };
  const logger = new CollectingLogger();
  const table = new RateTable();
  const suspensions = new Suspensions();
  const notices: string[] = [];
  const onSuspend = (login: string, { sent, limit, unit, window }: Standing): void => {
    notices.push(`${login}: ${sent} of ${limit} ${unit} a ${window}`);
  };
  const rule = new RateRule({
    table,
    suspensions,
    onSuspend: isSuspending ? onSuspend : undefined,
    limits: { login: { ...NO_LIMITS, ...limits.login }, domain: { ...NO_LIMITS, ...limits.domain } },
    warnPercent: 80,
    isExceededTemporary,
    clock,
    logger,
  });
  let count = 0;
  const end = (recipientCount = 1, fields: Partial<PolicyQuestion> = {}): Promise<PolicyDecision> => {
    count += 1;
    const question = { state: 'end-of-message', instance: `i${count}`, saslUsername: ANN, recipientCount } as const;
    return rule.decide(ask({ ...question, ...fields }));
  };
  const rcpt = (fields: Partial<PolicyQuestion> = {}): Promise<PolicyDecision> =>
    rule.decide(ask({ state: 'rcpt', instance: 'next', saslUsername: ANN, ...fields }));
  return { rule, table, suspensions, notices, clock, logger, end, rcpt };
}

describe('RateRule', () => {
  it('stops a login past its messages an hour, at RCPT already, and lets it go on an hour later', async () => {
    const { end, rcpt, clock } = setUp({ login: { hour: { messages: 2, recipients: 0 } } });
    assert.deepEqual([await end(50), await rcpt(), await end(50)], [DUNNO, DUNNO, DUNNO]);
    assert.deepEqual([await rcpt(), await end()], [WAIT, WAIT]);
    assert.deepEqual(await rcpt({ saslUsername: 'bob@example.com' }), DUNNO, 'another login');
    clock.nowMs += HOUR_MS;
    assert.deepEqual([await rcpt(), await end()], [DUNNO, DUNNO]);
  });

  it('suspends a login past its limit until it is lifted, says so once, and never for what its domain sent', async () => {
    const hour = { messages: 2, recipients: 0 };
    const limits = { login: { hour }, domain: { hour: { messages: 3, recipients: 0 } } };
    const { end, rcpt, suspensions, notices, table, clock, logger } = setUp(limits, true, true);
    const stopped: PolicyDecision = { kind: 'reject', reason: 'sender-suspended' };
    assert.deepEqual([await end(), await end(), await rcpt(), await end()], [DUNNO, DUNNO, stopped, stopped]);
    assert.deepEqual(notices, [`${ANN}: 2 of 2 messages a hour`]);
    clock.nowMs += 48 * HOUR_MS;
    assert.deepEqual([await rcpt(), await rcpt({ saslUsername: 'ANN@Example.com' })], [stopped, stopped]);
    assert.deepEqual(await rcpt({ saslUsername: 'bob@example.com' }), DUNNO);
    assert.deepEqual([suspensions.lift(ANN), suspensions.lift(ANN)], [true, false]);
    table.forgetAll();
    assert.deepEqual(await end(), DUNNO);
    // The domain is full by what others send: nobody in particular is to blame.
    for (const saslUsername of ['bob@example.com', 'cid@example.com'])
      assert.deepEqual(await end(1, { saslUsername }), DUNNO);
    assert.deepEqual(await end(), WAIT);
    assert.equal(suspensions.size, 0);
    assert.equal(notices.length, 1);
    logger.assertQuiet(['policy.suspended', 'policy.rate-warning', 'policy.rate-exceeded']);
  });

  it('counts recipients, and does not count a message it stops', async () => {
    const { end, table, clock } = setUp({ login: { day: { messages: 0, recipients: 10 } } }, false);
    assert.deepEqual([await end(6), await end(5), await end(4), await end(1)], [DUNNO, NO, DUNNO, NO]);
    assert.deepEqual(table.sentBy(ANN, 'day', clock.now()), { messages: 2, recipients: 10 });
  });

  it('counts all logins of a domain together, and in every spelling', async () => {
    const { end } = setUp({ domain: { hour: { messages: 2, recipients: 0 } } });
    assert.deepEqual(await end(), DUNNO);
    assert.deepEqual(await end(1, { saslUsername: 'BOB@Example.COM' }), DUNNO);
    assert.deepEqual(await end(1, { saslUsername: 'carol@example.com' }), WAIT);
    assert.deepEqual(await end(1, { saslUsername: 'dan@example.org' }), DUNNO);
  });

  it('counts a message once, however often Postfix asks, and the null sender like any other', async () => {
    const { end, table, clock } = setUp({ login: { hour: { messages: 2, recipients: 0 } } });
    for (let i = 0; i < 5; i++) assert.deepEqual(await end(3, { instance: 'same', sender: '' }), DUNNO);
    assert.deepEqual(table.sentBy(ANN, 'hour', clock.now()), { messages: 1, recipients: 3 });
  });

  it('has no opinion on mail without a login, and counts none', async () => {
    const { end, rcpt, table } = setUp({ login: { hour: { messages: 1, recipients: 1 } } });
    for (let i = 0; i < 3; i++) assert.deepEqual(await end(9, { saslUsername: '' }), DUNNO);
    assert.deepEqual(await rcpt({ saslUsername: '' }), DUNNO);
    assert.equal(table.size, 0);
  });

  it('says in the log once that a limit comes near, and once a minute that it is reached', async () => {
    const { end, logger, clock } = setUp({ login: { hour: { messages: 10, recipients: 0 } } });
    for (let i = 0; i < 14; i++) await end();
    const [warning, ...more] = logger.of('policy.rate-warning');
    assert.deepEqual(warning?.fields, { who: ANN, window: 'hour', unit: 'messages', sent: 8, limit: 10, login: ANN });
    assert.equal(more.length, 0);
    assert.equal(logger.of('policy.rate-exceeded').length, 1);
    clock.nowMs += 60_000;
    await end();
    assert.equal(logger.of('policy.rate-exceeded').length, 2);
  });
});
