/** Penalties with a clock that stands until it is moved, for tests. */
import { parseNetworks } from '../../src/auth/networks.ts';
import { AttemptPenalties } from '../../src/auth/penalties.ts';
import { CollectingLogger } from './collecting-logger.ts';

export const SECOND_MS = 1000;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

export class FakeClock {
  time = Date.UTC(2026, 0, 1);

  now(): number {
    return this.time;
  }

  pass(ms: number): void {
    this.time += ms;
  }
}

export interface PenaltyScene {
  readonly penalties: AttemptPenalties;
  readonly clock: FakeClock;
  readonly logger: CollectingLogger;
  /** Whether hashing is scarce. */
  isScarce: boolean;
  /** The delay of an attempt, in seconds. */
  delayOf(user: string, remoteAddress: string): number;
  priorityOf(user: string, remoteAddress: string): string;
  /** `count` failures, each with a password of its own unless one is given. */
  fail(user: string, remoteAddress: string, options?: { count?: number; password?: string }): void;
  succeed(user: string, remoteAddress: string): void;
}

export function createPenaltyScene({ trusted = [] as readonly string[] } = {}): PenaltyScene {
  const clock = new FakeClock();
  const logger = new CollectingLogger();
  let serial = 0;
  const scene: PenaltyScene = {
    penalties: new AttemptPenalties({
      trustedNetworks: parseNetworks(trusted),
      isHashingScarce: () => scene.isScarce,
      clock,
      logger,
    }),
    clock,
    logger,
    isScarce: false,
    delayOf: (user, remoteAddress) => scene.penalties.judge({ user, remoteAddress }).delayMs / SECOND_MS,
    priorityOf: (user, remoteAddress) => scene.penalties.judge({ user, remoteAddress }).priority,
    fail: (user, remoteAddress, { count = 1, password } = {}) => {
      for (let i = 0; i < count; i++) {
        scene.penalties.failed({ user, remoteAddress }, Buffer.from(password ?? `guess ${(serial += 1)}`));
      }
    },
    succeed: (user, remoteAddress) => scene.penalties.succeeded({ user, remoteAddress }),
  };
  return scene;
}
