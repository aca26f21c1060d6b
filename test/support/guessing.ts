/**
 * Guessers against penalties and delay slots, in simulated time: how many passwords get looked at in an hour. A guesser is
 * as Postfix lets it be: each connection asks one thing at a time, and what nobody delays costs the round trips.
 */
import { mock } from 'node:test';
import { DelaySlots } from '../../src/auth/delay-slots.ts';
import { findWaitMs } from '../../src/service/sasl/failure-delay.ts';
import { createPenaltyScene, HOUR_MS, MINUTE_MS, type PenaltyScene } from './penalties.ts';

/** Who guesses at whom; asked for each guess, by its number. */
export interface Guesser {
  readonly connections: number;
  /** Time from a reply to the next guess; AUTH, reply, and a tenth of a connection with TLS when not given. */
  readonly pauseMs?: number;
  /** Time in which guesses are counted. */
  readonly measuredMs?: number;
  address(serial: number): string;
  user(serial: number): string;
}

export interface GuessingResult {
  readonly guessesAnHour: number;
  /** Of them, those that should have waited before they were looked at, and found no place. */
  readonly undelayedShare: number;
  /** The most replies that waited at once. */
  readonly mostHeld: number;
  readonly scene: PenaltyScene;
  readonly slots: DelaySlots;
}

const STEP_MS = 50;
const PAUSE_MS = 150;
const FAILURE_DELAY_MS = 2000;
/** The guesser has used its free guesses by then. */
const WARM_UP_MS = 10 * MINUTE_MS;
const MEASURED_MS = 10 * MINUTE_MS;

/** Lets a guesser work for a while, then counts; the hashing of what it guesses costs no time. */
export function simulateGuessing(guesser: Guesser, prepare?: (scene: PenaltyScene) => void): GuessingResult {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    return simulate(guesser, prepare);
  } finally {
    mock.timers.reset();
  }
}

function simulate(guesser: Guesser, prepare?: (scene: PenaltyScene) => void): GuessingResult {
  const scene = createPenaltyScene();
  prepare?.(scene);
  const { penalties, clock } = scene;
  const slots = new DelaySlots();
  let serial = 0;
  let [guessCount, undelayedCount] = [0, 0];
  let isOver = false;
  const holdOrGo = (waitMs: number, remoteAddress: string, done: () => void): void => {
    if (waitMs === 0 || slots.hold({ waitMs, remoteAddress, done }) === undefined) done();
  };
  const guess = (): void => {
    if (isOver) return;
    serial += 1;
    const attempt = { user: guesser.user(serial), remoteAddress: guesser.address(serial) };
    const password = Buffer.from(`guess ${serial}`);
    const arrivedAt = clock.now();
    const { delayMs } = penalties.judge(attempt);
    holdOrGo(delayMs, attempt.remoteAddress, () => {
      guessCount += 1;
      if (delayMs > 0 && clock.now() === arrivedAt) undelayedCount += 1;
      penalties.failed(attempt, password);
      const waitMs = findWaitMs(clock.now() - arrivedAt, FAILURE_DELAY_MS);
      holdOrGo(waitMs, attempt.remoteAddress, () => void setTimeout(guess, guesser.pauseMs ?? PAUSE_MS));
    });
  };
  for (let i = 0; i < guesser.connections; i++) setTimeout(guess, i);
  let mostHeld = 0;
  const pass = (ms: number): void => {
    for (let passed = 0; passed < ms; passed += STEP_MS) {
      clock.pass(STEP_MS);
      mock.timers.tick(STEP_MS);
      mostHeld = Math.max(mostHeld, slots.heldCount);
    }
  };
  pass(WARM_UP_MS);
  [guessCount, undelayedCount] = [0, 0];
  const measuredMs = guesser.measuredMs ?? MEASURED_MS;
  pass(measuredMs);
  isOver = true;
  return {
    guessesAnHour: Math.round((guessCount * HOUR_MS) / measuredMs),
    undelayedShare: undelayedCount / guessCount,
    mostHeld,
    scene,
    slots,
  };
}
