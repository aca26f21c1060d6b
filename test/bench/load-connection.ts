/**
 * One connection of the load generator: hello, then one request after the other, the next as soon as the last is
 * answered (closed loop). It compares every reply with what was expected and keeps the time of each request.
 *
 * States: hello, ready (waits for `run`), asking (a request is out), recovering (a request went wrong, the protocol is
 * put straight), done (no request left or the connection is gone).
 */
import { createConnection, type Socket } from 'node:net';
import type { Dialogue, Step } from './dialogue.ts';

/** What happened on all connections of this process. */
export interface Tally {
  /** Milliseconds of each good request, in the order of their ends; what we take ourselves is not in it. */
  readonly times: number[];
  /** The numbers of those requests. */
  readonly serials: number[];
  /** Good requests since the warm-up. */
  totalCount: number;
  errorCount: number;
  /** The first few replies nobody expected. */
  readonly errorSamples: string[];
}

export interface LoadConnectionOptions {
  readonly path: string;
  readonly dialogue: Dialogue;
  /** The number of the next request; undefined when there is to be no other. */
  readonly takeSerial: () => number | undefined;
  readonly tally: Tally;
}

const MAX_SAMPLES = 3;
const MAX_SAMPLE_LENGTH = 120;
const READ_BYTES = 64 * 1024;

export class LoadConnection {
  /** Settles after the hello; rejects when the peer says something else. */
  readonly ready: Promise<void>;
  readonly #options: LoadConnectionOptions;
  readonly #socket: Socket;
  #text = '';
  #state: 'hello' | 'ready' | 'asking' | 'recovering' | 'done' = 'hello';
  #helloIndex = 0;
  #steps: readonly Step[] = [];
  #stepIndex = 0;
  #replyIndex = 0;
  #lastReply = '';
  #isWrong = false;
  #serial = 0;
  #sentAt = 0;
  /** What the server took for the steps so far. */
  #waitedMs = 0;
  #resolveReady: () => void = () => undefined;
  #rejectReady: (error: Error) => void = () => undefined;
  #resolveDone: () => void = () => undefined;

  constructor(options: LoadConnectionOptions) {
    this.#options = options;
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    const buffer = Buffer.alloc(READ_BYTES);
    this.#socket = createConnection({
      path: options.path,
      // One buffer for all reads: cheaper than a stream that makes one each time.
      onread: {
        buffer,
        callback: (length) => {
          this.#read(buffer.toString('latin1', 0, length));
          return true;
        },
      },
    });
    this.#socket.once('connect', () => this.#sendHello());
    this.#socket.on('error', (error) => this.#lose(error.message));
    this.#socket.once('close', () => this.#lose('closed by the peer'));
  }

  /** Sends requests until none is left. */
  run(): Promise<void> {
    return new Promise((resolve) => {
      this.#resolveDone = resolve;
      if (this.#state === 'ready') this.#ask();
      else resolve();
    });
  }

  close(): void {
    this.#state = 'done';
    this.#socket.destroy();
  }

  #sendHello(): void {
    const hello = this.#options.dialogue.hello[this.#helloIndex];
    if (hello === undefined) {
      this.#state = 'ready';
      this.#resolveReady();
    } else if (hello.send !== '') this.#send(hello.send);
  }

  #read(chunk: string): void {
    const text = this.#text === '' ? chunk : this.#text + chunk;
    let from = 0;
    while (from < text.length) {
      const end = this.#options.dialogue.findEnd(text, from);
      if (end === -1) break;
      this.#take(text.slice(from, end));
      from = end;
    }
    this.#text = from === text.length ? '' : text.slice(from);
  }

  #take(reply: string): void {
    switch (this.#state) {
      case 'hello':
        if (!reply.startsWith(this.#options.dialogue.hello[this.#helloIndex]?.until ?? '')) return;
        this.#helloIndex += 1;
        this.#sendHello();
        break;
      case 'asking':
      case 'recovering':
        this.#judge(reply);
        break;
      case 'ready':
      case 'done':
        this.#countError(`without being asked: ${reply}`);
        break;
    }
  }

  #judge(reply: string): void {
    const replies = this.#steps[this.#stepIndex]?.replies ?? [];
    if (!reply.startsWith(replies[this.#replyIndex] ?? '')) {
      if (!this.#isWrong) this.#countError(reply);
      this.#isWrong = true;
    }
    this.#replyIndex += 1;
    this.#lastReply = reply;
    if (this.#replyIndex < replies.length) return;
    this.#stepIndex += 1;
    this.#waitedMs += performance.now() - this.#sentAt;
    if (this.#isWrong || this.#stepIndex === this.#steps.length) this.#finish();
    else this.#sendStep();
  }

  #finish(): void {
    const { recovery } = this.#options.dialogue;
    if (this.#isWrong && this.#state === 'asking' && recovery !== undefined) {
      this.#start('recovering', [recovery]);
      return;
    }
    if (!this.#isWrong && this.#state === 'asking') {
      const { tally } = this.#options;
      tally.times.push(this.#waitedMs);
      tally.serials.push(this.#serial);
      tally.totalCount += 1;
    }
    this.#ask();
  }

  #ask(): void {
    const serial = this.#options.takeSerial();
    if (serial === undefined) {
      this.#state = 'done';
      this.#resolveDone();
      return;
    }
    this.#serial = serial;
    this.#start('asking', this.#options.dialogue.makeSteps(serial));
  }

  #start(state: 'asking' | 'recovering', steps: readonly Step[]): void {
    this.#state = state;
    this.#steps = steps;
    this.#stepIndex = 0;
    this.#waitedMs = 0;
    this.#isWrong = false;
    this.#sendStep();
  }

  #sendStep(): void {
    this.#replyIndex = 0;
    const { send } = this.#steps[this.#stepIndex] ?? { send: '' };
    const text = typeof send === 'string' ? send : send(this.#lastReply);
    this.#sentAt = performance.now();
    this.#send(text);
  }

  #send(text: string): void {
    this.#socket.write(text, 'latin1');
  }

  #lose(reason: string): void {
    if (this.#state === 'done') return;
    const isHello = this.#state === 'hello';
    this.#state = 'done';
    if (isHello) this.#rejectReady(new Error(`Cannot begin on ${this.#options.path}: ${reason}`));
    else this.#countError(reason);
    this.#resolveDone();
  }

  #countError(text: string): void {
    const { tally } = this.#options;
    tally.errorCount += 1;
    if (tally.errorSamples.length < MAX_SAMPLES) {
      tally.errorSamples.push(JSON.stringify(text.slice(0, MAX_SAMPLE_LENGTH)));
    }
  }
}
