/**
 * Reads a whole passwd-file into a table, or says why it must not be believed: missing, unreadable, changed while
 * it was read, too large, empty. Parsing pauses often enough that the event loop stays free (DESIGN 1.4).
 */
import { createHash } from 'node:crypto';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { domainOf } from '../../core/address.ts';
import { describeError } from '../../core/errors.ts';
import type { SystemIds } from './line-draft.ts';
import { parseLine, type LineOptions, type PasswdUser } from './line.ts';

/** Three million users; past this it is not a users file. */
const MAX_FILE_BYTES = 512 * 1024 * 1024;
/** About a millisecond of parsing. */
const LINES_PER_TURN = 200;
/** About a millisecond of hashing. */
const BYTES_PER_TURN = 512 * 1024;

export interface LineFault {
  readonly line: number;
  readonly reason: string;
}

export interface PasswdTable {
  /** By normalised name. */
  readonly users: ReadonlyMap<string, PasswdUser>;
  readonly domains: ReadonlySet<string>;
  readonly faults: readonly LineFault[];
}

export type Content =
  | { readonly kind: 'read'; readonly bytes: Buffer; readonly stamp: FileStamp; readonly digest: string }
  | { readonly kind: 'unusable'; readonly reason: string };

/** What tells one version of a file from the next (RULES 6). */
export interface FileStamp {
  readonly id: string;
  readonly modifiedAtMs: number;
}

/** The stamp of the file at `path`; throws as stat(2) does. */
export async function readStamp(path: string): Promise<FileStamp> {
  return toStamp(await stat(path, { bigint: true }));
}

/** Reads the file, and reads it as one version: any change meanwhile makes it unusable. */
export async function readContent(path: string): Promise<Content> {
  try {
    const before = await stat(path, { bigint: true });
    // Opening a fifo would wait for its writer.
    if (!before.isFile()) return { kind: 'unusable', reason: 'it is no regular file' };
    if (before.size > MAX_FILE_BYTES) return { kind: 'unusable', reason: `it is larger than ${MAX_FILE_BYTES} bytes` };
    const file = await open(path, 'r');
    try {
      const bytes = await readBytes(file, Number(before.size));
      const stamp = toStamp(await file.stat({ bigint: true }));
      const isSame = stamp.id === toStamp(before).id && stamp.id === (await readStamp(path)).id;
      if (!isSame || bytes === undefined) return { kind: 'unusable', reason: 'it changed while it was read' };
      return { kind: 'read', bytes, stamp, digest: await digestBytes(bytes) };
    } finally {
      await file.close();
    }
  } catch (error) {
    return { kind: 'unusable', reason: describeError(error) };
  }
}

/** Parses the content; of several lines for one user the first is kept. */
export async function parseTable(bytes: Buffer, options: LineOptions): Promise<PasswdTable> {
  const users = new Map<string, PasswdUser>();
  const domains = new Set<string>();
  const faults: LineFault[] = [];
  const lineOptions = { ...options, ids: rememberIds(options.ids) };
  let number = 0;
  for (let start = 0; start < bytes.length;) {
    const feed = bytes.indexOf(0x0a, start);
    const end = feed === -1 ? bytes.length : feed;
    number += 1;
    const user = parseLine(bytes.toString('utf8', start, end), lineOptions);
    start = end + 1;
    if (number % LINES_PER_TURN === 0) await nextTurn();
    if (user === undefined) continue;
    for (const reason of user.faults) faults.push({ line: number, reason });
    if (users.has(user.name)) {
      faults.push({ line: number, reason: 'the user stands in an earlier line already: this line is ignored' });
      continue;
    }
    users.set(user.name, user);
    if (user.account !== undefined) domains.add(domainOf(user.name));
  }
  return { users, domains, faults };
}

/** The same few names stand in every line, and asking the system's name service takes milliseconds. */
function rememberIds({ findUid, findGid }: SystemIds): SystemIds {
  return { findUid: remember(findUid), findGid: remember(findGid) };
}

function remember(find: (name: string) => number | undefined): (name: string) => number | undefined {
  const known = new Map<string, number | undefined>();
  return (name) => {
    if (!known.has(name)) known.set(name, find(name));
    return known.get(name);
  };
}

async function digestBytes(bytes: Buffer): Promise<string> {
  const hash = createHash('sha256');
  for (let start = 0; start < bytes.length; start += BYTES_PER_TURN) {
    hash.update(bytes.subarray(start, start + BYTES_PER_TURN));
    await nextTurn();
  }
  return hash.digest('base64');
}

/** Reads exactly `size` bytes and sees that there is no further one; undefined when that is not so. */
async function readBytes(file: FileHandle, size: number): Promise<Buffer | undefined> {
  const buffer = Buffer.allocUnsafe(size + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
    length += bytesRead;
    if (length > size) return undefined;
    if (bytesRead === 0) return length === size ? buffer.subarray(0, size) : undefined;
  }
}

function toStamp(stats: { dev: bigint; ino: bigint; size: bigint; mtimeNs: bigint; mtimeMs: bigint }): FileStamp {
  const { dev, ino, size, mtimeNs, mtimeMs } = stats;
  return { id: `${dev}:${ino}:${size}:${mtimeNs}`, modifiedAtMs: Number(mtimeMs) };
}
