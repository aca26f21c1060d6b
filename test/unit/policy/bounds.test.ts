import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LastKnown } from '../../../src/policy/last-known.ts';
import { Reservations } from '../../../src/policy/reservations.ts';
import { Transactions } from '../../../src/policy/transactions.ts';

const clock = { now: () => 1_000_000 };

describe('LastKnown', () => {
  it('keeps 10,000 states and loses the oldest first', () => {
    const known = new LastKnown<string>();
    for (let i = 0; i < 10_001; i++) known.remember(`u${i}`, 'held');
    assert.equal(known.recall('u0'), undefined);
    assert.equal(known.recall('u1'), 'held');
    known.remember('u1', undefined);
    assert.equal(known.recall('u1'), undefined);
  });
});

describe('Transactions', () => {
  it('keeps 1000 recipients of one transaction and knows that more came', () => {
    const transactions = new Transactions(clock);
    for (let i = 0; i < 1001; i++) transactions.remember('i1', `u${i}@example.com`);
    const transaction = transactions.recall('i1');
    assert.equal(transaction?.recipients.size, 1000);
    assert.equal(transaction?.isComplete, false);
  });

  it('stays bounded under any number of transactions', () => {
    const transactions = new Transactions(clock);
    for (let i = 0; i < 100_000; i++) transactions.remember(`i${i}`, `${'x'.repeat(300)}${i}`);
    assert.ok(transactions.size < 20_000, String(transactions.size));
    assert.equal(transactions.recall('i0'), undefined);
    assert.equal(transactions.recall('i99999')?.passedCount, 1);
  });

  it('does not remember without an instance, or by one that is no instance', () => {
    const transactions = new Transactions(clock);
    for (const instance of ['', 'x'.repeat(1000)]) {
      transactions.remember(instance, 'u@example.com');
      assert.equal(transactions.enter('c1', instance), undefined);
    }
    assert.equal(transactions.size, 0);
  });
});

describe('Reservations', () => {
  it('holds at most 100,000 accounts', () => {
    const reservations = new Reservations(clock);
    for (let i = 0; i < 200; i++) {
      const accounts = Array.from({ length: 1000 }, (_, n) => `u${n}@example.com`);
      reservations.hold(`i${i}`, { queueId: `Q${i}`, bytes: 1, accounts });
    }
    assert.equal(reservations.size, 100_000);
    assert.deepEqual(reservations.heldFor('u0@example.com', '').account, { bytes: 100, messages: 100 });
  });

  it('adds up to what is held, whatever the order of calls, and to nothing at the end', () => {
    const name = fc.constantFrom('a', 'b', 'c');
    const address = fc.constantFrom('a@x', 'b@x', 'c@y');
    const step = fc.oneof(
      fc.record({ kind: fc.constant('hold' as const), instance: name, account: address, bytes: fc.nat(100) }),
      fc.record({ kind: fc.constant('end' as const), instance: name }),
      fc.record({
        kind: fc.constant('delivered' as const),
        account: address,
        queueId: fc.option(name, { nil: undefined }),
      }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const reservations = new Reservations(clock);
        for (const s of steps) {
          if (s.kind === 'hold')
            reservations.hold(s.instance, { queueId: s.instance, bytes: s.bytes, accounts: [s.account, 'd@y'] });
          else if (s.kind === 'end') reservations.end(s.instance);
          else reservations.delivered(s.account, s.queueId);
          for (const own of ['', 'a', 'b', 'c']) {
            for (const accounts of [
              ['a@x', 'b@x'],
              ['c@y', 'd@y'],
            ]) {
              const sum = { bytes: 0, messages: 0 };
              for (const account of accounts) {
                const { bytes, messages } = reservations.heldFor(account, own).account;
                assert.ok(messages >= 0 && messages <= 3 && bytes >= 0);
                if (messages === 0) assert.equal(bytes, 0);
                sum.bytes += bytes;
                sum.messages += messages;
              }
              for (const account of accounts) assert.deepEqual(reservations.heldFor(account, own).domain, sum);
            }
          }
        }
        for (const instance of ['a', 'b', 'c']) reservations.end(instance);
        assert.equal(reservations.size, 0);
        assert.deepEqual(reservations.heldFor('d@y', '').domain, { bytes: 0, messages: 0 });
      }),
    );
  });
});
