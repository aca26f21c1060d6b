/**
 * Where the verbs of `postern quota` get their figures: from the running daemon, which knows what is under way, else by
 * measuring here. Both give the same.
 */
import { join } from 'node:path';
import type { Config } from '../config/load-config.ts';
import { errorCode } from '../core/errors.ts';
import type { Account } from '../directory/source.ts';
import { CONTROL_SOCKET, type AskDaemon, type DaemonReply } from './daemon.ts';

/** Verb of the control socket. */
export const READ_QUOTA = 'quota';

/** One quota root for one account. */
export interface RootReading {
  readonly name: string;
  readonly scope: 'user' | 'domain';
  readonly storageBytes: number;
  readonly messages: number;
  /** 0 is no limit. */
  readonly storageLimitBytes: number;
  readonly messageLimit: number;
}

export type QuotaReading =
  | { readonly kind: 'known'; readonly user: string; readonly roots: readonly RootReading[] }
  /** It could not be told; trying again may help. */
  | { readonly kind: 'unknown'; readonly user: string; readonly reason: string };

export interface QuotaWish {
  /** Measure everything anew, and write `maildirsize` anew where there is one. */
  readonly isRecalculated: boolean;
}

/** Reads the quota of accounts; one reading for each, in their order. */
export interface QuotaReader {
  read(accounts: readonly Account[], wish: QuotaWish): Promise<readonly QuotaReading[]>;
  close(): Promise<void>;
}

/** Makes the reader that measures here. */
export type OpenQuotaReader = (config: Config) => QuotaReader;

/** So many accounts are asked for at once: the answer fits into one reply, and comes while somebody still waits. */
export const MAX_READ_ACCOUNTS = 100;

const NO_WISH: QuotaWish = { isRecalculated: false };
const ASK_AGAIN_MS = 250;
/** A domain of many accounts takes its time to be measured for the first time. */
const MAX_WAIT_MS = 120_000;

/** The daemon where one answers, else `openHere`; rejects when there is one that does not answer. */
export async function openReader(
  config: Config,
  { ask, openHere }: { readonly ask: AskDaemon; readonly openHere: OpenQuotaReader },
): Promise<QuotaReader> {
  const path = join(config.postern.stateDir, CONTROL_SOCKET);
  try {
    await ask(path, { verb: READ_QUOTA, users: [] });
  } catch (error) {
    if (!isAbsent(error)) throw error;
    return waitFor(openHere(config));
  }
  return waitFor({
    read: async (accounts, { isRecalculated }) => {
      const users = accounts.map(({ address }) => address);
      const reply = await ask(path, { verb: READ_QUOTA, users, isRecalculated });
      return takeReadings(reply, users);
    },
    close: () => Promise.resolve(),
  });
}

/** Reads again what was not measured yet, as long as that is bearable. */
function waitFor(reader: QuotaReader): QuotaReader {
  return {
    close: () => reader.close(),
    read: async (accounts, wish) => {
      const readings = new Map<string, QuotaReading>();
      const until = Date.now() + MAX_WAIT_MS;
      let open = accounts;
      while (open.length > 0) {
        const isFirst = open === accounts;
        for (const reading of await reader.read(open, isFirst ? wish : NO_WISH)) readings.set(reading.user, reading);
        open = open.filter(({ address }) => isPending(readings.get(address)));
        if (open.length === 0 || Date.now() > until) break;
        await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
      }
      return accounts.map(({ address }) => readings.get(address) ?? unknown(address, 'no answer'));
    },
  };
}

/** What the meter says before a first measurement is done. */
export const NOT_MEASURED = 'not measured yet';

function isPending(reading: QuotaReading | undefined): boolean {
  return reading?.kind === 'unknown' && reading.reason === NOT_MEASURED;
}

/** Nobody listens, or there is no such socket. */
function isAbsent(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTDIR';
}

function takeReadings(reply: DaemonReply, users: readonly string[]): QuotaReading[] {
  if (!reply.ok) throw new Error(typeof reply['error'] === 'string' ? reply['error'] : 'the daemon refused');
  const readings: unknown = reply['readings'];
  const found = Array.isArray(readings) ? readings.filter(isReading) : [];
  return users.map(
    (user) => found.find((reading) => reading.user === user) ?? unknown(user, 'the daemon said nothing'),
  );
}

function unknown(user: string, reason: string): QuotaReading {
  return { kind: 'unknown', user, reason };
}

/** The daemon is ours, yet may be of another version. */
function isReading(value: unknown): value is QuotaReading {
  if (typeof value !== 'object' || value === null || !('kind' in value) || !('user' in value)) return false;
  if (value.kind === 'unknown') return 'reason' in value && typeof value.reason === 'string';
  return value.kind === 'known' && 'roots' in value && Array.isArray(value.roots) && value.roots.every(isRoot);
}

function isRoot(value: unknown): value is RootReading {
  if (typeof value !== 'object' || value === null) return false;
  const numbers = ['storageBytes', 'messages', 'storageLimitBytes', 'messageLimit'];
  const fields = new Map<string, unknown>(Object.entries(value));
  return typeof fields.get('name') === 'string' && numbers.every((name) => typeof fields.get(name) === 'number');
}
