/**
 * Reads a whole passwd-file into a table, or says why it must not be believed: missing, unreadable, changed while
 * it was read, too large. Every line is read once as it will be at a lookup, so that what is wrong with it can be said
 * with its number. It takes its time: a large file is loaded in a thread of its own (`load-thread.ts`, DESIGN 1.4).
 */
import { createHash } from 'node:crypto';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { describeError } from '../../core/errors.ts';
import { ACCOUNT_VARIABLES, type LoginFacts } from '../../core/variables.ts';
import { listNames, parseTemplate } from '../../core/template.ts';
import type { DriverReaders } from '../driver-readers.ts';
import { readBothSides, splitLine, type LineOptions, type RawLine } from './line.ts';
import { readLines, TableIndexer, type TableParts } from './table.ts';

/** Three million users; past this it is not a users file. */
const MAX_FILE_BYTES = 512 * 1024 * 1024;
/** Enough to see what is wrong; the rest is counted. */
const MAX_FAULTS = 1000;
/** More user names of the system than any file has; asking for each takes a program to start. */
const MAX_SYSTEM_NAMES = 100;

export interface LineFault {
  readonly line: number;
  readonly reason: string;
}

/** A user or group that some line names instead of a number. */
export interface SystemName {
  readonly kind: 'uid' | 'gid';
  readonly name: string;
  /** Where it stands first. */
  readonly line: number;
}

/** What tells one version of a file from the next (RULES 6). */
export interface FileStamp {
  readonly id: string;
  readonly modifiedAtMs: number;
}

export type Loaded =
  | {
      readonly kind: 'read';
      readonly stamp: FileStamp;
      readonly digest: string;
      readonly table: TableParts;
      readonly faults: readonly LineFault[];
      /** Faults that are not listed. */
      readonly moreFaults: number;
      readonly systemNames: readonly SystemName[];
      /** Answers depend on where a login comes from, not on its name alone. */
      readonly usesLogin: boolean;
    }
  /** The version with the known digest, under another stamp. */
  | { readonly kind: 'same'; readonly stamp: FileStamp }
  | { readonly kind: 'unusable'; readonly reason: string };

export interface LoadRequest {
  readonly path: string;
  /** Digest of the version that need not be read again. */
  readonly knownDigest?: string | undefined;
}

/** The stamp of the file at `path`; throws as stat(2) does. */
export async function readStamp(path: string): Promise<FileStamp & { readonly size: number }> {
  return toStamp(await stat(path, { bigint: true }));
}

/** Loads the file as one version: any change meanwhile makes it unusable. */
export async function loadUsers({ path, knownDigest }: LoadRequest, readers: DriverReaders): Promise<Loaded> {
  const content = await readContent(path);
  if (content.kind === 'unusable') return content;
  const { bytes, stamp } = content;
  const digest = createHash('sha256').update(bytes).digest('base64');
  if (digest === knownDigest) return { kind: 'same', stamp };
  return { kind: 'read', stamp, digest, ...buildTable(bytes, readers) };
}

export type Content =
  | { readonly kind: 'read'; readonly bytes: Buffer<ArrayBuffer>; readonly stamp: FileStamp }
  | { readonly kind: 'unusable'; readonly reason: string };

/** Reads the bytes of the file as one version; never rejects. */
export async function readContent(path: string): Promise<Content> {
  try {
    return await readVersion(path);
  } catch (error) {
    return { kind: 'unusable', reason: describeError(error) };
  }
}

async function readVersion(path: string): Promise<Content> {
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
    return { kind: 'read', bytes, stamp };
  } finally {
    await file.close();
  }
}

type Built = Pick<Extract<Loaded, { kind: 'read' }>, 'table' | 'faults' | 'moreFaults' | 'systemNames' | 'usesLogin'>;

/** Indexes the content; of several lines for one user the first is kept. */
export function buildTable(bytes: Buffer<ArrayBuffer>, readers: DriverReaders): Built {
  const indexer = new TableIndexer(bytes);
  const inspector = new LineInspector(readers);
  let number = 0;
  for (const { start, text } of readLines(bytes)) {
    number += 1;
    const raw = splitLine(text);
    if (raw === undefined) continue;
    if (indexer.add(start, raw)) inspector.inspect(number, raw);
    else inspector.report(number, 'the user stands in an earlier line already: this line is ignored');
  }
  const { faults, moreFaults, systemNames, usesLogin } = inspector;
  const own = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { table: indexer.finish(own), faults, moreFaults, systemNames, usesLogin };
}

/** Some login, so that variables of one have a value. */
const SOME_LOGIN: LoginFacts = {
  typedName: 'user@example.com',
  context: {
    service: 'smtp',
    mechanism: 'PLAIN',
    remoteAddress: '192.0.2.1',
    localAddress: '192.0.2.1',
    isSecured: true,
  },
};
const UNKNOWN_ID = -1;
const FREE_OF_LOGIN: ReadonlySet<string> = new Set([...ACCOUNT_VARIABLES, 'home']);

/** Reads lines as a lookup would, and keeps what was wrong with them. */
class LineInspector {
  readonly faults: LineFault[] = [];
  moreFaults = 0;
  usesLogin = false;
  readonly #names = new Map<string, SystemName>();
  readonly #options: LineOptions & { readonly login: LoginFacts };
  /** The line that is read. */
  #line = 0;

  constructor(readers: DriverReaders) {
    const ids = {
      findUid: (name: string) => this.#noteName('uid', name),
      findGid: (name: string) => this.#noteName('gid', name),
    };
    // Nothing that can be wrong with a line depends on its section.
    this.#options = { defaultScheme: 'CRYPT', source: '', ids, readers, login: SOME_LOGIN };
  }

  get systemNames(): SystemName[] {
    return [...this.#names.values()];
  }

  inspect(line: number, raw: RawLine): void {
    if (raw.name !== raw.name.toLowerCase()) {
      this.report(line, 'the name has upper case: it is found in any case here, and by Dovecot most likely never');
    }
    if (raw.password === undefined) this.report(line, 'there is no password field: nobody can log in as this user');
    this.#line = line;
    for (const reason of readBothSides(raw, this.#options).faults) this.report(line, reason);
    if (raw.extra.includes('%')) this.usesLogin ||= usesLoginVariable(raw.extra);
  }

  report(line: number, reason: string): void {
    if (this.faults.length < MAX_FAULTS) this.faults.push({ line, reason });
    else this.moreFaults += 1;
  }

  /** Whether it is known to the system is asked where that can be asked: here it passes, but past the limit. */
  #noteName(kind: 'uid' | 'gid', name: string): number | undefined {
    const key = `${kind} ${name}`;
    if (this.#names.has(key)) return UNKNOWN_ID;
    if (this.#names.size >= MAX_SYSTEM_NAMES) return undefined;
    this.#names.set(key, { kind, name, line: this.#line });
    return UNKNOWN_ID;
  }
}

function usesLoginVariable(extra: string): boolean {
  try {
    return [...listNames(parseTemplate(extra))].some((name) => !FREE_OF_LOGIN.has(name));
  } catch {
    // Some field of it cannot be expanded and is off; the others may be anything.
    return true;
  }
}

/** Reads exactly `size` bytes and sees that there is no further one; undefined when that is not so. */
async function readBytes(file: FileHandle, size: number): Promise<Buffer<ArrayBuffer> | undefined> {
  // Not from the pool: the memory is handed to another thread as a whole.
  const buffer = Buffer.allocUnsafeSlow(size + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
    length += bytesRead;
    if (length > size) return undefined;
    if (bytesRead === 0) return length === size ? buffer.subarray(0, size) : undefined;
  }
}

function toStamp(stats: { dev: bigint; ino: bigint; size: bigint; mtimeNs: bigint; mtimeMs: bigint }): FileStamp & {
  readonly size: number;
} {
  const { dev, ino, size, mtimeNs, mtimeMs } = stats;
  return { id: `${dev}:${ino}:${size}:${mtimeNs}`, modifiedAtMs: Number(mtimeMs), size: Number(size) };
}
