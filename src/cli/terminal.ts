/**
 * The person or script on the other side of a verb, as a port: what is printed, and what may be asked. Tests pass
 * their own; `process-terminal.ts` is the real one. Passwords are never arguments: every user of the machine can read
 * those.
 */
import { open } from 'node:fs/promises';
import { describeError } from '../core/errors.ts';

export interface Terminal {
  /** Writes what the verb was asked for to standard output, as it is: lines end with a line feed of their own. */
  out(text: string): void;
  /** Writes faults, notes and questions to standard error. */
  err(text: string): void;
  /** Whether a person sits at standard input, so that `readSecret` can ask. */
  readonly isInteractive: boolean;
  /** Whether standard error is a terminal, so that a count that changes may be shown there. */
  readonly showsProgress: boolean;
  /** Asks for one line without echo; undefined when the person gave up (Ctrl-C, Ctrl-D, end of input). */
  readSecret(prompt: string): Promise<string | undefined>;
  /** Reads standard input to its end; throws RangeError past `maxBytes`. */
  readInput(maxBytes: number): Promise<Buffer>;
}

/** The password read, or why there is none: a sentence for the person. */
export type NewPassword =
  { readonly kind: 'read'; readonly password: Buffer } | { readonly kind: 'none'; readonly reason: string };

/** What every scheme can hash: libxcrypt takes no more, and a change of scheme must not lock anybody out. */
export const MAX_PASSWORD_BYTES = 511;

/** One line feed may follow the password in a file. */
const MAX_LINE_BREAK_BYTES = 2;
const MAX_FILE_BYTES = MAX_PASSWORD_BYTES + MAX_LINE_BREAK_BYTES;

/**
 * Reads a new password: from `passwordFile` (`-` is standard input), else from the terminal, twice. One line feed
 * at the end is cut off; empty passwords, several lines, NUL and more than MAX_PASSWORD_BYTES are refused.
 */
export async function readNewPassword(
  source: { readonly passwordFile?: string | undefined },
  terminal: Terminal,
): Promise<NewPassword> {
  const { passwordFile } = source;
  try {
    if (passwordFile === undefined) return await askTwice(terminal);
    const bytes = passwordFile === '-' ? await terminal.readInput(MAX_FILE_BYTES) : await readStart(passwordFile);
    return checkPassword(bytes.toString('latin1').replace(/\r?\n$/, ''), 'latin1');
  } catch (error) {
    const from = passwordFile === '-' ? 'standard input' : (passwordFile ?? 'the terminal');
    return { kind: 'none', reason: `Cannot read the password from ${from}: ${describeError(error)}` };
  }
}

/** Reads a password that exists: as `readNewPassword`, but a person is asked once. */
export async function readKnownPassword(
  source: { readonly passwordFile?: string | undefined },
  terminal: Terminal,
): Promise<NewPassword> {
  if (source.passwordFile !== undefined || !terminal.isInteractive) return readNewPassword(source, terminal);
  const typed = await terminal.readSecret('Password: ');
  if (typed === undefined) return { kind: 'none', reason: 'Cannot go on without a password: cancelled' };
  return { kind: 'read', password: Buffer.from(typed) };
}

async function askTwice(terminal: Terminal): Promise<NewPassword> {
  if (!terminal.isInteractive) {
    return { kind: 'none', reason: 'Cannot ask for a password: no terminal here, use --password-file FILE (or -)' };
  }
  const first = await terminal.readSecret('New password: ');
  if (first === undefined) return { kind: 'none', reason: 'Cannot go on without a password: cancelled' };
  const checked = checkPassword(first, 'utf8');
  if (checked.kind === 'none') return checked;
  const second = await terminal.readSecret('The same again: ');
  if (second === undefined) return { kind: 'none', reason: 'Cannot go on without a password: cancelled' };
  return first === second ? checked : { kind: 'none', reason: 'Cannot use the password: the two differ' };
}

function checkPassword(text: string, encoding: 'latin1' | 'utf8'): NewPassword {
  const password = Buffer.from(text, encoding);
  if (password.length === 0) return { kind: 'none', reason: 'Cannot use the password: it is empty' };
  if (password.length > MAX_PASSWORD_BYTES) {
    return { kind: 'none', reason: `Cannot use the password: it has more than ${MAX_PASSWORD_BYTES} bytes` };
  }
  if (/[\0\r\n]/.test(text)) {
    return { kind: 'none', reason: 'Cannot use the password: it has several lines or a NUL character' };
  }
  return { kind: 'read', password };
}

/** Reads the start of a file, one byte more than allowed, so that a long one is seen to be long. */
async function readStart(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const buffer = Buffer.alloc(MAX_FILE_BYTES + 1);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, null);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return buffer.subarray(0, length);
  } finally {
    await file.close();
  }
}
