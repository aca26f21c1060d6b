import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createPenaltyScene, DAY_MS, HOUR_MS, MINUTE_MS } from '../../support/penalties.ts';

const BOB = 'bob@example.com';
const ANNA = 'anna@example.com';
const HOME = '192.0.2.7';
const NEIGHBOUR = '192.0.2.99';
const ELSEWHERE = '198.51.100.7';

describe('AttemptPenalties: a pair of user and network', () => {
  it('RULES 39: three wrong passwords are free, then each further one costs more, at most 6 s', () => {
    const scene = createPenaltyScene();
    const delays = Array.from({ length: 12 }, () => {
      scene.fail(BOB, HOME);
      return scene.delayOf(BOB, HOME);
    });
    assert.deepEqual(delays, [0, 0, 0, 1, 2, 4, 6, 6, 6, 6, 6, 6]);
    assert.equal(scene.priorityOf(BOB, HOME), 'penalised');
  });

  it('forgets with time: without delay half an hour after the last guess, however many there were', () => {
    const scene = createPenaltyScene();
    scene.fail(BOB, HOME, { count: 1000 });
    scene.clock.pass(15 * MINUTE_MS);
    assert.equal(scene.delayOf(BOB, HOME), 4);
    scene.clock.pass(15 * MINUTE_MS);
    assert.equal(scene.delayOf(BOB, HOME), 0);
    scene.fail(BOB, HOME);
    assert.equal(scene.delayOf(BOB, HOME), 1);
  });

  it('is over with a success', () => {
    const scene = createPenaltyScene();
    scene.fail(BOB, HOME, { count: 9 });
    assert.equal(scene.delayOf(BOB, HOME), 6);
    scene.succeed(BOB, HOME);
    assert.equal(scene.delayOf(BOB, HOME), 0);
    assert.equal(scene.priorityOf(BOB, HOME), 'known');
    assert.equal(scene.penalties.tables.networks.findStep('192.0.2.0/24', scene.clock.now()), 0);
  });

  it('counts the same wrong password once, among the last eight (a phone with the old password)', () => {
    const scene = createPenaltyScene();
    for (let hour = 0; hour < 24; hour++) {
      for (let i = 0; i < 60; i++) {
        scene.fail(BOB, HOME, { password: 'the old one' });
        if (i < 6) scene.fail(BOB, HOME, { password: `tablet, laptop, by hand ${i % 2}` });
        scene.clock.pass(MINUTE_MS);
      }
      assert.equal(scene.delayOf(BOB, HOME), 0);
    }
    assert.equal(scene.delayOf(ANNA, NEIGHBOUR), 0);
    assert.equal(scene.penalties.repeatedCount, 24 * 66 - 3);
  });

  it('knows a repeated password again after a success, and keeps users and networks apart', () => {
    const scene = createPenaltyScene();
    scene.fail(BOB, HOME, { password: 'old' });
    scene.succeed(BOB, HOME);
    scene.fail(BOB, HOME, { password: 'old' });
    assert.equal(scene.penalties.repeatedCount, 1);
    scene.fail(ANNA, HOME, { password: 'old' });
    scene.fail(BOB, ELSEWHERE, { password: 'old' });
    assert.equal(scene.penalties.repeatedCount, 1);
  });

  it('counts every failure that came without a password (proofs)', () => {
    const scene = createPenaltyScene();
    for (let i = 0; i < 4; i++) scene.penalties.failed({ user: BOB, remoteAddress: HOME }, undefined);
    assert.equal(scene.delayOf(BOB, HOME), 1);
  });

  it('keeps no password, not even all of its hash', () => {
    const scene = createPenaltyScene();
    scene.fail(BOB, HOME, { password: 'hunter2' });
    scene.fail(BOB, HOME, { password: 'hunter3' });
    const [[, entry] = ['', undefined]] = scene.penalties.tables.pairs.lightEntries();
    assert.equal(entry?.passwords?.length, 2);
    for (const fingerprint of entry?.passwords ?? []) assert.ok(fingerprint >= 0 && fingerprint < 2 ** 30);
    const other = createPenaltyScene();
    other.fail(BOB, HOME, { password: 'hunter2' });
    const [[, same] = ['', undefined]] = other.penalties.tables.pairs.lightEntries();
    assert.notEqual(same?.passwords?.[0], entry?.passwords?.[0], 'the key belongs to the process');
  });
});

describe('AttemptPenalties: nobody is locked out', () => {
  it("RULES 39: others' guesses in the same network do not slow who is known there", () => {
    const scene = createPenaltyScene();
    scene.succeed(BOB, HOME);
    for (let i = 0; i < 1000; i++) scene.fail(`user${i}@example.com`, NEIGHBOUR);
    assert.equal(scene.delayOf(ANNA, HOME), 6);
    assert.equal(scene.delayOf(BOB, HOME), 0);
    assert.equal(scene.priorityOf(BOB, HOME), 'known');
  });

  it('RULES 39: guesses at a user from a thousand networks do not slow them where they are known', () => {
    const scene = createPenaltyScene();
    scene.succeed(BOB, HOME);
    for (let i = 0; i < 1000; i++) scene.fail(BOB, `10.${i >> 8}.${i & 255}.1`);
    assert.equal(scene.delayOf(BOB, HOME), 0);
    assert.equal(scene.priorityOf(BOB, HOME), 'known');
    assert.equal(scene.delayOf(BOB, ELSEWHERE), 4, 'in a new network they wait, and get in');
    scene.succeed(BOB, ELSEWHERE);
    assert.equal(scene.delayOf(BOB, ELSEWHERE), 0);
  });

  it('guesses from one network alone do not slow the user in another, known or not', () => {
    const scene = createPenaltyScene();
    scene.fail(BOB, HOME, { count: 1000 });
    assert.deepEqual([scene.delayOf(BOB, HOME), scene.delayOf(BOB, ELSEWHERE)], [6, 0]);
  });

  it('RULES 39: a network is known for 30 days after the last success', () => {
    const scene = createPenaltyScene();
    scene.succeed(BOB, HOME);
    scene.clock.pass(29 * DAY_MS);
    assert.equal(scene.priorityOf(BOB, HOME), 'known');
    scene.succeed(BOB, HOME);
    scene.clock.pass(29 * DAY_MS);
    assert.equal(scene.priorityOf(BOB, HOME), 'known');
    scene.clock.pass(2 * DAY_MS);
    assert.equal(scene.priorityOf(BOB, HOME), 'usual');
  });

  it('slows a known user for their own different failures in this network, and nobody else', () => {
    const scene = createPenaltyScene();
    for (const user of [BOB, ANNA]) for (const address of [HOME, ELSEWHERE]) scene.succeed(user, address);
    scene.fail(BOB, NEIGHBOUR, { count: 20 });
    assert.equal(scene.delayOf(BOB, HOME), 6);
    assert.equal(scene.priorityOf(BOB, HOME), 'usual');
    assert.deepEqual([scene.delayOf(BOB, ELSEWHERE), scene.delayOf(ANNA, HOME)], [0, 0]);
  });

  it('a guesser in the network of known users gains the free failures of each pair, and no more', () => {
    const scene = createPenaltyScene();
    const users = Array.from({ length: 20 }, (_, i) => `user${i}@example.com`);
    for (const user of users) scene.succeed(user, HOME);
    let freeCount = 0;
    for (let round = 0; round < 50; round++) {
      for (const user of users) {
        if (scene.delayOf(user, NEIGHBOUR) === 0) freeCount += 1;
        scene.fail(user, NEIGHBOUR);
      }
    }
    assert.equal(freeCount, users.length * 4);
  });

  it('a good password of their own buys a guesser no guesses at others', () => {
    const scene = createPenaltyScene();
    for (let i = 0; i < 40; i++) {
      scene.fail(`user${i}@example.com`, HOME);
      scene.succeed('guesser@example.com', HOME);
    }
    assert.equal(scene.delayOf(ANNA, HOME), 6);
    const other = createPenaltyScene();
    for (let i = 0; i < 40; i++) {
      other.fail(`user${i}@example.com`, HOME);
      other.fail('guesser@example.com', HOME);
      other.succeed('guesser@example.com', HOME);
    }
    assert.ok(other.delayOf(ANNA, HOME) >= 4);
  });

  it('does not count trusted networks, nor clients without an address', () => {
    const scene = createPenaltyScene({ trusted: ['10.0.0.0/8', '2001:db8:5::/48'] });
    for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '2001:db8:5:1::1', '', 'unknown']) {
      scene.fail(BOB, address, { count: 50 });
      assert.deepEqual([scene.delayOf(BOB, address), scene.priorityOf(BOB, address)], [0, 'usual'], address);
    }
    assert.equal(scene.delayOf(BOB, HOME), 0);
    assert.equal(scene.penalties.tables.pairs.size, 0);
  });

  it('counts loopback by pair alone: whoever uses a webmail comes from there', () => {
    const scene = createPenaltyScene();
    for (let i = 0; i < 100; i++) scene.fail(`user${i}@example.com`, '127.0.0.1');
    assert.equal(scene.delayOf(ANNA, '127.0.0.1'), 0);
    scene.fail(BOB, '127.0.0.1', { count: 7 });
    assert.equal(scene.delayOf(BOB, '127.0.0.1'), 6);
    assert.equal(scene.penalties.tables.networks.size, 0);
  });
});

describe('AttemptPenalties: networks', () => {
  it('RULES 39: counts an IPv4 /24 as one, IPv4 in IPv6 included', () => {
    const scene = createPenaltyScene();
    for (let i = 0; i < 40; i++) scene.fail(`user${i}@example.com`, i % 2 ? `192.0.2.${i}` : `::ffff:192.0.2.${i}`);
    assert.equal(scene.delayOf(BOB, '192.0.2.200'), 6);
    assert.equal(scene.delayOf(BOB, '192.0.3.200'), 0);
  });

  it('RULES 39: counts an IPv6 /64 as one, and the /48 for those who hop', () => {
    const scene = createPenaltyScene();
    for (let i = 0; i < 40; i++) scene.fail(`user${i}@example.com`, `2001:db8:1:2::${i}`);
    assert.equal(scene.delayOf(BOB, '2001:db8:1:2:ffff::1'), 6);
    assert.equal(scene.delayOf(BOB, '2001:db8:1:3::1'), 0);
    for (let i = 0; i < 200; i++) scene.fail(`user${i}@example.com`, `2001:db8:1:${(i + 16).toString(16)}::1`);
    assert.equal(scene.delayOf(BOB, '2001:db8:1:3::1'), 6);
    assert.equal(scene.delayOf(BOB, '2001:db8:2:3::1'), 0);
  });

  it('lets an office mistype: ten failures of different people are free', () => {
    const scene = createPenaltyScene();
    for (let i = 0; i < 10; i++) scene.fail(`user${i}@example.com`, HOME);
    assert.equal(scene.delayOf(BOB, HOME), 0);
    scene.fail('user10@example.com', HOME);
    assert.equal(scene.delayOf(BOB, HOME), 1);
    scene.clock.pass(MINUTE_MS);
    assert.equal(scene.delayOf(BOB, HOME), 0);
  });
});

describe('AttemptPenalties: priorities', () => {
  it('RULES 39: when hashing is scarce, users nobody knows come last, and known pairs keep their share', () => {
    const scene = createPenaltyScene();
    scene.succeed(BOB, HOME);
    const priorities = (): string[] => [
      scene.priorityOf(BOB, HOME),
      scene.priorityOf(BOB, ELSEWHERE),
      scene.priorityOf(ANNA, HOME),
    ];
    assert.deepEqual(priorities(), ['known', 'usual', 'usual']);
    scene.isScarce = true;
    assert.deepEqual(priorities(), ['known', 'usual', 'penalised']);
    assert.equal(scene.delayOf(ANNA, HOME), 0, 'scarce hashing delays nobody by itself');
  });
});

describe('AttemptPenalties: the log', () => {
  it('says once for each step that a network or a pair is slowed, until it is free again', () => {
    const scene = createPenaltyScene();
    scene.fail(BOB, HOME, { count: 30 });
    const lines = (): unknown[] => scene.logger.of('auth.penalty').map(({ fields }) => fields);
    assert.deepEqual(lines().slice(0, 4), [
      { network: '192.0.2.0/24', user: `"${BOB}"`, remote: HOME, failures: 4, delayMs: 1000 },
      { network: '192.0.2.0/24', user: `"${BOB}"`, remote: HOME, failures: 5, delayMs: 2000 },
      { network: '192.0.2.0/24', user: `"${BOB}"`, remote: HOME, failures: 6, delayMs: 4000 },
      { network: '192.0.2.0/24', user: `"${BOB}"`, remote: HOME, failures: 7, delayMs: 6000 },
    ]);
    // The pair and the network, four steps each.
    assert.equal(lines().length, 8);
    scene.clock.pass(5 * MINUTE_MS);
    scene.fail(BOB, HOME, { count: 3 });
    assert.equal(lines().length, 8);
    scene.clock.pass(HOUR_MS);
    scene.fail(BOB, HOME, { count: 4 });
    assert.deepEqual(lines().slice(8), [
      { network: '192.0.2.0/24', user: `"${BOB}"`, remote: HOME, failures: 4, delayMs: 1000 },
    ]);
  });

  it('quotes names and never shows a zone as it came', () => {
    const scene = createPenaltyScene();
    scene.fail('x"\ny', 'fe80::1%"\nevil', { count: 4 });
    const [line] = scene.logger.of('auth.penalty');
    assert.deepEqual([line?.fields['user'], line?.fields['remote']], ['"x\\"\\ny"', 'fe80::1']);
  });
});

describe('AttemptPenalties: the time it takes', () => {
  it('judges in microseconds, whoever asks', (t) => {
    const scene = createPenaltyScene({ trusted: ['10.0.0.0/8', '2001:db8::/32'] });
    for (let i = 0; i < 1000; i++) scene.succeed(`user${i}@example.com`, `192.0.${i & 255}.7`);
    const attempts = {
      known: (i: number) => ({ user: `user${i % 1000}@example.com`, remoteAddress: `192.0.${(i % 1000) & 255}.7` }),
      'unknown, seen before': (i: number) => ({ user: `x${i}@example.com`, remoteAddress: `198.51.${i & 255}.7` }),
      'never seen': (i: number) => ({ user: `x${i}@example.com`, remoteAddress: `20.${i >> 8}.${i & 255}.7` }),
    };
    for (const [who, makeAttempt] of Object.entries(attempts)) {
      const times = Array.from({ length: 20 }, (_, round) => {
        const startedAt = performance.now();
        for (let i = 0; i < 500; i++) scene.penalties.judge(makeAttempt(round * 500 + i));
        return ((performance.now() - startedAt) * 1000) / 500;
      });
      const medianUs = times.toSorted((a, b) => a - b)[10] ?? Number.NaN;
      t.diagnostic(`${who}: ${medianUs.toFixed(1)} us`);
      assert.ok(medianUs < 100, `${who}: ${medianUs} us`);
    }
  });
});
