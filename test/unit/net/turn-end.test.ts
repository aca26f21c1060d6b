import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { atTurnEnd } from '../../../src/net/turn-end.ts';

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('atTurnEnd()', () => {
  it('calls everything once, in order, at the end of the turn', async () => {
    const calls: string[] = [];
    atTurnEnd(() => calls.push('first'));
    atTurnEnd(() => calls.push('second'));
    await Promise.resolve();
    assert.deepEqual(calls, []);
    await nextTurn();
    assert.deepEqual(calls, ['first', 'second']);
    await nextTurn();
    assert.equal(calls.length, 2);
  });

  it('leaves work that came up meanwhile to the end of the next turn', async () => {
    const calls: string[] = [];
    atTurnEnd(() => {
      calls.push('first');
      atTurnEnd(() => calls.push('second'));
    });
    await nextTurn();
    assert.deepEqual(calls, ['first']);
    await nextTurn();
    assert.deepEqual(calls, ['first', 'second']);
  });
});
