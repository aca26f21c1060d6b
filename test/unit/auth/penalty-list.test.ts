import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { clearPenalties, listPenalties, type PenaltyRow } from '../../../src/auth/penalty-list.ts';
import { createPenaltyScene, DAY_MS, type PenaltyScene } from '../../support/penalties.ts';

const BOB = 'bob@example.com';

function list({ penalties, clock }: PenaltyScene, question: { who?: string; isAll?: boolean } = {}): PenaltyRow[] {
  const rows: PenaltyRow[] = [];
  let offset: number | undefined = 0;
  while (offset !== undefined) {
    const page: ReturnType<typeof listPenalties> = listPenalties(penalties, question, { offset, now: clock.now() });
    rows.push(...page.rows);
    offset = page.next;
  }
  return rows;
}

describe('listPenalties()', () => {
  it('lists who is slowed, and for a user also where they are known', () => {
    const scene = createPenaltyScene();
    const now = scene.clock.now();
    scene.succeed(BOB, '192.0.2.7');
    scene.succeed(BOB, '198.51.100.7');
    scene.fail(BOB, '192.0.2.7', { count: 5 });
    scene.fail('anna@example.com', '203.0.113.7');
    const goodUntil = now + 30 * DAY_MS;
    const slowed = { network: '192.0.2.0/24', user: BOB, failures: 5, delayMs: 2000, lastFailureAt: now, goodUntil };
    assert.deepEqual(list(scene), [slowed]);
    assert.deepEqual(list(scene, { who: BOB }), [
      slowed,
      { network: '198.51.100.0/24', user: BOB, failures: 0, delayMs: 0, goodUntil },
    ]);
    assert.deepEqual(
      list(scene, { isAll: true }).map(({ network, user, failures }) => [network, user, failures]),
      [
        ['192.0.2.0/24', undefined, 5],
        ['203.0.113.0/24', undefined, 1],
        [undefined, 'anna@example.com', 1],
        ['192.0.2.0/24', BOB, 5],
        ['203.0.113.0/24', 'anna@example.com', 1],
      ],
    );
    assert.deepEqual(list(scene, { who: 'nobody@example.com' }), []);
  });

  it('lists a network by its address or its name, the /48 with all of its networks', () => {
    const scene = createPenaltyScene();
    scene.fail(BOB, '2001:db8:1:2::1');
    scene.fail(BOB, '2001:db8:1:3::1');
    scene.fail(BOB, '2001:db8:2:3::1');
    const networksOf = (who: string): (string | undefined)[] => list(scene, { who }).map(({ network }) => network);
    assert.deepEqual(networksOf('2001:db8:1:2::99'), ['2001:db8:1:2::/64', '2001:db8:1::/48', '2001:db8:1::/48']);
    assert.deepEqual(networksOf('2001:db8:1:2::/64'), ['2001:db8:1:2::/64']);
    assert.deepEqual(networksOf('2001:db8:1::/48'), [
      '2001:db8:1:2::/64',
      '2001:db8:1:3::/64',
      '2001:db8:1::/48',
      '2001:db8:1::/48',
    ]);
  });

  it('gives a long list in pieces, each of which holds the loop for milliseconds only', () => {
    const scene = createPenaltyScene();
    for (let i = 0; i < 5000; i++) scene.fail(`user${i}@example.com`, `10.${i >> 8}.${i & 255}.1`, { count: 4 });
    list(scene, { isAll: true });
    const rows: PenaltyRow[] = [];
    for (let offset: number | undefined = 0; offset !== undefined;) {
      const page: ReturnType<typeof listPenalties> = listPenalties(
        scene.penalties,
        { isAll: true },
        { offset, now: scene.clock.now() },
      );
      assert.ok(page.rows.length <= 800);
      rows.push(...page.rows);
      offset = page.next;
    }
    assert.equal(rows.length, 15_000);
    assert.equal(new Set(rows.map(({ network, user }) => `${network} ${user}`)).size, 15_000);
  });
});

describe('clearPenalties()', () => {
  it('frees a user, a network, or everybody, and leaves known networks alone', () => {
    const scene = createPenaltyScene();
    const fail = (): void => {
      scene.succeed(BOB, '192.0.2.7');
      scene.fail(BOB, '192.0.2.7', { count: 9 });
      for (let i = 0; i < 40; i++) scene.fail(`user${i}@example.com`, '198.51.100.7');
    };
    fail();
    assert.equal(clearPenalties(scene.penalties, BOB), 1);
    assert.equal(scene.delayOf(BOB, '192.0.2.7'), 0);
    assert.equal(scene.priorityOf(BOB, '192.0.2.7'), 'known');
    assert.equal(scene.delayOf(BOB, '198.51.100.7'), 6);
    const { revision } = scene.penalties;
    assert.equal(clearPenalties(scene.penalties, '198.51.100.200'), 41);
    assert.ok(scene.penalties.revision > revision, 'what was cleared is saved');
    assert.equal(scene.delayOf(BOB, '198.51.100.7'), 0);
    assert.equal(clearPenalties(scene.penalties, '198.51.100.0/24'), 0);
    fail();
    assert.ok(clearPenalties(scene.penalties, 'all') > 40);
    assert.deepEqual(list(scene, { isAll: true }), []);
    assert.equal(scene.priorityOf(BOB, '192.0.2.7'), 'known');
    assert.equal(clearPenalties(scene.penalties, 'all'), 0);
  });
});
