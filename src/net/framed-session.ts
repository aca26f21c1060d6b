/**
 * A connection that speaks in frames: collects bytes up to a limit, hands whole frames to the service one after the
 * other, and ends the connection when it is idle too long, drips too slowly, or breaks the protocol. It knows no
 * protocol: `take` comes from `protocol/`.
 *
 * States: reading (no frame in work), working (`onFrame` not settled; further bytes wait), draining (ends as soon as
 * nothing is in work), closed.
 */
import type { Socket } from 'node:net';
import { describeError, ProtocolError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Connection, Session } from './connection.ts';

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

export class FramedSession<T> implements Session {
  readonly #options: FramedOptions<T>;
  readonly #socket: Socket;
  #chunks: Buffer = Buffer.alloc(0);
  #isWorking = false;
  #isDraining = false;
  #hasEnded = false;
  #frameTimer: NodeJS.Timeout | undefined;

  constructor(options: FramedOptions<T>) {
    this.#options = options;
    this.#socket = options.connection.socket;
    this.#socket.setTimeout(options.idleMs, () => this.close('idle'));
    this.#socket.on('data', (chunk: Buffer) => {
      // Nothing new is begun; what is owed may still be on its way.
      if (this.#isDraining) return;
      this.#chunks = this.#chunks.length === 0 ? chunk : Buffer.concat([this.#chunks, chunk]);
      if (!this.#isWorking) void this.#work();
      else if (this.#chunks.length > options.maxFrameBytes) this.#socket.pause();
    });
    this.#socket.once('end', () => {
      this.#hasEnded = true;
      this.#endIfDone();
    });
    this.#socket.once('close', () => {
      clearTimeout(this.#frameTimer);
      options.onClose?.();
    });
  }

  /** Sends a reply; nothing happens when the peer is gone. */
  send(bytes: Buffer | string): void {
    if (this.#socket.writable) this.#socket.write(bytes);
  }

  /** Destroys the connection without a further word. */
  close(reason: string): void {
    if (this.#socket.destroyed) return;
    this.#options.logger.debug('connection.closed', { reason });
    this.#socket.destroy();
  }

  drain(): void {
    this.#isDraining = true;
    this.#chunks = Buffer.alloc(0);
    this.#endIfDone();
  }

  /** Ends a draining connection when nothing is owed any more; services with late replies call it after each. */
  endIfDrained(): void {
    this.#endIfDone();
  }

  #endIfDone(): void {
    if (!(this.#isDraining || this.#hasEnded) || this.#isWorking || this.#options.isBusy?.() === true) return;
    // A peer that is idle would not notice half a close for hours, and would lose its next request in the other half.
    if (this.#isDraining) this.#socket.destroySoon();
    else if (this.#socket.writable) this.#socket.end();
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    let hasTaken = false;
    try {
      while (!this.#socket.destroyed && !this.#isDraining) {
        const taken = this.#options.take(this.#chunks);
        if (taken === undefined) break;
        this.#chunks = taken.rest;
        hasTaken = true;
        const pending = this.#options.onFrame(taken.value);
        if (pending !== undefined) await pending;
        if (this.#socket.writableLength > MAX_UNSENT_BYTES) await this.#drained();
      }
      if (this.#chunks.length > this.#options.maxFrameBytes) {
        throw new ProtocolError(`Cannot read frame: more than ${this.#options.maxFrameBytes} bytes`);
      }
    } catch (error) {
      this.#fail(error);
      return;
    } finally {
      this.#isWorking = false;
    }
    this.#watchFrame(hasTaken);
    if (this.#socket.isPaused()) this.#socket.resume();
    this.#endIfDone();
  }

  /** An unfinished frame gets a time limit of its own: single bytes would keep the idle limit away for ever. */
  #watchFrame(isAnother: boolean): void {
    if (isAnother || this.#chunks.length === 0) {
      clearTimeout(this.#frameTimer);
      this.#frameTimer = undefined;
    }
    if (this.#chunks.length > 0) {
      this.#frameTimer ??= setTimeout(() => this.close('slow'), FRAME_TIMEOUT_MS).unref();
    }
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
    const { logger } = this.#options;
    if (error instanceof ProtocolError) logger.warn('connection.protocol-error', { reason: describeError(error) });
    else logger.error('connection.fault', { err: error });
    this.#socket.destroy();
  }
}
