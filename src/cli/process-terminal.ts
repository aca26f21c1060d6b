/**
 * The terminal of this process. It reads secrets in raw mode, one keystroke at a time, so that nothing is echoed and
 * no line stays in an editor's history. It takes no decisions.
 */
import { StringDecoder } from 'node:string_decoder';
import type { Terminal } from './terminal.ts';

const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const CTRL_U = '\u0015';
const BACKSPACES = new Set(['\u0008', '\u007F']);

/** The part of process.stdin that is used, so that a test can pass a stream of its own. */
export interface SecretInput extends NodeJS.ReadableStream {
  readonly isTTY?: boolean;
  setRawMode?(isRaw: boolean): unknown;
}

export interface TerminalStreams {
  readonly input: SecretInput;
  readonly output: NodeJS.WritableStream;
  readonly errors: NodeJS.WritableStream;
}

/** A terminal on the streams given: `process.stdin`, `process.stdout` and `process.stderr` in the command. */
export function createTerminal({ input, output, errors }: TerminalStreams): Terminal {
  // `postern config | head` closes our output early: that is the reader's choice and no fault.
  for (const stream of [output, errors]) stream.on('error', ignoreClosedPipe);
  return {
    out: (text) => void output.write(text),
    err: (text) => void errors.write(text),
    isInteractive: input.isTTY === true,
    showsProgress: 'isTTY' in errors && errors.isTTY === true,
    readSecret: (prompt) => readSecret(prompt, { input, errors }),
    readInput: (maxBytes) => readToEnd(input, maxBytes),
  };
}

function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

function readSecret(
  prompt: string,
  { input, errors }: Pick<TerminalStreams, 'input' | 'errors'>,
): Promise<string | undefined> {
  errors.write(prompt);
  const decoder = new StringDecoder('utf8');
  const typed: string[] = [];
  return new Promise((resolve) => {
    const finish = (answer: string | undefined): void => {
      input.off('data', take);
      input.off('end', giveUp);
      input.setRawMode?.(false);
      input.pause();
      errors.write('\n');
      resolve(answer);
    };
    const giveUp = (): void => finish(undefined);
    const take = (bytes: Buffer): void => {
      const characters = Array.from(decoder.write(bytes));
      for (const [i, character] of characters.entries()) {
        if (character === '\r' || character === '\n') {
          finish(typed.join(''));
          // What was pasted beyond this line answers the next question.
          const rest = characters.slice(i + 1).join('');
          if (rest !== '') input.unshift(Buffer.from(rest));
          return;
        }
        if (character === CTRL_C || (character === CTRL_D && typed.length === 0)) return giveUp();
        if (BACKSPACES.has(character)) typed.pop();
        else if (character === CTRL_U) typed.length = 0;
        else typed.push(character);
      }
    };
    input.setRawMode?.(true);
    input.on('data', take);
    input.on('end', giveUp);
    input.resume();
  });
}

async function readToEnd(input: SecretInput, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of input) {
    const bytes = Buffer.from(chunk);
    length += bytes.length;
    if (length > maxBytes) throw new RangeError(`Cannot read more than ${maxBytes} bytes from standard input`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks, length);
}
