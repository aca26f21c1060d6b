/** What was sent in a window that slides. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { RateTable } from '../../../src/policy/rate-table.ts';

const ANN = 'ann@example.com';
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** A full hour. */
const NOW = 1_000_000 * HOUR_MS;

describe('RateTable', () => {
  it('counts messages and recipients apart by sender, and forgets them step by step', () => {
    const table = new RateTable();
    table.add(ANN, { messages: 1, recipients: 3 }, NOW);
    table.add(ANN, { messages: 1, recipients: 1 }, NOW + 30 * MINUTE_MS);
    table.add('bob@example.com', { messages: 7, recipients: 7 }, NOW);
    const at = (ms: number) => [table.sentBy(ANN, 'hour', ms), table.sentBy(ANN, 'day', ms)];
    const both = { messages: 2, recipients: 4 };
    const last = { messages: 1, recipients: 1 };
    const none = { messages: 0, recipients: 0 };
    assert.deepEqual(at(NOW + 59 * MINUTE_MS), [both, both]);
    assert.deepEqual(at(NOW + HOUR_MS), [last, both]);
    assert.deepEqual(at(NOW + 90 * MINUTE_MS), [none, both]);
    assert.deepEqual(at(NOW + 24 * HOUR_MS), [none, none]);
  });

  it('never counts less than the window holds, nor more than one step longer', () => {
    const event = fc.record({
      at: fc.integer({ min: 0, max: 3 * HOUR_MS }),
      recipients: fc.integer({ min: 1, max: 9 }),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        const table = new RateTable();
        const sorted = events.toSorted((a, b) => a.at - b.at);
        for (const { at, recipients } of sorted) table.add(ANN, { messages: 1, recipients }, NOW + at);
        const end = NOW + (sorted.at(-1)?.at ?? 0);
        const sum = (since: number): number =>
          sorted.filter(({ at }) => NOW + at > since).reduce((total, { recipients }) => total + recipients, 0);
        const { recipients } = table.sentBy(ANN, 'hour', end);
        assert.ok(recipients <= sum(end - HOUR_MS - 5 * MINUTE_MS), 'no more');
        assert.ok(recipients >= sum(end - HOUR_MS + 5 * MINUTE_MS), 'no less');
      }),
    );
  });

  it('keeps its memory bounded: few steps each, and who sent nothing longest leaves', () => {
    const table = new RateTable(3);
    for (let i = 0; i < 10_000; i++) table.add(ANN, { messages: 1, recipients: 1 }, NOW + i * MINUTE_MS);
    assert.ok([...table.list(NOW + 10_000 * MINUTE_MS)].length <= 12 + 24);
    for (const who of ['b', 'c']) table.add(who, { messages: 1, recipients: 1 }, NOW);
    table.add(ANN, { messages: 1, recipients: 1 }, NOW);
    table.add('d', { messages: 1, recipients: 1 }, NOW);
    assert.deepEqual([...table.names()], ['c', ANN, 'd']);
  });

  it('gives back what it listed, without what is over', () => {
    const table = new RateTable();
    table.add(ANN, { messages: 2, recipients: 5 }, NOW);
    table.add('@example.com', { messages: 2, recipients: 5 }, NOW);
    const records = [...table.list(NOW)];
    const later = NOW + 2 * HOUR_MS;
    const other = new RateTable();
    for (const record of records) other.restore(record, later);
    assert.deepEqual(other.sentBy(ANN, 'hour', later), { messages: 0, recipients: 0 });
    assert.deepEqual(other.sentBy('@example.com', 'day', later), { messages: 2, recipients: 5 });
  });

  it('resets one, and changes its revision only then', () => {
    const table = new RateTable();
    table.add(ANN, { messages: 1, recipients: 1 }, NOW);
    const { revision } = table;
    assert.equal(table.reset('bob@example.com'), false);
    assert.equal(table.revision, revision);
    assert.equal(table.reset(ANN), true);
    assert.notEqual(table.revision, revision);
    assert.deepEqual(table.sentBy(ANN, 'day', NOW), { messages: 0, recipients: 0 });
  });

  it('holds against a clock that is set back', () => {
    const table = new RateTable();
    table.add(ANN, { messages: 5, recipients: 5 }, NOW + 30 * MINUTE_MS);
    assert.deepEqual(table.sentBy(ANN, 'hour', NOW), { messages: 5, recipients: 5 });
    table.add(ANN, { messages: 1, recipients: 1 }, NOW - 48 * HOUR_MS);
    assert.deepEqual(table.sentBy(ANN, 'hour', NOW - 48 * HOUR_MS), { messages: 1, recipients: 1 });
  });
});
