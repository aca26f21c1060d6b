/** Memory that hash jobs share, with workers that only say they hash. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { HashWorkers, type HashAnswer } from '../../../src/auth/hash-workers.ts';
import { MAX_MEMORY_KIB } from '../../../src/auth/schemes/work.ts';
import { CollectingLogger } from '../../support/collecting-logger.ts';

const WORKER = new URL('../../support/crashing-worker.js', import.meta.url);
const MORE_THAN_HALF = MAX_MEMORY_KIB * 0.6;

describe('HashWorkers with jobs that take memory', () => {
  let workers: HashWorkers;
  let finished: string[];

  beforeEach(async () => {
    finished = [];
    const logger = new CollectingLogger();
    workers = new HashWorkers({ workerCount: 3, maxQueued: 20, deadlineMs: 10_000, logger, workerUrl: WORKER });
    await workers.start();
  });
  afterEach(() => workers.stop());

  async function submit(
    password: string,
    options: { memoryKib?: number; deadlineMs?: number } = {},
  ): Promise<HashAnswer> {
    const answer = await workers.submit({ kind: 'verify', password, stored: '' }, options);
    finished.push(password);
    return answer;
  }

  it('run one after the other when two are too much, and light ones pass by', async () => {
    const heavy = ['slow1', 'slow2', 'slow3'].map((name) => submit(name, { memoryKib: MORE_THAN_HALF }));
    assert.equal(workers.queuedCount, 2);
    assert.equal(await submit('light'), 'match');
    assert.equal(workers.queuedCount, 2);
    assert.deepEqual(await Promise.all(heavy), ['match', 'match', 'match']);
    assert.deepEqual(finished, ['light', 'slow1', 'slow2', 'slow3']);
  });

  it('run together when they fit', async () => {
    const jobs = ['slow1', 'slow2', 'slow3'].map((name) => submit(name, { memoryKib: MAX_MEMORY_KIB / 4 }));
    assert.equal(workers.queuedCount, 0);
    await Promise.all(jobs);
  });

  it('get their turn, however many small ones come', async () => {
    const first = submit('slow-small1', { memoryKib: MAX_MEMORY_KIB / 4 });
    const whole = submit('slow-whole', { memoryKib: MAX_MEMORY_KIB });
    const small = [2, 3, 4, 5].map((n) => submit(`slow-small${n}`, { memoryKib: MAX_MEMORY_KIB / 4 }));
    assert.equal(workers.queuedCount, 5, 'nothing that takes memory passes the one that waits for it');
    await Promise.all([first, whole, ...small]);
    assert.deepEqual(finished.slice(0, 2), ['slow-small1', 'slow-whole']);
  });

  it('hold up nobody after their deadline', async () => {
    const first = submit('slow1', { memoryKib: MORE_THAN_HALF });
    assert.equal(await submit('whole', { memoryKib: MAX_MEMORY_KIB, deadlineMs: 20 }), 'busy');
    const second = submit('slow2', { memoryKib: MAX_MEMORY_KIB / 4 });
    assert.equal(workers.queuedCount, 0, 'it fits beside the first');
    assert.deepEqual(await Promise.all([first, second]), ['match', 'match']);
  });

  it('give their memory back when a worker dies', async () => {
    assert.equal(await submit('crash', { memoryKib: MAX_MEMORY_KIB }), 'busy');
    assert.equal(await submit('after', { memoryKib: MAX_MEMORY_KIB }), 'match');
  });
});

describe('HashWorkers with quick jobs that wait', () => {
  let workers: HashWorkers;

  /** Starts them and gives each one two batches to be busy with. */
  async function start(workerCount: number): Promise<void> {
    const logger = new CollectingLogger();
    workers = new HashWorkers({ workerCount, maxQueued: 50, deadlineMs: 10_000, logger, workerUrl: WORKER });
    await workers.start();
    for (let i = 0; i < workerCount * 2; i++) void submit('slow');
    assert.equal(workers.queuedCount, 0);
  }
  afterEach(() => workers.stop());

  function submit(password: string, estimatedMs?: number): Promise<HashAnswer> {
    return workers.submit({ kind: 'verify', password, stored: '' }, { estimatedMs });
  }

  async function count(estimates: readonly (number | undefined)[]): Promise<string> {
    const answers = await Promise.all(estimates.map((estimatedMs) => submit('count', estimatedMs)));
    return answers.map((answer) => (typeof answer === 'object' && 'text' in answer ? answer.text : '?')).join(' ');
  }

  it('sends as many together as take 10 ms, and the rest after them', async () => {
    await start(1);
    assert.equal(await count([3, 3, 3, 3, 3]), '3 3 3 2 2');
  });

  it('lets one travel alone that takes long or does not say how long', async () => {
    await start(1);
    assert.equal(await count([3, undefined, 3, 200, 3, 3]), '1 1 1 1 2 2');
  });

  it('leaves the other workers their share', async () => {
    await start(2);
    assert.equal(await count([1, 1, 1, 1]), '2 2 1 1');
  });

  it('answers each of a batch that is lost, and does the next', async () => {
    await start(1);
    const lost = [submit('fine', 1), submit('crash', 1), submit('fine too', 1)];
    assert.deepEqual(await Promise.all(lost), ['busy', 'busy', 'busy']);
    assert.equal(await submit('after', 1), 'match');
  });
});
