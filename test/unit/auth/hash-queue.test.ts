import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { HashQueue, type Waiting } from '../../../src/auth/hash-queue.ts';
import type { HashPriority } from '../../../src/auth/hasher.ts';

const always = (): boolean => true;

const isLowerCase = (item: string): boolean => item !== item.toUpperCase();

/** Capital letters are heavy. */
function createQueue(limit: number, penalisedLimit = limit): HashQueue<string> {
  return new HashQueue({ limit, penalisedLimit, isHeavy: (item) => !isLowerCase(item) });
}

/** Takes all there is, in the order of its turns. */
function takeAll(queue: HashQueue<string>): string {
  let all = '';
  for (let item = queue.take(always); item !== undefined; item = queue.take(always)) all += item;
  return all;
}

function fill(queue: HashQueue<string>, words: Partial<Record<HashPriority, number>>): void {
  for (const lane of ['penalised', 'usual', 'known'] as const) {
    for (let i = 0; i < (words[lane] ?? 0); i++) assert.ok(queue.add(lane.charAt(0), lane));
  }
}

describe('HashQueue', () => {
  it('takes those of one lane in the order they came', () => {
    const queue = createQueue(10);
    for (const item of ['a', 'b', 'c']) queue.add(item, 'usual');
    assert.equal(takeAll(queue), 'abc');
    assert.equal(queue.take(always), undefined);
  });

  it('gives the known every second turn, and the penalised what is left (RULES 39)', () => {
    const queue = createQueue(20);
    fill(queue, { penalised: 4, usual: 4, known: 4 });
    assert.equal(takeAll(queue), 'kukukukupppp');
  });

  it('starves nobody: one turn in 16 is for the penalised first', () => {
    const queue = createQueue(200);
    fill(queue, { penalised: 3, usual: 60 });
    assert.equal(takeAll(queue), `${'u'.repeat(15)}p`.repeat(3) + 'u'.repeat(15));
    // The lane is not skipped for ever either when both others stay full.
    fill(queue, { penalised: 1, usual: 40, known: 40 });
    assert.ok(takeAll(queue).slice(0, 16).includes('p'));
  });

  it('keeps room for the known beside a full queue', () => {
    const queue = createQueue(4);
    fill(queue, { usual: 4, known: 2 });
    assert.equal(queue.add('x', 'usual'), undefined);
    assert.equal(queue.add('x', 'penalised'), undefined);
    assert.equal(queue.add('x', 'known'), undefined, 'no more room anywhere');
    assert.equal(queue.size, 6);
    assert.equal(queue.take(always), 'k');
    assert.ok(queue.add('x', 'known'));
  });

  it('lets the known into the room of all others when their own is full', () => {
    const queue = createQueue(4);
    fill(queue, { known: 6 });
    assert.equal(queue.size, 6);
    assert.equal(queue.add('x', 'known'), undefined);
  });

  it('drops the last of the penalised for somebody else', () => {
    const queue = createQueue(3);
    for (const item of ['x', 'y', 'z']) assert.ok(queue.add(item, 'penalised'));
    assert.equal(queue.add('v', 'penalised'), undefined);
    assert.equal(queue.add('u', 'usual')?.dropped, 'z');
    assert.equal(queue.add('k', 'known')?.dropped, undefined);
    assert.equal(queue.add('k', 'known')?.dropped, undefined);
    assert.equal(queue.add('k', 'known')?.dropped, 'y');
    assert.equal(queue.size, 5);
  });

  it('gives the penalised no more places than they may have, and tells the others from them (RULES 39)', () => {
    const queue = createQueue(10, 3);
    fill(queue, { penalised: 3, usual: 2, known: 1 });
    assert.equal(queue.add('p', 'penalised'), undefined);
    assert.deepEqual([queue.size, queue.urgentSize], [6, 3]);
    fill(queue, { usual: 5 });
    assert.equal(queue.add('u', 'usual')?.dropped, 'p');
    assert.equal(queue.add('p', 'penalised'), undefined);
    assert.equal(queue.urgentSize, 9);
  });

  it('passes over the first of a lane that may not run', () => {
    const queue = createQueue(9);
    fill(queue, { usual: 1, known: 2 });
    assert.equal(
      queue.take((item) => item !== 'k'),
      'u',
    );
    assert.equal(
      queue.take((item) => item !== 'k'),
      undefined,
    );
    assert.equal(queue.size, 2);
  });

  it('lets light ones of the lane pass a heavy one that has to wait, and no heavy one', () => {
    const queue = createQueue(9);
    for (const item of ['A', 'b', 'C', 'd']) assert.ok(queue.add(item, 'usual'));
    assert.equal(queue.take(isLowerCase), 'b');
    assert.equal(queue.take(isLowerCase), 'd');
    assert.equal(queue.take(isLowerCase), undefined);
    assert.equal(takeAll(queue), 'AC');
  });

  it('drops the last of the penalised, light or heavy', () => {
    const queue = createQueue(4);
    for (const item of ['a', 'B', 'c', 'D']) assert.ok(queue.add(item, 'penalised'));
    assert.equal(queue.add('u', 'usual')?.dropped, 'D');
    assert.equal(queue.add('u', 'usual')?.dropped, 'c');
    assert.equal(queue.add('u', 'usual')?.dropped, 'B');
  });

  it('loses and doubles nobody, whoever leaves in between', () => {
    const priorities = fc.constantFrom<HashPriority>('known', 'usual', 'penalised');
    const steps = fc.array(fc.oneof(priorities, fc.constant('take' as const), fc.nat(30)), { maxLength: 200 });
    fc.assert(
      fc.property(steps, (all) => {
        const queue = new HashQueue<number>({ limit: 8, isHeavy: (item) => item % 3 === 0 });
        const waiting = new Map<number, Waiting<number>>();
        let next = 0;
        for (const step of all) {
          if (step === 'take') {
            const item = queue.take(always);
            assert.equal(item === undefined, waiting.size === 0);
            if (item !== undefined) assert.ok(waiting.delete(item));
          } else if (typeof step === 'number') {
            const place = waiting.get(step);
            if (place === undefined) continue;
            queue.remove(place);
            queue.remove(place);
            waiting.delete(step);
          } else {
            const added = queue.add((next += 1), step);
            if (added?.dropped !== undefined) assert.ok(waiting.delete(added.dropped));
            if (added !== undefined) waiting.set(next, added.added);
          }
          assert.equal(queue.size, waiting.size);
          assert.ok(queue.size <= 12);
        }
        assert.deepEqual(new Set(queue.clear()), new Set(waiting.keys()));
        assert.equal(queue.size, 0);
      }),
    );
  });
});
