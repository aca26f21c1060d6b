import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, openSync, rmSync, closeSync, constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { after, afterEach, before, describe, it } from 'node:test';
import { HashPool } from '../../../src/auth/hash-pool.ts';
import type { HashPriority, HashVerdict } from '../../../src/auth/hasher.ts';
import { NEW_PASSWORD_SCHEMES } from '../../../src/auth/schemes/scheme.ts';
import { CollectingLogger } from '../../support/collecting-logger.ts';

const SHA512_CRYPT =
  '{SHA512-CRYPT}$6$5LQupPvL9kxau76e$6i1ytuTrxGBWHLhXa0zxsp5gW/g9OsVcba9Nf/zASISmPXwTVkX183VRZsdZxUYkJPBBQxxMHCI4wl4fo6.0A0';
const SECRET = Buffer.from('secret');
const MAX_QUEUED = 1000;

async function measure(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

describe('HashPool under load', () => {
  const logger = new CollectingLogger();
  let folder = '';
  let pool: HashPool;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'postern-hash-'));
    pool = new HashPool({
      defaultScheme: 'SHA512-CRYPT',
      workerCount: 2,
      maxQueued: MAX_QUEUED,
      deadlineMs: 20_000,
      logger,
    });
    await pool.start();
  });
  after(async () => {
    await pool.stop();
    rmSync(folder, { recursive: true });
    logger.assertQuiet();
  });

  /** Submits until no more jobs may wait; how many are with the workers depends on how quick those are. */
  function fillQueue(priority: HashPriority = 'usual'): Promise<HashVerdict>[] {
    const jobs: Promise<HashVerdict>[] = [];
    while (pool.queuedCount < MAX_QUEUED) jobs.push(pool.verify(SECRET, SHA512_CRYPT, { priority }));
    return jobs;
  }

  it('delays no file access by a full queue, and answers busy when it is full (RULES 31)', async () => {
    const jobs = fillQueue();
    const atOnce = await pool.verify(SECRET, SHA512_CRYPT);
    assert.equal(atOnce, 'busy');
    await Promise.all(Array.from({ length: 20 }, () => stat(folder)));
    assert.ok(pool.queuedCount > 0, 'the files waited for the queue');
    const verdicts = await Promise.all(jobs);
    assert.deepEqual([...new Set(verdicts)], ['match']);
  });

  it('delays no login by a hung disk: libuv’s pool may be stuck for good (RULES 31)', async () => {
    // Opening a FIFO for reading blocks its thread until somebody writes: as a dead NFS server would.
    const fifo = join(folder, 'fifo');
    await once(spawn('mkfifo', [fifo]), 'close');
    const threadCount = Number(process.env['UV_THREADPOOL_SIZE'] ?? 4);
    const stuck = Array.from({ length: threadCount }, () => open(fifo, 'r'));
    const file = stat(folder);
    try {
      assert.equal(await pool.verify(SECRET, SHA512_CRYPT), 'match');
      const isStuck = await Promise.race([file.then(() => false), Promise.resolve(true)]);
      assert.ok(isStuck, 'libuv’s pool must be stuck, or nothing is shown');
    } finally {
      const writer = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
      for (const handle of await Promise.all(stuck)) await handle.close();
      closeSync(writer);
      await file;
    }
  });

  it('keeps the event loop free while it hashes (RULES 31)', async () => {
    const jobs = Array.from({ length: 200 }, () => pool.verify(SECRET, SHA512_CRYPT));
    let turns = 0;
    const done = new AbortController();
    const all = Promise.all(jobs).finally(() => done.abort());
    while (!done.signal.aborted) {
      await new Promise((resolve) => setImmediate(resolve));
      turns += 1;
    }
    await all;
    // A loop that hashed would have a turn for each; what the delay of a turn is, the bench measures.
    assert.ok(turns > 10 * jobs.length, `${turns} turns`);
  });

  it('serves a known user at once beside a queue full of penalised ones (RULES 39)', async () => {
    const jobs = fillQueue('penalised');
    assert.equal(await pool.verify(SECRET, SHA512_CRYPT, { priority: 'penalised' }), 'busy');
    for (let i = 0; i < 5; i++) assert.equal(await pool.verify(SECRET, SHA512_CRYPT, { priority: 'known' }), 'match');
    assert.ok(pool.queuedCount > 500, `they waited until only ${pool.queuedCount} were left`);
    assert.deepEqual([...new Set(await Promise.all(jobs))], ['match'], 'nobody had to give way');
  });

  it('serves a known user in turn beside a queue full of others (RULES 39)', async () => {
    const jobs = fillQueue();
    assert.equal(await pool.verify(SECRET, SHA512_CRYPT), 'busy');
    for (let i = 0; i < 5; i++) assert.equal(await pool.verify(SECRET, SHA512_CRYPT, { priority: 'known' }), 'match');
    assert.ok(pool.queuedCount > 500, `they waited until only ${pool.queuedCount} were left`);
    await Promise.all(jobs);
  });

  it('keeps to the shorter deadline of a job', async () => {
    const jobs = Array.from({ length: 400 }, () => pool.verify(SECRET, SHA512_CRYPT));
    const startedAt = performance.now();
    assert.equal(await pool.verify(SECRET, SHA512_CRYPT, { deadlineMs: 50 }), 'busy');
    const passedMs = performance.now() - startedAt;
    assert.ok(passedMs >= 49, `${passedMs} ms`);
    assert.ok(pool.queuedCount > 0, 'it waited for the queue');
    assert.equal(await pool.verify(SECRET, SHA512_CRYPT, { deadlineMs: 0 }), 'busy');
    assert.deepEqual([...new Set(await Promise.all(jobs))], ['match']);
  });

  it('derives SCRAM keys in a worker, and not with iterations that take seconds', async () => {
    const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
    const parameters = { algorithm: 'sha256', salt, iterations: 4096 } as const;
    assert.equal(
      await pool.deriveScram(Buffer.from('pencil'), parameters),
      // RFC 7677 section 3.
      '4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
    );
    assert.equal(await pool.deriveScram(SECRET, parameters, { deadlineMs: 0 }), undefined);
    await assert.rejects(pool.deriveScram(SECRET, { ...parameters, iterations: 100_000_000 }), RangeError);
  });
});

describe('HashPool.spend()', () => {
  for (const defaultScheme of NEW_PASSWORD_SCHEMES) {
    it(`costs exactly one hash of ${defaultScheme}, from the first one on (RULES 40)`, async () => {
      const pool = new HashPool({ defaultScheme, workerCount: 1, deadlineMs: 20_000, logger: new CollectingLogger() });
      // Not started, it counts each job as busy. That the decoy costs what a new hash does is tested with `makeDecoy`.
      assert.equal(await pool.spend(SECRET), 'busy');
      assert.equal(pool.busyCount, 1);
      await pool.start();
      try {
        assert.equal(await pool.spend(SECRET), 'mismatch');
        // Locked and empty ones look like everybody else, too.
        for (const stored of ['{CRYPT}*', '{SHA512-CRYPT}', '{ARGON2ID}!'])
          assert.equal(await pool.verify(SECRET, stored), 'mismatch');
      } finally {
        await pool.stop();
      }
      assert.equal(await pool.verify(SECRET, '{CRYPT}*'), 'busy');
      assert.equal(pool.busyCount, 2);
    });
  }

  it('takes the time of a known user', async () => {
    const logger = new CollectingLogger();
    const pool = new HashPool({ defaultScheme: 'SHA512-CRYPT', workerCount: 1, deadlineMs: 20_000, logger });
    await pool.start();
    try {
      const times = { known: 0, unknown: 0 };
      // By turns, so that whatever else the machine does slows both.
      for (let i = 0; i < 40; i++) {
        times.known += await measure(() => pool.verify(SECRET, SHA512_CRYPT));
        times.unknown += await measure(() => pool.spend(SECRET));
      }
      const { known, unknown } = times;
      assert.ok(unknown > known / 3 && unknown < known * 3, `${unknown} ms against ${known} ms`);
    } finally {
      await pool.stop();
    }
  });

  it('is nothing where new passwords cost nothing', async () => {
    const pool = new HashPool({ defaultScheme: 'PLAIN', workerCount: 1, logger: new CollectingLogger() });
    assert.equal(await pool.spend(SECRET), 'mismatch');
  });
});

describe('HashPool with workers that fail', () => {
  let pool: HashPool;
  let logger: CollectingLogger;
  afterEach(() => pool.stop());

  async function start(workerUrl: URL, deadlineMs = 5000): Promise<void> {
    logger = new CollectingLogger();
    pool = new HashPool({ defaultScheme: 'SHA512-CRYPT', workerCount: 1, maxQueued: 3, deadlineMs, logger, workerUrl });
    await pool.start();
  }
  const CRASHING = new URL('../../support/crashing-worker.js', import.meta.url);

  it('answers busy for a job whose worker dies, and starts another one', async () => {
    await start(CRASHING);
    assert.equal(await pool.verify(Buffer.from('crash'), SHA512_CRYPT), 'busy');
    assert.equal(await pool.verify(SECRET, SHA512_CRYPT), 'match');
    assert.equal(logger.of('hash.worker-fault').length, 1);
    assert.equal(pool.busyCount, 1);
  });

  it('answers busy at the deadline, and at once when the queue is full', async () => {
    await start(CRASHING, 100);
    // Two in the worker, three in the queue.
    const waiting = Array.from({ length: 5 }, () => pool.verify(Buffer.from('hang'), SHA512_CRYPT));
    const startedAt = performance.now();
    assert.equal(await pool.verify(SECRET, SHA512_CRYPT), 'busy');
    assert.ok(performance.now() - startedAt < 50);
    assert.deepEqual(await Promise.all(waiting), ['busy', 'busy', 'busy', 'busy', 'busy']);
    assert.equal(pool.busyCount, 6);
    assert.equal(pool.queuedCount, 0);
  });

  it('drops a penalised job for another one when the queue is full (RULES 39)', async () => {
    await start(CRASHING, 2000);
    const hang = Buffer.from('hang');
    const waiting = Array.from({ length: 5 }, () => pool.verify(hang, SHA512_CRYPT, { priority: 'penalised' }));
    const startedAt = performance.now();
    const usual = pool.verify(hang, SHA512_CRYPT);
    assert.equal(await waiting.at(-1), 'busy');
    assert.ok(performance.now() - startedAt < 500, 'long before its deadline');
    assert.equal(pool.queuedCount, 3);
    assert.deepEqual(
      await Promise.all([usual, ...waiting]),
      Array.from({ length: 6 }, () => 'busy'),
    );
  });

  it('says so when no hash can be made', async () => {
    await start(CRASHING, 50);
    await assert.rejects(pool.hash(Buffer.from('hang')), /queue is full/);
    assert.equal(await pool.spend(Buffer.from('hang')), 'busy');
  });

  it('answers busy after a stop and for what was waiting', async () => {
    await start(CRASHING);
    const waiting = pool.verify(Buffer.from('hang'), SHA512_CRYPT);
    await pool.stop();
    assert.equal(await waiting, 'busy');
    assert.equal(await pool.verify(SECRET, SHA512_CRYPT), 'busy');
    assert.equal(await pool.verify(SECRET, '{PLAIN}secret'), 'match');
    assert.deepEqual(logger.lines, []);
  });

  it('does not start when a worker cannot', async () => {
    await assert.rejects(
      start(new URL('../../support/no-such-worker.js', import.meta.url)),
      /Cannot start hash worker/,
    );
  });
});
