import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UpdateQueue, type AppPasswordUse } from '../../../src/store/sqlite/update-queue.ts';

function use(id: number, at = id): AppPasswordUse {
  return { id, at, remoteAddress: '192.0.2.7', service: 'smtp' };
}

function change(user: string, from = 'a', to = 'b'): { user: string; from: string; to: string } {
  return { user, from, to };
}

function idsOf(queue: UpdateQueue, max = 100): number[] {
  return queue.takeBatch(max)?.uses.map(({ id }) => id) ?? [];
}

describe('UpdateQueue', () => {
  it('keeps the latest use of each app password, and the first change of each hash', () => {
    const queue = new UpdateQueue(10);
    for (const at of [1, 2, 3]) queue.addUse(use(7, at));
    queue.addHash(change('bob', 'a', 'b'));
    queue.addHash(change('bob', 'a', 'c'));
    queue.addHash(change('bob', 'x', 'y'));
    assert.equal(queue.size, 3);
    assert.deepEqual(queue.takeBatch(10), {
      hashes: [change('bob', 'a', 'b'), change('bob', 'x', 'y')],
      uses: [use(7, 3)],
    });
    assert.equal(queue.takeBatch(10), undefined);
    assert.equal(queue.droppedCount, 0);
  });

  it('gives out batches of a size, hashes first and then what waits longest', () => {
    const queue = new UpdateQueue(10);
    for (const id of [1, 2, 3]) queue.addUse(use(id));
    queue.addHash(change('bob'));
    const batch = queue.takeBatch(2);
    assert.deepEqual(batch, { hashes: [change('bob')], uses: [use(1)] });
    assert.deepEqual(idsOf(queue), [2, 3]);
  });

  it('drops the oldest uses when it is full, and a hash only when there is nothing else', () => {
    const queue = new UpdateQueue(3);
    queue.addHash(change('ann'));
    for (const id of [1, 2, 3, 4]) queue.addUse(use(id));
    assert.equal(queue.droppedCount, 2);
    // A use told again is the latest one.
    queue.addUse(use(3, 9));
    queue.addUse(use(5));
    assert.deepEqual(queue.takeBatch(10), { hashes: [change('ann')], uses: [use(3, 9), use(5)] });
    for (const user of ['a', 'b', 'c', 'd']) queue.addHash(change(user));
    assert.deepEqual(
      queue.takeBatch(10)?.hashes.map(({ user }) => user),
      ['b', 'c', 'd'],
    );
    assert.equal(queue.droppedCount, 4);
  });

  it('takes a batch back behind what is newer, within its bounds', () => {
    const queue = new UpdateQueue(3);
    queue.addUse(use(1, 1));
    queue.addUse(use(2, 2));
    const batch = queue.takeBatch(10);
    queue.addUse(use(1, 9));
    queue.addUse(use(3, 3));
    queue.addUse(use(4, 4));
    assert.ok(batch !== undefined);
    queue.putBack(batch);
    assert.deepEqual(queue.takeBatch(10)?.uses, [use(1, 9), use(3, 3), use(4, 4)]);
    assert.equal(queue.droppedCount, 1);
  });
});
