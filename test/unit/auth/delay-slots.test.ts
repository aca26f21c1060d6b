import assert from 'node:assert/strict';
import { afterEach, describe, it, mock } from 'node:test';
import { DelaySlots } from '../../../src/auth/delay-slots.ts';

const HOUR_MS = 3_600_000;

describe('DelaySlots', () => {
  afterEach(() => mock.timers.reset());

  it('RULES 39: at most 50 replies wait at once, whatever network they are from', () => {
    const slots = new DelaySlots();
    let doneCount = 0;
    const hold = (i: number): (() => void) | undefined =>
      slots.hold({ waitMs: HOUR_MS, remoteAddress: `10.0.${i}.1`, done: () => (doneCount += 1) });
    const drops = Array.from({ length: 50 }, (_, i) => hold(i));
    assert.ok(drops.every((drop) => drop !== undefined));
    assert.equal(hold(50), undefined);
    assert.deepEqual([slots.heldCount, slots.overflowCount, doneCount], [50, 1, 0]);
    drops[7]?.();
    drops[7]?.();
    assert.equal(slots.heldCount, 49);
    assert.ok(hold(50) !== undefined);
    slots.releaseAll();
    assert.deepEqual([slots.heldCount, doneCount], [0, 50]);
  });

  it('RULES 39: one network cannot keep the others from their places', () => {
    const slots = new DelaySlots();
    const takeAll = (network: string): number => {
      let count = 0;
      while (slots.hold({ waitMs: HOUR_MS, remoteAddress: `${network}${count}`, done: () => undefined })) count += 1;
      return count;
    };
    // A botnet: 40 networks that each take as much as they get.
    const shares = Array.from({ length: 40 }, (_, i) => takeAll(`10.0.${i}.`));
    assert.deepEqual(shares.slice(0, 5), [25, 13, 6, 3, 2]);
    assert.equal(
      shares.reduce((sum, share) => sum + share, 0),
      50,
    );
    slots.releaseAll();
  });

  it('counts hosts of one /24 and one IPv6 /48 as one network, and so those without an address', () => {
    for (const addresses of [
      ['192.0.2.1', '192.0.2.2', '::ffff:192.0.2.3'],
      ['2001:db8:1::1', '2001:db8:1:2::1', '2001:db8:1:ffff::1'],
      ['', 'unknown', ''],
    ]) {
      const slots = new DelaySlots({ maxHeld: 4 });
      const taken = addresses.map(
        (remoteAddress) => slots.hold({ waitMs: HOUR_MS, remoteAddress, done: () => undefined }) !== undefined,
      );
      assert.deepEqual(taken, [true, true, false], addresses.join(' '));
      assert.ok(slots.hold({ waitMs: HOUR_MS, remoteAddress: '203.0.113.1', done: () => undefined }) !== undefined);
      slots.releaseAll();
    }
  });

  it('waits as long as it is told, and says when there is no place', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    const slots = new DelaySlots({ maxHeld: 2 });
    assert.equal(await slots.wait(0, '192.0.2.1'), true);
    const waits: boolean[] = [];
    const first = slots.wait(6000, '192.0.2.1').then((hasWaited) => waits.push(hasWaited));
    assert.equal(await slots.wait(6000, '192.0.2.1'), false);
    mock.timers.tick(5999);
    await Promise.resolve();
    assert.deepEqual([waits, slots.heldCount], [[], 1]);
    mock.timers.tick(1);
    await first;
    assert.deepEqual([waits, slots.heldCount], [[true], 0]);
  });

  it('ends every wait at a stop and lets nobody wait afterwards', async () => {
    const slots = new DelaySlots();
    const waits = [slots.wait(HOUR_MS, '192.0.2.1'), slots.wait(HOUR_MS, '198.51.100.1')];
    slots.releaseAll();
    assert.deepEqual(await Promise.all(waits), [true, true]);
    assert.equal(await slots.wait(HOUR_MS, '192.0.2.1'), true);
    assert.equal(slots.hold({ waitMs: HOUR_MS, remoteAddress: '', done: () => undefined }), undefined);
    assert.equal(slots.overflowCount, 0);
  });
});
