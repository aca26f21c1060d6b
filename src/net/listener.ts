/**
 * Listens for one service on all its endpoints, counts and limits connections, and drains them at a stop. It speaks
 * no protocol: each accepted connection goes to the service, which gives back a session that can be drained.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { describeError } from '../core/errors.ts';
import { formatEndpoint, type Endpoint } from '../core/endpoint.ts';
import type { Logger } from '../core/logger.ts';
import type { Connection, Session } from './connection.ts';
import { bindUnixSocket, type BoundSocket } from './unix-socket.ts';

/** Where a service listens, and to whom: a part of every service's options. */
export interface ListeningOptions {
  readonly endpoints: readonly Endpoint[];
  /** Mode of unix sockets, such as 0o660. */
  readonly socketMode: number;
  /** Past this many connections new ones are served as overloaded. */
  readonly maxConnections: number;
  /** Whether a TCP peer may speak to us at all; unix peers are judged by file permissions. */
  readonly isAllowed: (remoteAddress: string) => boolean;
  /** Listening descriptors from systemd; when there are any, `endpoints` only names them in logs. */
  readonly passed?: readonly number[];
}

export interface ListenerOptions {
  readonly listening: ListeningOptions;
  /** Keep the writing side open when the peer closed its own. */
  readonly allowHalfOpen?: boolean;
  readonly logger: Logger;
  readonly onConnection: (connection: Connection) => Session;
}

/** The kernel caps it at net.core.somaxconn; a full queue is an error for Postfix, not a wait. */
const BACKLOG = 4096;

/** How often a stop looks whether the sessions have ended. */
const DRAIN_STEP_MS = 10;

/** Far past the limit something leaks or attacks; then even "later" is too much work. */
const HARD_LIMIT_FACTOR = 4;

let connectionCount = 0;

export class Listener {
  readonly #options: ListenerOptions;
  readonly #undo: (() => Promise<void>)[] = [];
  readonly #sessions = new Map<Socket, Session>();
  /** Connections made between `bind` and `open`; undefined once open. */
  #waiting: { socket: Socket; endpoint: Endpoint }[] | undefined = [];
  /** Connections taken since the start. */
  acceptedCount = 0;
  /** Connections turned away: a network that may not speak to us, or far past the limit. */
  refusedCount = 0;
  /** Connections served as overloaded. */
  overloadedCount = 0;
  #isStopping = false;

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  /** Connections open now. */
  get openCount(): number {
    return this.#sessions.size;
  }

  /**
   * Takes every endpoint or none. Connections made from now on wait in the kernel or here: nothing is read from them
   * before `open`, so that privileges can be dropped in between.
   */
  async bind(): Promise<void> {
    const { endpoints, passed = [] } = this.#options.listening;
    try {
      if (passed.length > 0)
        for (const [i, fd] of passed.entries()) await this.#listenOnPassed(fd, endpoints[i] ?? endpoints[0]);
      else for (const endpoint of endpoints) await this.#listenOn(endpoint);
    } catch (error) {
      await this.#closeServers();
      throw error;
    }
  }

  /** Begins to serve, first what has been waiting since `bind`. */
  open(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const { socket, endpoint } of waiting) this.#accept(socket, endpoint);
  }

  /** Binds and opens in one step. */
  async start(): Promise<void> {
    await this.bind();
    this.open();
  }

  /** Stops accepting at once, lets sessions end, and destroys what is left after `graceMs`. Twice is harmless. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    this.open();
    await this.#closeServers();
    for (const session of this.#sessions.values()) session.drain();
    const deadline = Date.now() + graceMs;
    while (this.#sessions.size > 0 && Date.now() < deadline) {
      this.#leaveEnded();
      await new Promise((resolve) => setTimeout(resolve, DRAIN_STEP_MS));
    }
    for (const socket of this.#sessions.keys()) socket.destroy();
    this.#sessions.clear();
  }

  /**
   * Destroys connections on which the session has said its last word. An idle Postfix process notices our end only with
   * its next question, so waiting for its own would hold every stop for the whole grace.
   */
  #leaveEnded(): void {
    for (const socket of this.#sessions.keys()) if (socket.writableFinished) socket.destroy();
  }

  async #closeServers(): Promise<void> {
    for (let undo = this.#undo.pop(); undo !== undefined; undo = this.#undo.pop()) await undo();
  }

  async #listenOn(endpoint: Endpoint): Promise<void> {
    const server = this.#createServer(endpoint);
    if (endpoint.kind === 'unix') {
      const bound = await bindUnixSocket(server, endpoint.path, {
        mode: this.#options.listening.socketMode,
        backlog: BACKLOG,
      });
      this.#undo.push(async () => {
        await this.#remove(bound, endpoint);
        server.close();
      });
    } else {
      await listen(server, { host: endpoint.host, port: endpoint.port, backlog: BACKLOG });
      this.#undo.push(async () => void server.close());
    }
    this.#finishStart(server, endpoint);
  }

  /** Where root made the socket (Postfix's `private/`) we may no longer remove it; the next start replaces it. */
  async #remove(bound: BoundSocket, endpoint: Endpoint): Promise<void> {
    try {
      await bound.remove();
    } catch (error) {
      const fields = { endpoint: formatEndpoint(endpoint), reason: describeError(error) };
      this.#options.logger.warn('listener.fault', fields, 'Cannot remove the socket; the next start replaces it');
    }
  }

  async #listenOnPassed(fd: number, named: Endpoint | undefined): Promise<void> {
    const endpoint: Endpoint = named ?? { kind: 'unix', path: `fd:${fd}` };
    const server = this.#createServer(endpoint);
    await listen(server, { fd });
    this.#undo.push(async () => void server.close());
    this.#finishStart(server, endpoint);
  }

  #createServer(endpoint: Endpoint): Server {
    const allowHalfOpen = this.#options.allowHalfOpen ?? false;
    return createServer({ noDelay: true, allowHalfOpen, pauseOnConnect: true }, (socket) => {
      if (this.#waiting === undefined) this.#accept(socket, endpoint);
      else this.#waiting.push({ socket, endpoint });
    });
  }

  #finishStart(server: Server, endpoint: Endpoint): void {
    const { logger } = this.#options;
    // Out of descriptors is the usual one; it passes, so the server goes on.
    server.on('error', (error) => logger.error('listener.fault', { endpoint: formatEndpoint(endpoint), err: error }));
    logger.info('listener.started', { endpoint: formatEndpoint(endpoint) }, `Listening on ${formatEndpoint(endpoint)}`);
  }

  #accept(socket: Socket, endpoint: Endpoint): void {
    const { logger, listening, onConnection } = this.#options;
    const { maxConnections, isAllowed } = listening;
    const remoteAddress = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
    // A socket without a listener for errors would end the process: peers vanish with RST (facts/postfix.md 0).
    socket.on('error', (error) => logger.debug('connection.closed', { reason: describeError(error) }));
    const isForbidden = endpoint.kind === 'inet' && !isAllowed(remoteAddress);
    if (this.#isStopping || isForbidden || this.#sessions.size >= maxConnections * HARD_LIMIT_FACTOR) {
      this.refusedCount += 1;
      logger.warn('listener.refused', { remote: remoteAddress, open: this.#sessions.size, forbidden: isForbidden });
      socket.destroy();
      return;
    }
    const sessions = this.#sessions;
    const isExcess = sessions.size >= maxConnections;
    this.acceptedCount += 1;
    if (isExcess) this.overloadedCount += 1;
    connectionCount += 1;
    const id = `${process.pid.toString(36)}-${connectionCount.toString(36)}`;
    socket.once('close', () => this.#sessions.delete(socket));
    const connection: Connection = {
      id,
      socket,
      endpoint,
      remoteAddress,
      get isOverloaded() {
        return isExcess && sessions.size > maxConnections;
      },
    };
    sessions.set(socket, onConnection(connection));
    socket.resume();
  }
}

function listen(
  server: Server,
  options: { host?: string; port?: number; fd?: number; backlog?: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
