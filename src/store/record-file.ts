/**
 * A file of records in `state_dir`: one JSON value a line, the first says what the file is, the last how many records it
 * has. It is written anew each time, to a temporary name, synced and renamed, in pieces so small that nobody waits for
 * them; a file that is not whole is refused as a whole. It knows nothing of what a record means.
 */
import { createReadStream } from 'node:fs';
import { open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import type { RecordStore } from '../core/record-store.ts';

/** Names in it are nobody else's business. */
const MODE = 0o600;
/** Half a millisecond of work between two writes, and a little more between two reads. */
const RECORDS_PER_WRITE = 200;
const BYTES_PER_READ = 8 * 1024;
/** All tables full have less. */
const MAX_BYTES = 256 * 1024 ** 2;
const MAX_LINE_CHARS = 64 * 1024;

/** How the records of one kind are written. */
export interface RecordFormat<T> {
  /** What they are called in messages and in the first line, such as "penalties". */
  readonly name: string;
  readonly version: number;
  /** A value that JSON can hold; not a number. */
  readonly format: (record: T) => unknown;
  /** Undefined for what is no record. */
  readonly parse: (value: unknown) => T | undefined;
}

export class RecordFile<T> implements RecordStore<T> {
  readonly #path: string;
  readonly #format: RecordFormat<T>;

  constructor(path: string, format: RecordFormat<T>) {
    this.#path = path;
    this.#format = format;
  }

  /** Rejects with SyntaxError for a file that is not whole, after records may have been handed over. */
  async load(take: (record: T) => void): Promise<boolean> {
    try {
      await this.#read(take);
      return true;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
      throw error;
    }
  }

  async save(records: Iterable<T>): Promise<void> {
    const temporary = `${this.#path}.tmp`;
    // What a crash left there may have another mode.
    await rm(temporary, { force: true });
    const file = await open(temporary, 'wx', MODE);
    try {
      await writeRecords(file, records, this.#format);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, this.#path);
  }

  async #read(take: (record: T) => void): Promise<void> {
    const { name } = this.#format;
    const { size } = await stat(this.#path);
    if (size > MAX_BYTES) throw new SyntaxError(`Cannot read ${name}: ${size} bytes`);
    const reader = new RecordReader(take, this.#format);
    let rest = '';
    for await (const chunk of createReadStream(this.#path, { encoding: 'utf8', highWaterMark: BYTES_PER_READ })) {
      const lines = (rest + String(chunk)).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MAX_LINE_CHARS) throw new SyntaxError(`Cannot read ${name}: a line is too long`);
      for (const line of lines) reader.read(line);
    }
    // A number that was cut is another number, so the last line counts only with its end.
    if (rest !== '' || !reader.isWhole) throw new SyntaxError(`Cannot read ${name}: the end is missing`);
  }
}

/** Reads line after line and knows whether all were there. */
class RecordReader<T> {
  readonly #take: (record: T) => void;
  readonly #format: RecordFormat<T>;
  #lineCount = 0;
  #recordCount = 0;
  isWhole = false;

  constructor(take: (record: T) => void, format: RecordFormat<T>) {
    this.#take = take;
    this.#format = format;
  }

  read(line: string): void {
    const { name, parse } = this.#format;
    this.#lineCount += 1;
    if (this.isWhole) throw new SyntaxError(`Cannot read ${name}: line ${this.#lineCount} is behind the end`);
    const value: unknown = JSON.parse(line);
    if (this.#lineCount === 1) {
      if (value !== headerOf(this.#format)) throw new SyntaxError(`Cannot read ${name}: not such a file`);
    } else if (typeof value === 'number') {
      this.isWhole = value === this.#recordCount;
    } else {
      const record = parse(value);
      if (record === undefined) throw new SyntaxError(`Cannot read ${name}: line ${this.#lineCount} is no record`);
      this.#take(record);
      this.#recordCount += 1;
    }
  }
}

async function writeRecords<T>(file: FileHandle, records: Iterable<T>, format: RecordFormat<T>): Promise<void> {
  let lines = `${JSON.stringify(headerOf(format))}\n`;
  let count = 0;
  for (const record of records) {
    lines += `${JSON.stringify(format.format(record))}\n`;
    count += 1;
    if (count % RECORDS_PER_WRITE === 0) {
      await file.appendFile(lines);
      lines = '';
    }
  }
  await file.appendFile(`${lines}${count}\n`);
}

function headerOf({ name, version }: Pick<RecordFormat<never>, 'name' | 'version'>): string {
  return `postern ${name} ${version}`;
}
