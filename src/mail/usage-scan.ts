/**
 * Measures a Maildir++ from its file names: what `new` and `cur` of the INBOX and every folder hold. Synchronous, for
 * the worker thread only. A directory whose modification time has not changed since is not read again, unless that
 * time was less than two seconds old when it was read (RULES 34).
 */
import { opendirSync, statSync, type Dir } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../core/errors.ts';
import { findSequence, findStoredSize, takeBaseName } from './maildir-name.ts';
import { INBOX_KEY } from './measured-usage.ts';
import type { Room } from './quota-verdict.ts';

export interface ScanRequest {
  /** The Maildir++ root. */
  readonly path: string;
  readonly inbox: string;
  /** The process whose deliveries are to be told apart, and the first of their sequences that matters. */
  readonly pid: number;
  readonly sinceSequence: number;
  /** Read every directory, whatever is known of it. */
  readonly isFresh?: boolean;
}

export interface ScanResult {
  readonly bytes: number;
  readonly messages: number;
  /** By folder directory, the INBOX under `INBOX_KEY`; folders without mail as well. */
  readonly mailboxes: ReadonlyMap<string, Room>;
  /** Sequences of own deliveries that are among the messages. */
  readonly seen: readonly number[];
}

/** What a directory held when it was read last. */
interface KnownTotals extends Room {
  readonly modifiedAtNs: bigint;
  readonly isTrusted: boolean;
}

const MIN_TRUSTED_AGE_NS = 2_000_000_000n;
/** Of all directories of all accounts; past it the memory starts anew. */
const MAX_KNOWN_DIRECTORIES = 100_000;
const READ_BATCH = 1024;
const NS_PER_MS = 1_000_000n;

export class UsageScanner {
  readonly #known = new Map<string, KnownTotals>();

  /** Measures; an account without any directory has nothing. Throws the system's error. */
  scan(request: ScanRequest): ScanResult {
    if (this.#known.size > MAX_KNOWN_DIRECTORIES) this.#known.clear();
    const seen: number[] = [];
    const mailboxes = new Map<string, Room>();
    let bytes = 0;
    let messages = 0;
    for (const [key, maildir] of findMaildirs(request)) {
      let own: Room | undefined;
      // A message moves from new to cur, never back: read in this order it may be met twice, but not missed.
      const met = new Set<string>();
      for (const part of ['new', 'cur'] as const) {
        const directory = join(maildir, part);
        if (request.isFresh === true) this.#known.delete(directory);
        const totals = this.#read(directory, met, (name) => {
          if (part === 'new') met.add(takeBaseName(name));
          const sequence = findSequence(name, request.pid);
          if (sequence !== undefined && sequence >= request.sinceSequence) seen.push(sequence);
        });
        if (totals !== undefined) own = addRooms(own, totals);
      }
      // Files beside the folders are none.
      if (own === undefined) continue;
      mailboxes.set(key, own);
      bytes += own.bytes;
      messages += own.messages;
    }
    return { bytes, messages, mailboxes, seen };
  }

  /**
   * Totals of one directory without the messages in `met`, or undefined when there is no such directory; `onMessage` hears of
   * each message, unless nothing changed.
   */
  #read(directory: string, met: ReadonlySet<string>, onMessage: (name: string) => void): Room | undefined {
    const modifiedAtNs = findModifiedAt(directory);
    if (modifiedAtNs === undefined) return undefined;
    const known = this.#known.get(directory);
    if (known?.isTrusted === true && known.modifiedAtNs === modifiedAtNs) return known;
    let bytes = 0;
    let messages = 0;
    for (const name of readNames(directory)) {
      if (name.startsWith('.') || met.has(takeBaseName(name))) continue;
      const size = findStoredSize(name) ?? findSize(join(directory, name));
      if (size === undefined) continue;
      bytes += size;
      messages += 1;
      onMessage(name);
    }
    const isTrusted = BigInt(Date.now()) * NS_PER_MS - modifiedAtNs > MIN_TRUSTED_AGE_NS;
    this.#known.set(directory, { modifiedAtNs, isTrusted, bytes, messages });
    return { bytes, messages };
  }
}

/** Each once, by its key: the INBOX may be one of the folders. */
function findMaildirs({ path, inbox }: ScanRequest): Map<string, string> {
  const maildirs = new Map([[INBOX_KEY, inbox]]);
  for (const name of readNames(path)) {
    const maildir = join(path, name);
    if (name.startsWith('.') && maildir !== inbox) maildirs.set(name, maildir);
  }
  return maildirs;
}

/** The names in a directory; none when it does not exist or goes away. */
function* readNames(path: string): Generator<string> {
  let directory: Dir;
  try {
    directory = opendirSync(path, { bufferSize: READ_BATCH });
  } catch (error) {
    if (isMissing(error)) return;
    throw error;
  }
  try {
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) yield entry.name;
  } finally {
    directory.closeSync();
  }
}

function findModifiedAt(path: string): bigint | undefined {
  try {
    return statSync(path, { bigint: true }).mtimeNs;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** The size of a file whose name has none; undefined when it is gone or no file. */
function findSize(path: string): number | undefined {
  const status = statSync(path, { throwIfNoEntry: false });
  return status?.isFile() === true ? status.size : undefined;
}

/** Plain files lie among the folders (`.postern-root`, `.dovecot.sieve`): they hold no messages. */
function isMissing(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** Several results as one. */
export function addResults(results: readonly ScanResult[]): ScanResult {
  const sum = { bytes: 0, messages: 0, mailboxes: new Map<string, Room>(), seen: [] as number[] };
  for (const { bytes, messages, mailboxes, seen } of results) {
    sum.bytes += bytes;
    sum.messages += messages;
    for (const sequence of seen) sum.seen.push(sequence);
    for (const [key, room] of mailboxes) {
      sum.mailboxes.set(key, addRooms(sum.mailboxes.get(key), room));
    }
  }
  return sum;
}

function addRooms(a: Room | undefined, b: Room): Room {
  return { bytes: (a?.bytes ?? 0) + b.bytes, messages: (a?.messages ?? 0) + b.messages };
}
