/** What guessers get, in guesses an hour, and what the people they guess at notice of it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { simulateGuessing, type Guesser } from '../../support/guessing.ts';
import { HOUR_MS, MINUTE_MS } from '../../support/penalties.ts';

const BOB = 'bob@example.com';
const HOME = '192.0.2.7';
/** All smtpd processes of a service (`default_process_limit`). */
const ALL_OF_POSTFIX = 100;
/** What Postfix lets one client have (`smtpd_client_connection_count_limit`). */
const ONE_CLIENT = 50;

interface Scenario {
  readonly name: string;
  readonly guesser: Guesser;
  /** The most that may get through. */
  readonly mostAnHour: number;
}

const one = () => BOB;
const many = (serial: number) => `user${serial}@example.com`;
const botnet = (serial: number) => `10.${(serial >> 8) & 255}.${serial & 255}.1`;

const scenarios: readonly Scenario[] = [
  {
    name: 'one client at one user',
    guesser: { connections: 1, user: one, address: () => '203.0.113.7' },
    mostAnHour: 600,
  },
  {
    name: 'one client at very many users',
    guesser: { connections: 1, user: many, address: () => '203.0.113.7' },
    mostAnHour: 600,
  },
  {
    name: 'one client with 20 connections at very many users',
    guesser: { connections: 20, user: many, address: () => '203.0.113.7' },
    mostAnHour: 12_000,
  },
  {
    name: 'one IPv4 /24, an address for each guess, 20 connections',
    guesser: { connections: 20, user: many, address: (serial) => `203.0.113.${serial & 255}` },
    mostAnHour: 12_000,
  },
  {
    name: 'one IPv6 /64, an address for each guess, 20 connections',
    guesser: { connections: 20, user: many, address: (serial) => `2001:db8:1:2::${(serial & 0xffff).toString(16)}` },
    mostAnHour: 12_000,
  },
  {
    name: 'one IPv6 /48, a /64 for each guess, 20 connections',
    guesser: { connections: 20, user: many, address: (serial) => `2001:db8:1:${(serial & 0xffff).toString(16)}::1` },
    mostAnHour: 12_000,
  },
  {
    name: 'one IPv6 /48, a /64 for each guess, at one user',
    guesser: { connections: 1, user: one, address: (serial) => `2001:db8:1:${(serial & 0xffff).toString(16)}::1` },
    mostAnHour: 600,
  },
  {
    name: 'a botnet of 65,536 networks at one user, 40 connections',
    guesser: { connections: 40, user: one, address: botnet },
    mostAnHour: 36_000,
  },
  {
    // Nobody fails twice: what is left is the delay of every failure.
    name: 'a botnet of 65,536 networks at very many users, 40 connections',
    guesser: { connections: 40, user: many, address: botnet },
    mostAnHour: 68_000,
  },
];

describe('guessing', () => {
  for (const { name, guesser, mostAnHour } of scenarios) {
    it(`RULES 39: ${name}: at most ${mostAnHour} an hour`, (t) => {
      const { guessesAnHour, undelayedShare, mostHeld } = simulateGuessing(guesser);
      t.diagnostic(`${name}: ${guessesAnHour} guesses an hour, ${Math.round(undelayedShare * 100)} % undelayed`);
      assert.ok(guessesAnHour <= mostAnHour, `${guessesAnHour}`);
      assert.ok(guessesAnHour > 0 && mostHeld <= 50);
    });
  }

  it('a user who mistypes now and then, and a slow guesser, are not slowed at all', (t) => {
    const pauseMs = 5 * MINUTE_MS;
    const slow: Guesser = { connections: 1, pauseMs, measuredMs: 10 * HOUR_MS, user: one, address: () => HOME };
    const { guessesAnHour, scene } = simulateGuessing(slow);
    t.diagnostic(`as often as it is free, one guess in five minutes: ${guessesAnHour} guesses an hour`);
    assert.equal(guessesAnHour, 12);
    assert.equal(scene.delayOf(BOB, HOME), 0);
  });

  it('RULES 39: while all of Postfix guesses, who is known is not slowed, and who is new waits and gets in', (t) => {
    const guesser: Guesser = { connections: ALL_OF_POSTFIX, measuredMs: MINUTE_MS, user: one, address: botnet };
    const { scene, slots, mostHeld, guessesAnHour, undelayedShare } = simulateGuessing(guesser, (prepared) =>
      prepared.succeed(BOB, HOME),
    );
    t.diagnostic(
      `a botnet with all of Postfix: ${guessesAnHour} guesses an hour, ${Math.round(undelayedShare * 100)} % undelayed`,
    );
    assert.deepEqual([scene.delayOf(BOB, HOME), scene.priorityOf(BOB, HOME)], [0, 'known']);
    assert.ok(scene.delayOf(BOB, '198.51.100.7') <= 4);
    assert.deepEqual(
      [scene.delayOf('anna@example.com', HOME), scene.priorityOf('anna@example.com', HOME)],
      [0, 'usual'],
    );
    // Half of the processes do not wait on purpose, whatever comes.
    assert.equal(mostHeld, 50);
    assert.equal(slots.heldCount, 50);
    // Nothing but hashing bounds who finds no place: 36,000 of these would have been delayed guesses.
    assert.ok(guessesAnHour > 36_000);
  });

  it('RULES 39: one client cannot take all places, so a botnet beside it still waits', (t) => {
    const guesser: Guesser = {
      connections: ONE_CLIENT,
      measuredMs: MINUTE_MS,
      user: many,
      address: (serial) => `203.0.113.${serial & 255}`,
    };
    const { slots, mostHeld, guessesAnHour, undelayedShare } = simulateGuessing(guesser);
    t.diagnostic(
      `one client with 50 connections: ${guessesAnHour} guesses an hour, ${Math.round(undelayedShare * 100)} % undelayed`,
    );
    assert.equal(mostHeld, 25);
    assert.ok(slots.hold({ waitMs: 1000, remoteAddress: '198.51.100.7', done: () => undefined }) !== undefined);
    slots.releaseAll();
  });
});
