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
