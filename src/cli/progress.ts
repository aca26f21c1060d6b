/** A count that is shown on a terminal while a verb works through many things; nowhere else. */
import type { Terminal } from './terminal.ts';

/** A person reads no faster. */
const PAUSE_MS = 100;
const CLEAR_LINE = '\r\u001B[K';

export class Progress {
  readonly #terminal: Terminal;
  readonly #words: string;
  #count = 0;
  #shownAtMs = 0;
  #isShown = false;

  /** `words` follow the count: `accounts read`. */
  constructor(terminal: Terminal, words: string) {
    this.#terminal = terminal;
    this.#words = words;
  }

  /** Counts `more`. */
  add(more: number): void {
    this.#count += more;
    const now = performance.now();
    if (!this.#terminal.showsProgress || now - this.#shownAtMs < PAUSE_MS) return;
    this.#shownAtMs = now;
    this.#isShown = true;
    this.#terminal.err(`${CLEAR_LINE}${this.#count} ${this.#words}`);
  }

  /** Takes the line away, before something else is written. */
  clear(): void {
    if (this.#isShown) this.#terminal.err(CLEAR_LINE);
    this.#isShown = false;
  }
}
