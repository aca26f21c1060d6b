/** A terminal for tests: keeps what was printed and answers from a list. */
import type { Terminal } from '../../src/cli/terminal.ts';

export class FakeTerminal implements Terminal {
  output = '';
  errors = '';
  readonly isInteractive: boolean;
  readonly showsProgress: boolean;
  readonly #secrets: (string | undefined)[];
  readonly #input: Buffer;

  /** `secrets` are the answers to `readSecret` in order; with none, there is no person at the terminal. */
  constructor(options: { secrets?: (string | undefined)[]; input?: string | Buffer; showsProgress?: boolean } = {}) {
    this.#secrets = [...(options.secrets ?? [])];
    this.isInteractive = options.secrets !== undefined;
    this.showsProgress = options.showsProgress === true;
    this.#input = Buffer.from(options.input ?? '');
  }

  out(text: string): void {
    this.output += text;
  }

  err(text: string): void {
    this.errors += text;
  }

  async readSecret(prompt: string): Promise<string | undefined> {
    this.errors += prompt;
    return this.#secrets.shift();
  }

  async readInput(maxBytes: number): Promise<Buffer> {
    if (this.#input.length > maxBytes) throw new RangeError(`Cannot read more than ${maxBytes} bytes`);
    return this.#input;
  }
}
