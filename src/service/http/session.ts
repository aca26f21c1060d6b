/**
 * One connection of a web server or mail client, kept alive between requests by Node's HTTP server. This file owns
 * only its end: at a stop after the answer in work, and at once when a request with its answer takes too long. The
 * time limits of `http.Server` need a server that listens itself, and ours gets its sockets from `net/`.
 *
 * States: idle (no request has come whole), working (answers are owed), draining (ends as soon as none is owed).
 */
import type { ServerResponse } from 'node:http';
import type { Connection, Session } from '../../net/connection.ts';

export class HttpSession implements Session {
  readonly connection: Connection;
  #owedCount = 0;
  #isDraining = false;
  readonly #timer: NodeJS.Timeout;

  /** `exchangeLimitMs`: from the first byte, or the last answer, to the next answer. */
  constructor(connection: Connection, exchangeLimitMs: number) {
    this.connection = connection;
    const { socket } = connection;
    this.#timer = setTimeout(() => socket.destroy(), exchangeLimitMs);
    socket.once('close', () => clearTimeout(this.#timer));
  }

  /** Takes note of a request; `response` is the one that answers it. */
  begin(response: ServerResponse): void {
    this.#owedCount += 1;
    response.once('close', () => {
      this.#owedCount -= 1;
      this.#timer.refresh();
      this.#endIfDone();
    });
  }

  drain(): void {
    this.#isDraining = true;
    this.#endIfDone();
  }

  #endIfDone(): void {
    if (this.#isDraining && this.#owedCount === 0) this.connection.socket.end();
  }
}
