import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PenaltyKeeper } from '../../../src/auth/penalty-keeper.ts';
import type { PenaltyRecord } from '../../../src/auth/penalty-store.ts';
import type { RecordStore } from '../../../src/core/record-store.ts';

import { createPenaltyScene, DAY_MS, HOUR_MS, MINUTE_MS, type PenaltyScene } from '../../support/penalties.ts';
import { waitFor } from '../../support/wait.ts';

const BOB = 'bob@example.com';
const HOME = '192.0.2.7';
const HOME6 = '2001:db8:1:2::7';

/** A store in memory whose faults are set by the test. */
class MemoryStore implements RecordStore<PenaltyRecord> {
  saved: readonly PenaltyRecord[] | undefined;
  saveCount = 0;
  fault: Error | undefined;

  load(take: (record: PenaltyRecord) => void): Promise<boolean> {
    for (const record of this.saved ?? []) take(record);
    if (this.fault !== undefined) return Promise.reject(this.fault);
    return Promise.resolve(this.saved !== undefined);
  }

  save(records: Iterable<PenaltyRecord>): Promise<void> {
    this.saveCount += 1;
    if (this.fault !== undefined) return Promise.reject(this.fault);
    this.saved = [...records];
    return Promise.resolve();
  }
}

function keep(scene: PenaltyScene, store: RecordStore<PenaltyRecord>, intervalMs = HOUR_MS): PenaltyKeeper {
  const { penalties, clock, logger } = scene;
  return new PenaltyKeeper({ penalties, store, clock, logger, intervalMs });
}

/** A scene after a restart `downMs` later. */
async function restart(store: RecordStore<PenaltyRecord>, { clock }: PenaltyScene, downMs = 0): Promise<PenaltyScene> {
  const scene = createPenaltyScene();
  scene.clock.time = clock.time + downMs;
  const keeper = keep(scene, store);
  await keeper.start();
  await keeper.stop();
  return scene;
}

describe('PenaltyKeeper', () => {
  it('RULES 39: penalties and known networks survive a restart, and time goes on while nothing runs', async () => {
    const store = new MemoryStore();
    const before = createPenaltyScene();
    const keeper = keep(before, store);
    await keeper.start();
    before.fail(BOB, HOME, { count: 9 });
    for (let i = 0; i < 300; i++) before.fail(`user${i}@example.com`, `2001:db8:1:${(i % 200).toString(16)}::1`);
    for (let i = 0; i < 40; i++) before.fail('victim@example.com', `10.0.${i}.1`);
    before.succeed('anna@example.com', HOME);
    before.succeed('anna@example.com', HOME6);
    await keeper.stop();

    const after = await restart(store, before);
    assert.equal(after.delayOf(BOB, HOME), 6);
    assert.equal(after.delayOf('x@example.com', HOME6), 6);
    assert.equal(after.delayOf('victim@example.com', '203.0.113.1'), 4);
    assert.equal(after.priorityOf('anna@example.com', HOME), 'known');
    assert.equal(after.priorityOf('anna@example.com', HOME6), 'known');
    after.fail(BOB, HOME);
    assert.equal(after.logger.of('auth.penalty').length, 0, 'a step is not said again');

    const later = await restart(store, before, 15 * MINUTE_MS);
    assert.equal(later.delayOf(BOB, HOME), 4);
    const muchLater = await restart(store, before, 29 * DAY_MS);
    assert.deepEqual([muchLater.delayOf(BOB, HOME), muchLater.priorityOf('anna@example.com', HOME)], [0, 'known']);
    const tooLate = await restart(store, before, 31 * DAY_MS);
    assert.equal(tooLate.priorityOf('anna@example.com', HOME), 'usual');
  });

  it('writes no name that delayed nobody: it may be a password in the wrong field', async () => {
    const store = new MemoryStore();
    const scene = createPenaltyScene();
    const keeper = keep(scene, store);
    await keeper.start();
    scene.fail('correct horse battery', HOME);
    scene.fail(BOB, HOME, { count: 5 });
    await keeper.stop();
    assert.deepEqual(
      store.saved?.map((record) => (record.kind === 'known' ? record.user : record.key)),
      [`192.0.2.0/24 ${BOB}`],
    );
  });

  it('saves when something changed and not else, again and again, and at the stop', async () => {
    const store = new MemoryStore();
    const scene = createPenaltyScene();
    const keeper = keep(scene, store, 20);
    await keeper.start();
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(store.saveCount, 0);
    scene.succeed(BOB, HOME);
    await waitFor('a save', () => store.saveCount === 1);
    scene.succeed(BOB, HOME);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(store.saveCount, 1);
    scene.fail(BOB, HOME);
    await waitFor('another save', () => store.saveCount === 2);
    scene.fail(BOB, HOME);
    await keeper.stop();
    assert.equal(store.saveCount, 3);
    scene.fail(BOB, HOME);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(store.saveCount, 3);
    assert.equal(keeper.savedAt, scene.clock.now());
  });

  it('starts empty with one line when what was saved cannot be read', async () => {
    const store = new MemoryStore();
    store.saved = [
      { kind: 'known', user: BOB, site: '192.0.2.0/24', until: Date.UTC(2027, 0, 1) },
      { kind: 'pair', key: `192.0.2.0/24 ${BOB}`, level: 9, changedAt: Date.UTC(2026, 0, 1), lastFailureAt: 0 },
    ];
    store.fault = new SyntaxError('the end is missing');
    const scene = createPenaltyScene();
    const keeper = keep(scene, store);
    await keeper.start();
    assert.deepEqual([scene.delayOf(BOB, HOME), scene.priorityOf(BOB, HOME)], [0, 'usual']);
    assert.equal(scene.logger.of('auth.penalties-fault').length, 1);
    assert.equal(scene.logger.lines.length, 1);
    store.fault = undefined;
    await keeper.stop();
  });

  it('starts empty with one quiet line when nothing was ever saved', async () => {
    const scene = createPenaltyScene();
    const keeper = keep(scene, new MemoryStore());
    await keeper.start();
    await keeper.stop();
    assert.equal(scene.logger.lines.length, 1);
    scene.logger.assertQuiet();
  });

  it('complains once about a disk that takes nothing, and saves when it does again', async () => {
    const store = new MemoryStore();
    const scene = createPenaltyScene();
    const keeper = keep(scene, store, 10);
    await keeper.start();
    store.fault = new Error('ENOSPC');
    scene.fail(BOB, HOME, { count: 5 });
    await waitFor('five tries', () => store.saveCount >= 5);
    assert.equal(scene.logger.of('auth.penalties-fault').length, 1);
    store.fault = undefined;
    await waitFor('a good save', () => store.saved !== undefined);
    store.fault = new Error('ENOSPC');
    scene.fail(BOB, HOME);
    await keeper.stop();
    assert.equal(scene.logger.of('auth.penalties-fault').length, 2);
  });

  it('leaves out what makes no sense, and lets no wrong clock make a penalty last', async () => {
    const store = new MemoryStore();
    const now = Date.UTC(2026, 0, 1);
    const level = { level: 1e9, changedAt: now + 365 * DAY_MS, lastFailureAt: now + 365 * DAY_MS };
    store.saved = [
      { kind: 'pair', key: `192.0.2.0/24 ${BOB}`, ...level },
      { kind: 'pair', key: 'no network', ...level },
      { kind: 'network', key: 'nowhere', ...level },
      { kind: 'site', key: '', ...level },
      { kind: 'known', user: BOB, site: 'nowhere', until: now + DAY_MS },
      { kind: 'known', user: BOB, site: '198.51.100.0/24', until: now + 3650 * DAY_MS },
    ];
    const scene = createPenaltyScene();
    const keeper = keep(scene, store);
    await keeper.start();
    await keeper.stop();
    const { pairs, networks, sites } = scene.penalties.tables;
    assert.deepEqual([pairs.size, networks.size, sites.size], [1, 0, 0]);
    assert.equal(scene.delayOf(BOB, HOME), 6);
    scene.clock.pass(30 * MINUTE_MS);
    assert.equal(scene.delayOf(BOB, HOME), 0);
    scene.clock.pass(31 * DAY_MS);
    assert.equal(scene.priorityOf(BOB, '198.51.100.7'), 'usual');
  });
});
