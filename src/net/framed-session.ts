/**
 * A connection that speaks in frames: collects bytes up to a limit, hands whole frames to the service one after the
 * other, and ends the connection when it is idle too long, drips too slowly, or breaks the protocol. It knows no
 * protocol: `take` comes from `protocol/`.
 *
 * Replies are gathered and written once at the end of the turn of the event loop (`turn-end.ts`): one system call for all
 * replies to what one read brought, and the peers wake up together instead of one by one.
 *
 * States: reading (no frame in work), working (`onFrame` not settled; further bytes wait), draining (ends as soon as
 * nothing is in work), closed.
 */
import type { Socket } from 'node:net';
import { describeError, ProtocolError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Connection, Session } from './connection.ts';
import { atTurnEnd } from './turn-end.ts';

/** Takes the first whole frame off `bytes`, or returns undefined when more are needed. Throws ProtocolError. */
export type TakeFrame<T> = (bytes: Buffer) => { readonly value: T; readonly rest: Buffer } | undefined;

export interface FramedOptions<T> {
  readonly connection: Connection;
  readonly logger: Logger;
  readonly take: TakeFrame<T>;
  /** What an unfinished frame may hold; more is a protocol error. */
  readonly maxFrameBytes: number;
  /** Silence that ends the connection. */
  readonly idleMs: number;
  /** Handles one frame; the next one waits for it. A throw closes the connection. */
  readonly onFrame: (frame: T) => void | Promise<void>;
  /** True while replies are still owed for frames already handled, so that a drain waits for them. */
  readonly isBusy?: () => boolean;
  readonly onClose?: () => void;
}

/** An unfinished frame older than this is a slow drip, not a slow network: our peers are on the same machine. */
const FRAME_TIMEOUT_MS = 100_000;

/** Replies waiting in memory beyond this stop the reading until the peer has drained them. */
const MAX_UNSENT_BYTES = 256 * 1024;

const NOTHING = Buffer.alloc(0);

export class FramedSession<T> implements Session {
  readonly #options: FramedOptions<T>;
  readonly #socket: Socket;
  readonly #flush = (): void => this.#write();
  #chunks: Buffer = NOTHING;
  /** Replies of this turn of the event loop. */
  #unwritten = '';
  #isWorking = false;
  #isDraining = false;
  #hasEnded = false;
  #frameTimer: NodeJS.Timeout | undefined;

  constructor(options: FramedOptions<T>) {
    this.#options = options;
    this.#socket = options.connection.socket;
    this.#socket.setTimeout(options.idleMs, () => this.close('idle'));
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk));
    this.#socket.once('end', () => {
      this.#hasEnded = true;
      this.#endIfDone();
    });
    this.#socket.once('close', () => {
      this.#stopFrameTimer();
      options.onClose?.();
    });
  }

  /** Sends a reply before the next turn of the event loop; nothing happens when the peer is gone. */
  send(text: string): void {
    if (this.#unwritten === '') atTurnEnd(this.#flush);
    this.#unwritten += text;
  }

  /** Destroys the connection without a further word. */
  close(reason: string): void {
    if (this.#socket.destroyed) return;
    this.#options.logger.debug('connection.closed', { reason });
    this.#write();
    this.#socket.destroy();
  }

  drain(): void {
    this.#isDraining = true;
    this.#chunks = NOTHING;
    this.#endIfDone();
  }

  /** Ends a draining connection when nothing is owed any more; services with late replies call it after each. */
  endIfDrained(): void {
    this.#endIfDone();
  }

  #endIfDone(): void {
    if (!(this.#isDraining || this.#hasEnded) || this.#isWorking || this.#options.isBusy?.() === true) return;
    this.#write();
    // A peer that is idle would not notice half a close for hours, and would lose its next request in the other half.
    if (this.#isDraining) this.#socket.destroySoon();
    else if (this.#socket.writable) this.#socket.end();
  }

  #write(): void {
    const text = this.#unwritten;
    if (text === '') return;
    this.#unwritten = '';
    if (this.#socket.writable) this.#socket.write(text);
  }

  #read(chunk: Buffer): void {
    // Nothing new is begun; what is owed may still be on its way.
    if (this.#isDraining) return;
    this.#chunks = this.#chunks.length === 0 ? chunk : Buffer.concat([this.#chunks, chunk]);
    if (!this.#isWorking) this.#work();
    else if (this.#chunks.length > this.#options.maxFrameBytes) this.#socket.pause();
  }

  /** Handles what has come, and is called again when something had to be waited for. */
  #work(): void {
    this.#isWorking = true;
    try {
      const pending = this.#handleFrames();
      if (pending !== undefined) {
        pending.then(
          () => this.#work(),
          (error: unknown) => this.#fail(error),
        );
        return;
      }
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#isWorking = false;
    // Single bytes would keep the idle limit away for ever.
    if (this.#chunks.length > 0 && !this.#socket.destroyed) {
      this.#frameTimer ??= setTimeout(() => this.close('slow'), FRAME_TIMEOUT_MS).unref();
    }
    if (this.#socket.isPaused()) this.#socket.resume();
    this.#endIfDone();
  }

  /** Handles whole frames, until none is left or something has to be waited for: a frame in work, a peer that is slow. */
  #handleFrames(): Promise<void> | undefined {
    const { take, onFrame, maxFrameBytes } = this.#options;
    while (!this.#socket.destroyed && !this.#isDraining) {
      if (this.#unwritten.length + this.#socket.writableLength > MAX_UNSENT_BYTES) {
        this.#write();
        if (this.#socket.writableLength > MAX_UNSENT_BYTES) return this.#drained();
      }
      const taken = take(this.#chunks);
      if (taken === undefined) break;
      this.#chunks = taken.rest;
      this.#stopFrameTimer();
      const pending = onFrame(taken.value);
      if (pending !== undefined) return pending;
    }
    if (this.#chunks.length > maxFrameBytes) {
      throw new ProtocolError(`Cannot read frame: more than ${maxFrameBytes} bytes`);
    }
    return undefined;
  }

  #stopFrameTimer(): void {
    if (this.#frameTimer === undefined) return;
    clearTimeout(this.#frameTimer);
    this.#frameTimer = undefined;
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const settle = (): void => {
        this.#socket.off('drain', settle).off('close', settle);
        resolve();
      };
      this.#socket.on('drain', settle).on('close', settle);
    });
  }

  #fail(error: unknown): void {
    this.#isWorking = false;
    const { logger } = this.#options;
    if (error instanceof ProtocolError) logger.warn('connection.protocol-error', { reason: describeError(error) });
    else logger.error('connection.fault', { err: error });
    this.#write();
    this.#socket.destroy();
  }
}
