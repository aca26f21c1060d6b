/** When a mailbox that fills or empties is worth a word. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatQuotaWarning, parseQuotaWarning } from '../../../src/core/quota-warning.ts';
import { QuotaWarner } from '../../../src/mail/quota-warner.ts';

const HOUR_MS = 3_600_000;

function setUp(texts: readonly string[], maxAccounts = 10) {
  const clock = { nowMs: 1_000_000, now: () => clock.nowMs };
  const acts: string[] = [];
  const warner = new QuotaWarner({
    warnings: texts.map(parseQuotaWarning),
    clock,
    maxAccounts,
    act: (user, warning) => acts.push(`${user.address} ${formatQuotaWarning(warning)}`),
  });
  const limits = { storageBytes: 1000, messages: 100 };
  const observe = (bytes: number, { messages = 0, user = 'bob', limited = true } = {}): string[] => {
    warner.observe({ address: user, quota: [] }, { bytes, messages, limits: limited ? limits : {} });
    return acts.splice(0);
  };
  return { warner, clock, observe };
}

describe('QuotaWarner', () => {
  it('warns when usage reaches the line, and says nothing of the first usage it hears', () => {
    const { observe } = setUp(['storage=95%']);
    assert.deepEqual(observe(960), []);
    const other = setUp(['storage=95%']);
    assert.deepEqual(other.observe(900), []);
    assert.deepEqual(other.observe(949), []);
    assert.deepEqual(other.observe(950), ['bob storage=95%']);
    assert.deepEqual(other.observe(999), []);
  });

  it('warns once while usage swings around the line, and again after it was 5 % below', () => {
    const { observe } = setUp(['storage=80%']);
    observe(0);
    assert.deepEqual(observe(800), ['bob storage=80%']);
    for (const bytes of [799, 800, 761, 800]) assert.deepEqual(observe(bytes), []);
    assert.deepEqual(observe(759), []);
    assert.deepEqual(observe(800), ['bob storage=80%']);
  });

  it('counts only the first of several lines crossed at once, and the others as crossed', () => {
    const { observe } = setUp(['storage=95%', 'storage=80%', 'messages=50%']);
    observe(0);
    assert.deepEqual(observe(990, { messages: 60 }), ['bob storage=95%']);
    assert.deepEqual(observe(995, { messages: 61 }), []);
    assert.deepEqual(observe(700), []);
    assert.deepEqual(observe(850), ['bob storage=80%']);
    assert.deepEqual(observe(850, { messages: 50 }), ['bob messages=50%']);
  });

  it('tells of the way down at the line itself, at most once an hour, also when the clock was set back', () => {
    const { observe, clock } = setUp(['-storage=100%']);
    observe(0);
    assert.deepEqual(observe(1000), []);
    assert.deepEqual(observe(999), ['bob -storage=100%']);
    observe(1000);
    assert.deepEqual(observe(999), []);
    clock.nowMs += HOUR_MS;
    observe(1000);
    assert.deepEqual(observe(999), ['bob -storage=100%']);
    clock.nowMs -= 2 * HOUR_MS;
    observe(1000);
    assert.deepEqual(observe(999), ['bob -storage=100%']);
  });

  it('has no line at a share of no limit, and losing the limit is no way down', () => {
    const { observe } = setUp(['-storage=100%', 'storage=50%']);
    observe(0, { limited: false });
    assert.deepEqual(observe(5000, { limited: false }), []);
    assert.deepEqual(observe(5000), ['bob storage=50%']);
    assert.deepEqual(observe(5000, { limited: false }), []);
  });

  it('remembers so many accounts and keeps them apart', () => {
    const { observe, warner } = setUp(['storage=50%'], 2);
    observe(0);
    observe(0, { user: 'ann' });
    assert.deepEqual(observe(500, { user: 'ann' }), ['ann storage=50%']);
    assert.deepEqual(observe(500), ['bob storage=50%']);
    observe(0, { user: 'new' });
    assert.equal(warner.size, 2);
    assert.deepEqual(observe(500, { user: 'ann' }), [], 'forgotten: it only says where it stands');
  });
});
