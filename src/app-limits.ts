/** The part of `app.ts` that builds what slows guessing down: penalties with their file, and the places of delayed replies. */
import { join } from 'node:path';
import { NO_LIMITS, type AttemptLimits } from './auth/attempt-limits.ts';
import { DelaySlots } from './auth/delay-slots.ts';
import { parseNetworks } from './auth/networks.ts';
import { AttemptPenalties } from './auth/penalties.ts';
import { PenaltyKeeper } from './auth/penalty-keeper.ts';
import { clearPenalties, listPenalties } from './auth/penalty-list.ts';
import { CLEAR_PENALTIES, LIST_PENALTIES } from './cli/auth-penalties.ts';
import type { Config } from './config/load-config.ts';
import { systemClock } from './core/clock.ts';
import type { Logger } from './core/logger.ts';
import type { ControlHandler, ControlReply, ControlRequest } from './net/control.ts';
import { PenaltyFile } from './store/penalties/penalty-file.ts';

/** What the login core is told, and what the daemon starts, stops and shows. */
export interface Limits {
  readonly limits: AttemptLimits;
  readonly slots: DelaySlots;
  /** Undefined with `[auth] penalties = no`. */
  readonly keeper: PenaltyKeeper | undefined;
  readonly handlers: ReadonlyMap<string, ControlHandler>;
  /** For `postern status`. */
  describe(): Readonly<Record<string, unknown>>;
}

export interface LimitsParts {
  readonly config: Config;
  readonly logger: Logger;
  /** Password checks that wait for a thread now, but those of penalised attempts: they keep nobody waiting. */
  readonly countUrgentHashes: () => number;
}

/** The name of the file in `state_dir`. */
const PENALTIES_FILE = 'penalties';
/** From here on hashing is scarce: with ARGON2ID on two cores the last one waits for a quarter of a second. */
const SCARCE_QUEUED = 8;
const OFF: ControlReply = { ok: false, error: 'Penalties are off: [auth] penalties = no' };

export function createLimits({ config, logger, countUrgentHashes }: LimitsParts): Limits {
  const slots = new DelaySlots();
  const describeSlots = () => ({ heldReplies: slots.heldCount, unheldReplies: slots.overflowCount });
  if (!config.auth.penalties) {
    const off = (): Promise<ControlReply> => Promise.resolve(OFF);
    const handlers = new Map([LIST_PENALTIES, CLEAR_PENALTIES].map((verb) => [verb, off]));
    return { limits: NO_LIMITS, slots, keeper: undefined, handlers, describe: describeSlots };
  }
  const penalties = new AttemptPenalties({
    trustedNetworks: parseNetworks(config.auth.trustedNetworks),
    isHashingScarce: () => countUrgentHashes() >= SCARCE_QUEUED,
    clock: systemClock,
    logger,
  });
  const store = new PenaltyFile(join(config.postern.stateDir, PENALTIES_FILE));
  const keeper = new PenaltyKeeper({ penalties, store, clock: systemClock, logger });
  return {
    limits: penalties,
    slots,
    keeper,
    handlers: createHandlers(penalties),
    describe: () => ({ ...describeSlots(), ...describePenalties(penalties, keeper) }),
  };
}

function createHandlers(penalties: AttemptPenalties): ReadonlyMap<string, ControlHandler> {
  return new Map<string, ControlHandler>([
    [LIST_PENALTIES, (request) => Promise.resolve(listPage(penalties, request))],
    [
      CLEAR_PENALTIES,
      ({ who }) =>
        Promise.resolve(
          typeof who === 'string'
            ? { ok: true, cleared: clearPenalties(penalties, who) }
            : { ok: false, error: 'Cannot clear penalties: nobody is named' },
        ),
    ],
  ]);
}

function listPage(penalties: AttemptPenalties, { who, isAll, offset }: ControlRequest): ControlReply {
  const question = { who: typeof who === 'string' ? who : undefined, isAll: isAll === true };
  const place = { offset: typeof offset === 'number' ? offset : 0, now: systemClock.now() };
  return { ok: true, ...listPenalties(penalties, question, place) };
}

function describePenalties(penalties: AttemptPenalties, keeper: PenaltyKeeper): Readonly<Record<string, unknown>> {
  const { networks, sites, users, pairs } = penalties.tables;
  return {
    delayedAttempts: penalties.delayedCount,
    repeatedPasswords: penalties.repeatedCount,
    penalisedNetworks: networks.heavySize + sites.heavySize,
    penalisedUsers: users.heavySize,
    penalisedPairs: pairs.heavySize,
    knownUsers: penalties.known.size,
    savedAt: keeper.savedAt === 0 ? null : new Date(keeper.savedAt).toISOString(),
  };
}
