import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
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

describe('FailureDelay', () => {
  it('holds a failure for its delay, counted from its arrival (RULES 40)', async () => {
    const delay = new FailureDelay(80);
    const arrivedAt = performance.now() - 30;
    await new Promise<void>((resolve) => delay.hold(arrivedAt, resolve));
    const elapsedMs = performance.now() - arrivedAt;
    assert.ok(elapsedMs >= 79 && elapsedMs < 400, `${elapsedMs} ms`);
    assert.equal(delay.heldCount, 0);
  });

  it('holds at most 50 at once; the next leaves at once, so that no guesser holds all smtpd (RULES 39)', () => {
    const delay = new FailureDelay(60_000);
    let sentCount = 0;
    const hold = (): (() => void) => delay.hold(performance.now(), () => (sentCount += 1));
    const drops = Array.from({ length: 50 }, hold);
    assert.deepEqual([sentCount, delay.heldCount], [0, 50]);
    hold();
    assert.deepEqual([sentCount, delay.heldCount, delay.overflowCount], [1, 50, 1]);
    drops[0]?.();
    assert.equal(delay.heldCount, 49);
    drops.push(hold());
    assert.deepEqual([sentCount, delay.heldCount], [1, 50]);
    for (const drop of drops) drop();
    assert.deepEqual([sentCount, delay.heldCount], [1, 0]);
  });

  it('sends what it holds when the service stops, and holds no more', () => {
    const delay = new FailureDelay(60_000);
    let sentCount = 0;
    const send = (): void => void (sentCount += 1);
    delay.hold(performance.now(), send);
    delay.flush();
    assert.equal(sentCount, 1);
    delay.hold(performance.now(), send);
    assert.deepEqual([sentCount, delay.heldCount], [2, 0]);
  });

  it('is off at 0 and takes a new delay over', () => {
    const delay = new FailureDelay(0);
    let sentCount = 0;
    const send = (): void => void (sentCount += 1);
    delay.hold(performance.now(), send);
    assert.equal(sentCount, 1);
    delay.setDelay(60_000);
    const drop = delay.hold(performance.now(), send);
    assert.equal(delay.heldCount, 1);
    drop();
  });
});
