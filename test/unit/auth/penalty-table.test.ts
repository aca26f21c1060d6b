import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KnownNetworks } from '../../../src/auth/known-networks.ts';
import {
  decayLevel,
  findStep,
  findStepDelayMs,
  NETWORK_CURVE,
  PAIR_CURVE,
  raiseLevel,
  SITE_CURVE,
  USER_CURVE,
} from '../../../src/auth/penalty-curve.ts';
import { PenaltyTable } from '../../../src/auth/penalty-table.ts';
import { createPenaltyScene, DAY_MS, HOUR_MS, MINUTE_MS } from '../../support/penalties.ts';

const NOW = Date.UTC(2026, 0, 1);
const MAX_DELAY_MS = 6000;

describe('penalty curves', () => {
  for (const [name, curve] of Object.entries({ PAIR_CURVE, NETWORK_CURVE, SITE_CURVE, USER_CURVE })) {
    it(`RULES 39: ${name} never passes 6 s, grows, and is free again within 45 minutes`, () => {
      let level = 0;
      let step = 0;
      for (let i = 0; i < 1000; i++) {
        level = raiseLevel(curve, level);
        assert.ok(findStep(curve, level) >= step);
        step = findStep(curve, level);
        assert.equal(step > 0, level > curve.freeFailures);
      }
      assert.equal(step, curve.maxStep);
      assert.ok(findStepDelayMs(step) <= MAX_DELAY_MS);
      assert.equal(findStep(curve, decayLevel(curve, level, 45 * MINUTE_MS)), 0);
      assert.equal(decayLevel(curve, level, 10 * HOUR_MS), 0);
    });
  }

  it('forgets nothing when the clock goes back', () => {
    assert.equal(decayLevel(PAIR_CURVE, 5, -HOUR_MS), 5);
  });
});

describe('PenaltyTable', () => {
  it('keeps what delays when a flood of other names comes', () => {
    const table = new PenaltyTable({ curve: PAIR_CURVE, maxLight: 100, maxHeavy: 100 });
    for (let i = 0; i < 4; i++) table.raise('heavy', NOW);
    for (let i = 0; i < 10_000; i++) table.raise(`flood ${i}`, NOW);
    assert.equal(table.findStep('heavy', NOW), 1);
    assert.ok(table.size <= 101);
    assert.equal(table.heavySize, 1);
  });

  it('is bounded for what delays as well, and drops what was touched longest ago', () => {
    const table = new PenaltyTable({ curve: PAIR_CURVE, maxLight: 100, maxHeavy: 100 });
    for (let i = 0; i < 1000; i++) {
      for (let j = 0; j < 4; j++) table.raise(`name ${i}`, NOW);
      table.raise('name 0', NOW);
    }
    assert.ok(table.heavySize <= 100 && table.heavySize > 90, String(table.heavySize));
    assert.equal(table.findStep('name 0', NOW), 4);
    assert.equal(table.findStep('name 999', NOW), 1);
    assert.equal(table.findStep('name 500', NOW), 0);
  });

  it('gives back how much it took, and never less than nothing is left', () => {
    const table = new PenaltyTable({ curve: PAIR_CURVE, maxLight: 10, maxHeavy: 10 });
    for (let i = 0; i < 5; i++) table.raise('x', NOW);
    assert.equal(table.lower('x', 2, NOW), 2);
    assert.equal(table.lower('x', 100, NOW), 3);
    assert.equal(table.lower('x', 1, NOW), 0);
    assert.equal(table.lower('unheard of', 1, NOW), 0);
    assert.equal(table.size, 1);
    assert.equal(table.clear(), 1);
  });
});

describe('KnownNetworks', () => {
  it('is bounded by users and by networks of one user, those seen longest ago go first', () => {
    const known = new KnownNetworks({ maxUsers: 64 });
    known.add('early', 1, NOW);
    for (let i = 0; i < 1000; i++) {
      known.add(`user ${i}`, 1, NOW);
      known.add('traveller', i, NOW);
    }
    assert.ok(known.size <= 64);
    assert.equal(known.findUntil('early', 1, NOW), undefined);
    assert.equal(known.networksOf('traveller', NOW).length, 32);
    assert.equal(known.findUntil('traveller', 967, NOW), undefined);
    assert.ok(known.findUntil('traveller', 968, NOW) !== undefined);
    assert.ok(known.isKnown('traveller', NOW));
    assert.ok(!known.isKnown('traveller', NOW + 31 * DAY_MS));
  });

  it('says whether a success changed anything worth saving', () => {
    const known = new KnownNetworks();
    assert.equal(known.add('bob', 1, NOW), true);
    assert.equal(known.add('bob', 1, NOW + MINUTE_MS), false);
    assert.equal(known.add('bob', 2, NOW + MINUTE_MS), true);
    assert.equal(known.add('bob', 1, NOW + 2 * HOUR_MS), true);
    assert.deepEqual(
      known.networksOf('bob', NOW).map(({ siteNumber }) => siteNumber),
      [2, 1],
    );
  });

  it('forgets users whose time is over when everything is listed', () => {
    const known = new KnownNetworks();
    known.add('old', 1, NOW);
    known.add('new', 1, NOW + 20 * DAY_MS);
    assert.deepEqual(
      [...known.entries(NOW + 40 * DAY_MS)].map(([user]) => user),
      ['new'],
    );
    assert.equal(known.size, 1);
  });
});

describe('AttemptPenalties under floods', () => {
  it('RULES 39: random users from random networks push out neither known users nor heavy penalties', () => {
    const scene = createPenaltyScene();
    for (let i = 0; i < 2000; i++) scene.succeed(`real${i}@example.com`, `192.0.${i & 255}.7`);
    scene.fail('victim@example.com', '198.51.100.7', { count: 9 });
    for (let i = 0; i < 40; i++) scene.fail(`user${i}@example.com`, '203.0.113.7');
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 60_000; i++) {
      const network = Math.imul(i, 2_654_435_761) >>> 8;
      scene.fail(`random${i}@example.com`, `${1 + ((network >> 16) % 190)}.${(network >> 8) & 255}.${network & 255}.1`);
    }
    for (let i = 0; i < 2000; i++)
      assert.equal(scene.priorityOf(`real${i}@example.com`, `192.0.${i & 255}.7`), 'known');
    assert.equal(scene.delayOf('victim@example.com', '198.51.100.7'), 6);
    assert.equal(scene.delayOf('anybody@example.com', '203.0.113.99'), 6);
    const { networks, sites, users, pairs } = scene.penalties.tables;
    assert.ok(networks.size + sites.size + users.size + pairs.size <= 90_000);
    assert.ok(process.memoryUsage().heapUsed - before < 120 * 1024 ** 2);
  });

  it('keeps names as long as a line can be in little memory', () => {
    const scene = createPenaltyScene();
    for (let i = 0; i < 20; i++) scene.fail(`${'é'.repeat(6000)}${i}`, '192.0.2.7', { count: 3 });
    for (const [key] of scene.penalties.tables.pairs.lightEntries()) assert.ok(key.length < 60, key);
    scene.fail(`${'é'.repeat(6000)}1`, '192.0.2.7');
    assert.equal(scene.delayOf(`${'é'.repeat(6000)}1`, '192.0.2.7') >= 1, true);
    const dotless = scene.penalties.tables.pairs.size;
    assert.equal(dotless, 20);
  });
});
