/**
 * Lines for the auth socket, most of them wrong: lines of a corpus as they are, with a few bytes changed, and noise. The
 * same seed gives the same lines. Text is latin1, one character a byte, without line feeds.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What fills the places in the corpus; each connection has its own. */
export interface Filling {
  readonly user: string;
  readonly password: string;
  /** A new id and one given out lately. */
  readonly takeId: () => number;
  readonly recentId: () => number;
}

const CORPUS = join(import.meta.dirname, '../../../test/fuzz/corpus/auth.txt');
/** Bytes and numbers on which parsers stumble. */
const BAD_TEXTS = [
  '\0', '\x01', '\x01t', '\x01n', '\t', '\t\t', '\r', ' ', '=', '==', '\xff', '\xc3', '\xe2\x80\xae', '%', '%u', '\'', '"', '\\',
  '*', ',', '-1', '0', '4294967295', '4294967296', '99999999999999999999', 'resp=', 'AUTH', 'CONT', 'VERSION\t1\t2', 'CPID\t1',
]; // prettier-ignore
/** Longer than the longest line there may be. */
const MAX_REPEATED = 20_000;
const REPEATED_LIMIT = 64;

/** Makes lines; `random` gives numbers in [0, 1). */
export class AuthLines {
  readonly #templates = readCorpus();
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  next(filling: Filling): string {
    const kind = this.#random();
    if (kind < 0.5) return this.#fill(filling);
    if (kind < 0.999) return this.#mutate(this.#fill(filling));
    return this.#noise(this.#below(200));
  }

  #fill({ user, password, takeId, recentId }: Filling): string {
    return this.#pick(this.#templates).replaceAll(/\{(\w+)\}/g, (_whole, name: string) => {
      switch (name) {
        case 'id':
          return String(takeId());
        case 'other':
          return String(recentId());
        case 'right':
          return encode(`\0${user}\0${password}`);
        case 'wrong':
          return encode(`\0${user}\0${this.#noise(12)}`);
        case 'unknown':
          return encode(`\0${this.#noise(8)}@example.test\0${password}`);
        case 'user':
          return encode(user);
        case 'password':
          return encode(this.#random() < 0.5 ? password : this.#noise(12));
        default:
          throw new RangeError(`Cannot fill {${name}} of the corpus: not known`);
      }
    });
  }

  #mutate(line: string): string {
    let mutated = line;
    for (let i = this.#below(3); i >= 0; i--) {
      // What stands before the second TAB mostly costs the connection, and with it what could be found behind.
      const kept = this.#random() < 0.9 ? findSecondTab(mutated) : 0;
      mutated = mutated.slice(0, kept) + this.#mutateOnce(mutated.slice(kept));
    }
    return mutated.replaceAll('\n', ' ');
  }

  #mutateOnce(line: string): string {
    const at = this.#below(line.length + 1);
    const [before, behind] = [line.slice(0, at), line.slice(at)];
    switch (this.#below(8)) {
      case 0:
        return before + this.#noise(1) + behind.slice(1);
      case 1:
        return before + behind.slice(1 + this.#below(8));
      case 2:
        return before + this.#pick(BAD_TEXTS) + behind;
      case 3:
        return before + this.#noise(1 + this.#below(20)) + behind;
      case 4: {
        const fields = line.split('\t');
        fields.splice(this.#below(fields.length), 1, this.#pick(fields), this.#pick(BAD_TEXTS));
        return fields.join('\t');
      }
      case 5:
        return before + before.slice(this.#below(before.length + 1)) + behind;
      case 6:
        return before;
      default: {
        const count = this.#random() < 0.01 ? this.#below(MAX_REPEATED) : this.#below(REPEATED_LIMIT);
        return before + (behind[0] ?? 'x').repeat(count) + behind;
      }
    }
  }

  #noise(length: number): string {
    let text = '';
    for (let i = 0; i < length; i++) text += String.fromCodePoint(this.#below(256));
    return text.replaceAll('\n', ' ');
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #pick<T>(items: readonly T[]): T {
    const item = items[this.#below(items.length)];
    if (item === undefined) throw new RangeError('Cannot pick: no items');
    return item;
  }
}

const ESCAPES: Readonly<Record<string, string>> = { t: '\t', r: '\r', '0': '\0' };

function readCorpus(): string[] {
  return readFileSync(CORPUS, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) =>
      line.replaceAll(/\\(?:x([0-9a-f]{2})|([tr0]))/g, (_whole, hex: string | undefined, letter: string | undefined) =>
        hex === undefined ? (ESCAPES[letter ?? ''] ?? '') : String.fromCodePoint(Number.parseInt(hex, 16)),
      ),
    );
}

function findSecondTab(line: string): number {
  const second = line.indexOf('\t', line.indexOf('\t') + 1);
  return second === -1 ? 0 : second + 1;
}

function encode(text: string): string {
  return Buffer.from(text, 'latin1').toString('base64');
}
