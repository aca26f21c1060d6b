/**
 * Where finished lines go: a descriptor, written synchronously, one system call for all lines of a turn of the event
 * loop. Order is kept and nothing is on its way in a thread when the process dies. Whoever reads must keep up, as for
 * every daemon that logs to a pipe. What cannot be written (full disk) waits within a bound and is then counted as
 * lost; it never ends the process.
 */
import { pino } from 'pino';

/** A turn that logs more than this is written at once. */
const MAX_BATCH_CHARS = 64 * 1024;
/** What may wait when nothing can be written; after that lines are lost. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;
const RETRY_MS = 100;

export interface LineWriterOptions {
  readonly fd: number;
  /** Called when lines could be written again after some were lost. */
  readonly onLost: (lines: number) => void;
}

export class LineWriter {
  readonly #destination: ReturnType<typeof pino.destination>;
  readonly #onLost: (lines: number) => void;
  #batch = '';
  #pending: NodeJS.Immediate | undefined;
  #retry: NodeJS.Timeout | undefined;
  /** Handed to the destination and not yet written. */
  #waitingBytes = 0;
  #lostLines = 0;

  constructor({ fd, onLost }: LineWriterOptions) {
    this.#onLost = onLost;
    // sonic-boom 4 would sleep on the event loop for each EAGAIN; #retryLater waits without it. Its own maxLength is of
    // no use either: once reached, it never tries to write again.
    this.#destination = pino.destination({ fd, sync: true, retryEAGAIN: () => false });
    this.#destination.on('error', () => this.#retryLater());
    this.#destination.on('write', (bytes: number) => this.#finishWrite(bytes));
  }

  /** Takes a line with its line feed; it is written before the next turn of the event loop. */
  write(line: string): void {
    this.#batch += line;
    if (this.#batch.length >= MAX_BATCH_CHARS) this.flush();
    else this.#pending ??= setImmediate(() => this.flush());
  }

  /** Writes what waits, now. */
  flush(): void {
    clearImmediate(this.#pending);
    this.#pending = undefined;
    const lines = this.#batch;
    this.#batch = '';
    const bytes = Buffer.byteLength(lines);
    if (this.#waitingBytes + bytes > MAX_WAITING_BYTES) {
      this.#lostLines += lines.split('\n').length - 1;
      this.#destination.write('');
    } else if (bytes > 0) {
      this.#waitingBytes += bytes;
      this.#destination.write(lines);
    }
  }

  /** Writes what waits and stops trying; the descriptor stays open. */
  close(): void {
    this.flush();
    clearTimeout(this.#retry);
    this.#retry = undefined;
  }

  #retryLater(): void {
    // An empty write makes sonic-boom try again with what it holds.
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      this.#destination.write('');
    }, RETRY_MS).unref();
  }

  #finishWrite(bytes: number): void {
    this.#waitingBytes -= bytes;
    const lost = this.#lostLines;
    this.#lostLines = 0;
    if (lost > 0) this.#onLost(lost);
  }
}
