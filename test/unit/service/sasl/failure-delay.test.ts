import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DelaySlots } from '../../../../src/auth/delay-slots.ts';
import { FailureDelay, findWaitMs } from '../../../../src/service/sasl/failure-delay.ts';

describe('findWaitMs()', () => {
  const cases: [number, number, number][] = [
    [0, 2000, 2000],
    [300, 2000, 1700],
    [2000, 2000, 0],
    [2001, 2000, 499],
    [2500, 2000, 0],
    [2600, 2000, 400],
    [6900, 2000, 100],
    [10, 100, 90],
    [110, 100, 390],
  ];
  for (const [elapsedMs, delayMs, expected] of cases) {
    it(`waits ${expected} ms after ${elapsedMs} ms of work and a delay of ${delayMs} ms (RULES 40)`, () => {
      assert.equal(findWaitMs(elapsedMs, delayMs), expected);
    });
  }
});

const REMOTE = '192.0.2.7';

describe('FailureDelay', () => {
  it('holds a failure for its delay, counted from its arrival (RULES 40)', async () => {
    const slots = new DelaySlots();
    const delay = new FailureDelay(80, slots);
    const arrivedAt = performance.now() - 30;
    await new Promise<void>((resolve) => delay.hold({ arrivedAt, remoteAddress: REMOTE }, resolve));
    const elapsedMs = performance.now() - arrivedAt;
    assert.ok(elapsedMs >= 79 && elapsedMs < 400, `${elapsedMs} ms`);
    assert.equal(slots.heldCount, 0);
  });

  it('sends a failure at once when no place is free for it (RULES 39)', () => {
    const slots = new DelaySlots({ maxHeld: 2 });
    const delay = new FailureDelay(60_000, slots);
    let sentCount = 0;
    const hold = (): (() => void) =>
      delay.hold({ arrivedAt: performance.now(), remoteAddress: REMOTE }, () => (sentCount += 1));
    const drop = hold();
    assert.deepEqual([sentCount, slots.heldCount, slots.overflowCount], [0, 1, 0]);
    hold();
    assert.deepEqual([sentCount, slots.heldCount, slots.overflowCount], [1, 1, 1]);
    drop();
    assert.deepEqual([sentCount, slots.heldCount], [1, 0]);
  });

  it('sends what it holds when the places are given up at a stop, and holds no more', () => {
    const slots = new DelaySlots();
    const delay = new FailureDelay(60_000, slots);
    let sentCount = 0;
    const hold = (): void =>
      void delay.hold({ arrivedAt: performance.now(), remoteAddress: REMOTE }, () => (sentCount += 1));
    hold();
    slots.releaseAll();
    assert.equal(sentCount, 1);
    hold();
    assert.deepEqual([sentCount, slots.heldCount], [2, 0]);
  });

  it('is off at 0 and takes a new delay over', () => {
    const slots = new DelaySlots();
    const delay = new FailureDelay(0, slots);
    let sentCount = 0;
    const hold = (): (() => void) =>
      delay.hold({ arrivedAt: performance.now(), remoteAddress: REMOTE }, () => (sentCount += 1));
    hold();
    assert.equal(sentCount, 1);
    delay.setDelay(60_000);
    const drop = hold();
    assert.equal(slots.heldCount, 1);
    drop();
  });
});
