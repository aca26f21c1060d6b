/**
 * Plays transcripts (`test/dialog/*.dialog`) against a running service. The first line names the service and how its
 * lines end: `service NAME lf|crlf|none`. Then one step a line; blank lines say nothing:
 *
 *   -> TEXT   send TEXT and the line end        <- TEXT   the next line is exactly TEXT
 *   >> TEXT   send TEXT without a line end      <~ REGEXP the whole next line matches
 *   x> end our writing side                     x< the peer closes, and nothing came before that
 *   -- comment
 *
 * In TEXT `\t \r \n \0 \\ \xHH` are what they are in JavaScript. With line end `none` (netstrings) `<-` takes exactly
 * as many bytes as TEXT has, and `<~` what the expression matches at the start. Non-ASCII text is UTF-8.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Socket } from 'node:net';

export interface DialogOptions {
  /** The transcript. */
  readonly path: string;
  /** Opens a connection to the service; the runner destroys it. */
  readonly connect: () => Socket;
  /** Longest wait of one step. */
  readonly stepTimeoutMs?: number;
}

const VERBS = ['->', '>>', '<-', '<~', 'x>', 'x<'] as const;
type Verb = (typeof VERBS)[number];

interface Step {
  readonly verb: Verb;
  readonly text: string;
  readonly line: number;
}

interface Dialog {
  readonly service: string;
  readonly lineEnd: string;
  readonly steps: readonly Step[];
}

const LINE_ENDS: ReadonlyMap<string, string> = new Map([
  ['lf', '\n'],
  ['crlf', '\r\n'],
  ['none', ''],
]);
const STEP_TIMEOUT_MS = 5000;
/** What a step that went well says. */
const FINE = '';
/** The sources: transcripts are not compiled, so they are not below `dist`. */
const DIALOG_FOLDER = join(import.meta.dirname, '../../../test/dialog');

/** The transcripts of one service, with a name for each test. */
export function findDialogs(service: string): { name: string; path: string }[] {
  const paths = readdirSync(DIALOG_FOLDER)
    .filter((file) => file.endsWith('.dialog'))
    .toSorted()
    .map((file) => join(DIALOG_FOLDER, file));
  return paths
    .filter((path) => parseDialog(readFileSync(path, 'utf8'), path).service === service)
    .map((path) => ({ name: basename(path, '.dialog').replaceAll('-', ' '), path }));
}

/** Plays one transcript; throws at the first step that differs, with file, line and what came instead. */
export async function runDialog(options: DialogOptions): Promise<void> {
  const dialog = parseDialog(readFileSync(options.path, 'utf8'), options.path);
  const peer = new Peer(options.connect(), dialog.lineEnd);
  const timeoutMs = options.stepTimeoutMs ?? STEP_TIMEOUT_MS;
  try {
    for (const step of dialog.steps) {
      const fault = await peer.play(step, timeoutMs);
      if (fault !== FINE) assert.fail(`${options.path}:${step.line}: ${step.verb} ${step.text}\n  ${fault}`);
    }
  } finally {
    peer.destroy();
  }
}

/** Parses a transcript; `path` is for messages only. */
export function parseDialog(content: string, path: string): Dialog {
  const [header = '', ...lines] = content.split('\n');
  const words = /^service (\S+) (lf|crlf|none)$/.exec(header);
  const lineEnd = LINE_ENDS.get(words?.[2] ?? '');
  if (words?.[1] === undefined || lineEnd === undefined) {
    throw new SyntaxError(`${path}:1: the first line must be "service NAME lf|crlf|none"`);
  }
  const steps: Step[] = [];
  for (const [i, line] of lines.entries()) {
    if (line === '' || line.startsWith('--')) continue;
    const verb = VERBS.find((known) => line === known || line.startsWith(`${known} `));
    if (verb === undefined) throw new SyntaxError(`${path}:${i + 2}: no such step: ${line}`);
    steps.push({ verb, text: line.slice(verb.length + 1), line: i + 2 });
  }
  return { service: words[1], lineEnd, steps };
}

/** The client's end of the connection: what has come and was not yet looked at. Bytes are kept as latin1. */
class Peer {
  readonly #socket: Socket;
  readonly #lineEnd: string;
  #received = '';
  #isClosed = false;
  #wake: () => void = () => undefined;

  constructor(socket: Socket, lineEnd: string) {
    this.#socket = socket;
    this.#lineEnd = lineEnd;
    socket.on('data', (chunk: Buffer) => {
      this.#received += chunk.toString('latin1');
      this.#wake();
    });
    // A reset is a close like any other.
    socket.on('error', () => undefined);
    const close = (): void => {
      this.#isClosed = true;
      this.#wake();
    };
    socket.on('end', close).on('close', close);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Plays one step; returns what went wrong, or an empty string. */
  async play(step: Step, timeoutMs: number): Promise<string> {
    switch (step.verb) {
      case '->':
        this.#socket.write(Buffer.from(decode(step.text) + this.#lineEnd, 'latin1'));
        return FINE;
      case '>>':
        this.#socket.write(Buffer.from(decode(step.text), 'latin1'));
        return FINE;
      case 'x>':
        this.#socket.end();
        return FINE;
      case 'x<':
        await this.#waitFor(() => this.#isClosed || this.#received !== '', timeoutMs);
        if (this.#received !== '') return `came: ${JSON.stringify(this.#received)}`;
        return this.#isClosed ? FINE : `still open after ${timeoutMs} ms`;
      case '<-':
        return this.#expect(new RegExp(escapeRegExp(decode(step.text)), 'ys'), timeoutMs);
      case '<~':
        return this.#expect(new RegExp(`(?:${Buffer.from(step.text).toString('latin1')})`, 'y'), timeoutMs);
    }
  }

  async #expect(pattern: RegExp, timeoutMs: number): Promise<string> {
    const whole = new RegExp(`${pattern.source}${escapeRegExp(this.#lineEnd)}`, pattern.flags);
    const isLine = this.#lineEnd !== '';
    const isDecided = (): boolean =>
      this.#isClosed || (isLine ? this.#received.includes(this.#lineEnd) : this.#match(whole) !== undefined);
    await this.#waitFor(isDecided, timeoutMs);
    const matched = this.#match(whole);
    if (matched !== undefined) {
      this.#received = this.#received.slice(matched.length);
      return FINE;
    }
    const ending = this.#isClosed ? ' and the peer closed' : '';
    return `came: ${JSON.stringify(Buffer.from(this.#received, 'latin1').toString())}${ending}`;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = 0;
    return pattern.exec(this.#received)?.[0];
  }

  async #waitFor(isDone: () => boolean, timeoutMs: number): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    for (let left = timeoutMs; !isDone() && left > 0; left = deadline - Date.now()) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        timer = setTimeout(resolve, left);
      });
      clearTimeout(timer);
    }
  }
}

const ESCAPES: Readonly<Record<string, string>> = { t: '\t', r: '\r', n: '\n', '0': '\0', '\\': '\\' };

/** TEXT of a step as bytes, one character each. */
function decode(text: string): string {
  return Buffer.from(text)
    .toString('latin1')
    .replaceAll(/\\(?:x([0-9a-f]{2})|(.))/gi, (whole: string, hex?: string, letter?: string) => {
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      const decoded = ESCAPES[letter ?? ''];
      if (decoded === undefined) throw new SyntaxError(`Cannot decode "${whole}" in "${text}"`);
      return decoded;
    });
}

function escapeRegExp(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`);
}
