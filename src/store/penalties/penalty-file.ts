/**
 * The file `state_dir/penalties`: one JSON value a line, the first says what the file is, the last how many records it
 * has. It is written anew each time, to a temporary name, synced and renamed, in pieces so small that nobody waits for
 * them; a file that is not whole is refused as a whole. It knows nothing of what a penalty means.
 */
import { createReadStream } from 'node:fs';
import { open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import type { PenaltyKind, PenaltyRecord, PenaltyStore } from '../../auth/penalty-store.ts';

const HEADER = 'postern penalties 1';
/** Names in it are nobody else's business. */
const MODE = 0o600;
/** Half a millisecond of work between two writes, and a little more between two reads. */
const RECORDS_PER_WRITE = 200;
const BYTES_PER_READ = 8 * 1024;
/** All tables full have less. */
const MAX_BYTES = 256 * 1024 ** 2;
const MAX_LINE_CHARS = 64 * 1024;
const SECOND_MS = 1000;
const LEVEL_DIGITS = 2;

export class PenaltyFile implements PenaltyStore {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Rejects with SyntaxError for a file that is not whole, after records may have been handed over. */
  async load(take: (record: PenaltyRecord) => void): Promise<boolean> {
    try {
      await this.#read(take);
      return true;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
      throw error;
    }
  }

  async save(records: Iterable<PenaltyRecord>): Promise<void> {
    const temporary = `${this.#path}.tmp`;
    // What a crash left there may have another mode.
    await rm(temporary, { force: true });
    const file = await open(temporary, 'wx', MODE);
    try {
      await writeRecords(file, records);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, this.#path);
  }

  async #read(take: (record: PenaltyRecord) => void): Promise<void> {
    const { size } = await stat(this.#path);
    if (size > MAX_BYTES) throw new SyntaxError(`Cannot read penalties: ${size} bytes`);
    const reader = new RecordReader(take);
    let rest = '';
    for await (const chunk of createReadStream(this.#path, { encoding: 'utf8', highWaterMark: BYTES_PER_READ })) {
      const lines = (rest + String(chunk)).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MAX_LINE_CHARS) throw new SyntaxError('Cannot read penalties: a line is too long');
      for (const line of lines) reader.read(line);
    }
    // A number that was cut is another number, so the last line counts only with its end.
    if (rest !== '' || !reader.isWhole) throw new SyntaxError('Cannot read penalties: the end is missing');
  }
}

/** Reads line after line and knows whether all were there. */
class RecordReader {
  readonly #take: (record: PenaltyRecord) => void;
  #lineCount = 0;
  #recordCount = 0;
  isWhole = false;

  constructor(take: (record: PenaltyRecord) => void) {
    this.#take = take;
  }

  read(line: string): void {
    this.#lineCount += 1;
    if (this.isWhole) throw new SyntaxError(`Cannot read penalties: line ${this.#lineCount} is behind the end`);
    const value: unknown = JSON.parse(line);
    if (this.#lineCount === 1) {
      if (value !== HEADER) throw new SyntaxError('Cannot read penalties: not such a file');
    } else if (typeof value === 'number') {
      this.isWhole = value === this.#recordCount;
    } else {
      this.#take(parseRecord(value, this.#lineCount));
      this.#recordCount += 1;
    }
  }
}

async function writeRecords(file: FileHandle, records: Iterable<PenaltyRecord>): Promise<void> {
  let lines = `${JSON.stringify(HEADER)}\n`;
  let count = 0;
  for (const record of records) {
    lines += `${formatRecord(record)}\n`;
    count += 1;
    if (count % RECORDS_PER_WRITE === 0) {
      await file.appendFile(lines);
      lines = '';
    }
  }
  await file.appendFile(`${lines}${count}\n`);
}

function formatRecord(record: PenaltyRecord): string {
  if (record.kind === 'known') {
    return JSON.stringify([record.kind, record.user, record.site, toSeconds(record.until)]);
  }
  const { kind, key, level, changedAt, lastFailureAt } = record;
  return JSON.stringify([
    kind,
    key,
    Number(level.toFixed(LEVEL_DIGITS)),
    toSeconds(changedAt),
    toSeconds(lastFailureAt),
  ]);
}

function parseRecord(value: unknown, line: number): PenaltyRecord {
  const [kind, key, ...rest]: unknown[] = Array.isArray(value) ? value : [];
  if (typeof kind === 'string' && typeof key === 'string') {
    if (kind === 'known' && typeof rest[0] === 'string' && isTime(rest[1])) {
      return { kind, user: key, site: rest[0], until: rest[1] * SECOND_MS };
    }
    const [level, changedAt, lastFailureAt] = rest;
    if (isKind(kind) && isTime(level) && isTime(changedAt) && isTime(lastFailureAt)) {
      return { kind, key, level, changedAt: changedAt * SECOND_MS, lastFailureAt: lastFailureAt * SECOND_MS };
    }
  }
  throw new SyntaxError(`Cannot read penalties: line ${line} is no record`);
}

function isKind(text: string): text is PenaltyKind {
  return text === 'network' || text === 'site' || text === 'user' || text === 'pair';
}

/** Whether a value is a number that can be a time or a level. */
function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function toSeconds(ms: number): number {
  return Math.floor(ms / SECOND_MS);
}
