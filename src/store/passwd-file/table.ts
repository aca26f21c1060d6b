/**
 * The users of one version of a passwd-file: its bytes as they are, and an index of where each name stands. A name is
 * looked up by its hash and read from its line then, so that a file of a million users costs little more memory than its
 * size, is handed over by the thread that read it without a copy, and leaves nothing for the garbage collector. Names
 * are compared normalised: case and notation of the domain do not matter.
 */
import { domainOf, normalizeLogin, parseNormalized } from '../../core/address.ts';
import { splitLine, type RawLine } from './line.ts';

const LINE_FEED = 0x0a;
const COLON = 0x3a;
const EMPTY = 0;
/** Two numbers a place: the hash, and where the line begins, plus one. */
const PLACE = 2;
/** Places for each name: at most half of them are taken, so that a search is short. */
const SPARE = 2;

/** What a table is made of; every part can be handed to another thread. */
export interface TableParts {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Index of names. */
  readonly names: Uint32Array<ArrayBuffer>;
  /** Index of mail domains; each stands for a line that has it. */
  readonly domains: Uint32Array<ArrayBuffer>;
  /** Users, each name once. */
  readonly count: number;
}

export class PasswdTable {
  readonly count: number;
  readonly #bytes: Buffer;
  readonly #names: Uint32Array;
  readonly #domains: Uint32Array;

  constructor({ bytes, names, domains, count }: TableParts) {
    this.count = count;
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#names = names;
    this.#domains = domains;
  }

  /** The first line of a user, by normalised name. */
  find(name: string): RawLine | undefined {
    const start = findPlace(this.#names, name, (at) => readName(this.#bytes, at));
    return start === undefined ? undefined : splitLine(readLine(this.#bytes, start));
  }

  /** Whether somebody's mail address is in the domain. */
  hasDomain(domain: string): boolean {
    return findPlace(this.#domains, domain, (at) => domainOf(readName(this.#bytes, at))) !== undefined;
  }

  /** Every user once, in the order of the file. */
  *users(): Iterable<{ readonly name: string; readonly raw: RawLine }> {
    for (const { start, text } of readLines(this.#bytes)) {
      const raw = splitLine(text);
      if (raw === undefined) continue;
      const name = normalizeLogin(raw.name);
      const first = findPlace(this.#names, name, (at) => readName(this.#bytes, at));
      if (first === start) yield { name, raw };
    }
  }
}

/** Puts the names of a file into an index, line by line. */
export class TableIndexer {
  readonly #bytes: Buffer;
  readonly #names: Uint32Array<ArrayBuffer>;
  #domains: Uint32Array<ArrayBuffer>;
  #count = 0;
  #domainCount = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#names = makeIndex(countLines(bytes));
    this.#domains = makeIndex(1);
  }

  /** False when the name stands in an earlier line. */
  add(start: number, raw: RawLine): boolean {
    const name = normalizeLogin(raw.name);
    if (!insert(this.#names, { key: name, start, keyAt: (at) => readName(this.#bytes, at) })) return false;
    this.#count += 1;
    if (parseNormalized(raw.name) !== undefined) this.#addDomain(domainOf(name), start);
    return true;
  }

  /** The index of all that was added; `bytes` are those of the constructor. */
  finish(bytes: Uint8Array<ArrayBuffer>): TableParts {
    return { bytes, names: this.#names, domains: this.#domains, count: this.#count };
  }

  #addDomain(domain: string, start: number): void {
    const keyAt = (at: number): string => domainOf(readName(this.#bytes, at));
    if ((this.#domainCount + 1) * SPARE * PLACE > this.#domains.length) {
      const grown = makeIndex(this.#domainCount * SPARE + 1);
      for (let i = 0; i < this.#domains.length; i += PLACE) {
        const at = this.#domains[i + 1] ?? EMPTY;
        if (at !== EMPTY) insert(grown, { key: keyAt(at - 1), start: at - 1, keyAt });
      }
      this.#domains = grown;
    }
    if (insert(this.#domains, { key: domain, start, keyAt })) this.#domainCount += 1;
  }
}

/** The lines of a file with where they begin, without their line feeds. */
export function* readLines(bytes: Buffer): Iterable<{ readonly start: number; readonly text: string }> {
  for (let start = 0; start < bytes.length;) {
    const text = readLine(bytes, start);
    yield { start, text };
    const feed = bytes.indexOf(LINE_FEED, start);
    start = feed === -1 ? bytes.length : feed + 1;
  }
}

function readLine(bytes: Buffer, start: number): string {
  const feed = bytes.indexOf(LINE_FEED, start);
  return bytes.toString('utf8', start, feed === -1 ? bytes.length : feed);
}

function readName(bytes: Buffer, start: number): string {
  const line = bytes.indexOf(LINE_FEED, start);
  const end = line === -1 ? bytes.length : line;
  const colon = bytes.subarray(start, end).indexOf(COLON);
  const text = bytes.toString('utf8', start, colon === -1 ? end : start + colon);
  // A line may hold nothing but a name and a carriage return.
  return normalizeLogin(colon === -1 && text.endsWith('\r') ? text.slice(0, -1) : text);
}

function countLines(bytes: Buffer): number {
  let count = 1;
  for (let at = bytes.indexOf(LINE_FEED); at !== -1; at = bytes.indexOf(LINE_FEED, at + 1)) count += 1;
  return count;
}

function makeIndex(count: number): Uint32Array<ArrayBuffer> {
  return new Uint32Array(2 ** Math.ceil(Math.log2(count * SPARE + 1)) * PLACE);
}

function findPlace(index: Uint32Array, key: string, keyAt: (start: number) => string): number | undefined {
  const hash = hashText(key);
  const places = index.length / PLACE;
  for (let place = hash % places; ; place = (place + 1) % places) {
    const at = index[place * PLACE + 1] ?? EMPTY;
    if (at === EMPTY) return undefined;
    if (index[place * PLACE] === hash && keyAt(at - 1) === key) return at - 1;
  }
}

/** False when the key is there. */
function insert(
  index: Uint32Array,
  { key, start, keyAt }: { key: string; start: number; keyAt: (start: number) => string },
): boolean {
  const hash = hashText(key);
  const places = index.length / PLACE;
  for (let place = hash % places; ; place = (place + 1) % places) {
    const at = index[place * PLACE + 1] ?? EMPTY;
    if (at === EMPTY) {
      index[place * PLACE] = hash;
      index[place * PLACE + 1] = start + 1;
      return true;
    }
    if (index[place * PLACE] === hash && keyAt(at - 1) === key) return false;
  }
}

/** FNV-1a over 16-bit units, 32 bits wide, its bits mixed once more: places are taken from the low ones. */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  return (hash ^ (hash >>> 15)) >>> 0;
}
