import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isNearLimit, judgeRoom, type RootRoom } from '../../../src/mail/quota-verdict.ts';

/** A root with `used` of `limit` bytes, and as many messages. */
function bytes(used: number, limit: number, graceBytes = 0): RootRoom {
  return { limits: { storageBytes: limit, messages: 0 }, graceBytes, used: { bytes: used, messages: 0 } };
}

function messages(used: number, limit: number): RootRoom {
  return { limits: { storageBytes: 0, messages: limit }, graceBytes: 1000, used: { bytes: 0, messages: used } };
}

describe('judgeRoom()', () => {
  const table: [name: string, roots: RootRoom[], size: number, verdict: string][] = [
    ['no root', [], 1e9, 'fits'],
    ['no limit', [bytes(1e9, 0)], 1e9, 'fits'],
    ['up to the limit', [bytes(60, 100)], 40, 'fits'],
    ['past the limit', [bytes(60, 100)], 41, 'over'],
    ['full is full, for an empty message too', [bytes(100, 100, 50)], 0, 'over'],
    ['grace takes the message that crosses the limit', [bytes(99, 100, 10)], 11, 'fits'],
    ['and no more than that', [bytes(99, 100, 10)], 12, 'over'],
    ['grace takes what is larger than the limit', [bytes(0, 100, 10)], 110, 'fits'],
    ['what grace does not take is too large', [bytes(0, 100, 10)], 111, 'too-large'],
    ['larger than the quota is too large, however full it is', [bytes(100, 100, 10)], 101, 'too-large'],
    ['exactly the quota may fit another time', [bytes(1, 100, 0)], 100, 'over'],
    ['messages up to the limit', [messages(9, 10)], 1e9, 'fits'],
    ['messages have no grace', [messages(10, 10)], 1, 'over'],
    ['the root with the least room decides', [bytes(0, 1000), bytes(60, 100), bytes(0, 0)], 50, 'over'],
    ['one root that is too small is too small', [bytes(0, 1000), bytes(0, 100)], 500, 'too-large'],
    ['a full root and a small one: it can never fit', [bytes(0, 100), messages(10, 10)], 101, 'too-large'],
  ];
  for (const [name, roots, size, verdict] of table) {
    it(`${name}: ${verdict}`, () => {
      assert.equal(judgeRoom(roots, { bytes: size, messages: 1 }).kind, verdict);
      assert.equal(judgeRoom(roots.toReversed(), { bytes: size, messages: 1 }).kind, verdict);
    });
  }

  it('takes no message that would leave more than limit and grace, and every one that leaves no more than the limit', () => {
    const amount = fc.nat(200);
    const root = fc.record({
      limits: fc.record({ storageBytes: amount, messages: fc.nat(5) }),
      graceBytes: amount,
      used: fc.record({ bytes: amount, messages: fc.nat(6) }),
    });
    fc.assert(
      fc.property(fc.array(root, { minLength: 1, maxLength: 3 }), amount, (roots, size) => {
        const isPast = (grace: (room: RootRoom) => number): boolean =>
          roots.some((room) => {
            const { limits, used } = room;
            const isOver = limits.storageBytes > 0 && used.bytes + size > limits.storageBytes + grace(room);
            return isOver || (limits.messages > 0 && used.messages + 1 > limits.messages);
          });
        const isFull = roots.some(({ limits, used }) => limits.storageBytes > 0 && used.bytes >= limits.storageBytes);
        const { kind } = judgeRoom(roots, { bytes: size, messages: 1 });
        if (kind === 'fits') assert.ok(!isPast(({ graceBytes }) => graceBytes));
        else assert.ok(isFull || isPast(() => 0));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('isNearLimit()', () => {
  for (const [used, size, isNear] of [
    [0, 94, false],
    [94, 1, true],
    [95, 0, true],
  ] as const) {
    it(`says ${isNear} for ${used} and ${size} of 100`, () => {
      assert.equal(isNearLimit(bytes(used, 100), { bytes: size, messages: 1 }), isNear);
    });
  }
});
