/**
 * One connection of a Postfix process to the lookup service, socketmap only: one key, one answer, in order. Postfix
 * closes after 10 s of silence and reopens, so a session is cheap. Overload, a fault, and an answer that takes too
 * long are TEMP (RULES 19); nothing is ever "not found" because it could not be looked up.
 */
import { settleWithin } from '../../core/deadline.ts';
import type { LogFields, Logger } from '../../core/logger.ts';
import { unavailable, type Lookup } from '../../core/outcome.ts';
import { quotePeerText } from '../../core/printable.ts';
import type { Connection } from '../../net/connection.ts';
import { FramedSession } from '../../net/framed-session.ts';
import { MAX_SOCKETMAP_FRAME_BYTES, takeSocketmapRequest, type SocketmapRequest } from '../../protocol/socketmap.ts';
import { findInMap, type LookupDirectory } from './maps.ts';
import { formatLookup, TEMP_REPLY } from './reply.ts';

/** Beside the code that counts; one object for all sessions of the service. */
export interface LookupCounters {
  found: number;
  absent: number;
  /** Answered TEMP, whatever the reason. */
  unavailable: number;
  /** Of these, lookups that threw or whose result could not be said. */
  faults: number;
}

export interface LookupSessionOptions {
  readonly connection: Connection;
  readonly logger: Logger;
  readonly directory: LookupDirectory;
  readonly idleMs: number;
  readonly deadlineMs: number;
  readonly counters: LookupCounters;
}

/** Begins to serve a connection. */
export function openLookupSession(options: LookupSessionOptions): FramedSession<SocketmapRequest> {
  const { connection, logger, idleMs } = options;
  const session: FramedSession<SocketmapRequest> = new FramedSession<SocketmapRequest>({
    connection,
    logger,
    take: takeSocketmapRequest,
    maxFrameBytes: MAX_SOCKETMAP_FRAME_BYTES,
    idleMs,
    onFrame: async (request): Promise<void> => session.send(await answer(request, options)),
  });
  return session;
}

async function answer(request: SocketmapRequest, options: LookupSessionOptions): Promise<string> {
  const { logger, counters } = options;
  const startedAt = performance.now();
  try {
    const outcome = await look(request, options);
    const reply = formatLookup(outcome);
    counters[outcome.kind] += 1;
    const describe = (): LogFields => ({ ...quote(request), ms: Math.round(performance.now() - startedAt) });
    if (outcome.kind === 'unavailable') logger.warn('lookup.fault', { ...describe(), reason: outcome.reason });
    // A line for each lookup, which hardly anybody reads.
    else if (logger.isDebug) logger.debug('lookup.answered', { ...describe(), answer: outcome.kind });
    return reply;
  } catch (error) {
    counters.unavailable += 1;
    counters.faults += 1;
    logger.error('lookup.fault', { ...quote(request), err: error });
    return TEMP_REPLY;
  }
}

function quote({ map, key }: SocketmapRequest): LogFields {
  return { map: quotePeerText(map), key: quotePeerText(key) };
}

function look({ map, key }: SocketmapRequest, options: LookupSessionOptions): Promise<Lookup<string>> {
  const { connection, directory, deadlineMs } = options;
  if (connection.isOverloaded) return Promise.resolve(unavailable('too many connections'));
  const outcome = findInMap(directory, map, key);
  // A misspelt table is a fault of the configuration. PERM would be 451 as well, but with a notice to the postmaster
  // for every lookup; NOTFOUND would bounce mail (facts/postfix.md C.1).
  if (outcome === undefined) return Promise.resolve(unavailable('no such table'));
  return settleWithin(outcome, deadlineMs, () => unavailable(`no answer within ${deadlineMs} ms`));
}
