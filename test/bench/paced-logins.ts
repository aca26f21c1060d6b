/**
 * AUTH PLAIN logins that come when they come, however long the others take (open loop), as from the smtpd processes of a
 * Postfix that starts as many as it needs: one request at a time on each connection, and a new connection when none is idle.
 */
import { createConnection, type Socket } from 'node:net';
import type { Login } from './sasl-dialogue.ts';

/** How one login ended. `closed` is what Postfix makes 454 of. */
export interface LoginEnd {
  readonly kind: 'OK' | 'FAIL' | 'closed';
  readonly ms: number;
}

export type PacedLogin = Pick<Login, 'user' | 'password'> & { readonly remoteAddress: string };

interface Idle {
  readonly socket: Socket;
  /** Called with each line, and with undefined at the end. */
  onLine: (line: string | undefined) => void;
}

export class PacedLogins {
  readonly #path: string;
  readonly #idle: Idle[] = [];
  readonly #sockets = new Set<Socket>();
  #id = 0;
  /** The most connections there were at once. */
  mostConnections = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** Logs in on an idle connection, or a new one; the handshake of that is not in the time. */
  async login({ user, password, remoteAddress }: PacedLogin): Promise<LoginEnd> {
    const connection = this.#idle.pop() ?? (await this.#open());
    if (connection === undefined) return { kind: 'closed', ms: 0 };
    this.#id += 1;
    const id = this.#id;
    const response = Buffer.from(`\0${user}\0${password}`).toString('base64');
    const startedAt = performance.now();
    return new Promise((resolve) => {
      connection.onLine = (line) => {
        const ms = performance.now() - startedAt;
        if (line === undefined) {
          resolve({ kind: 'closed', ms });
          return;
        }
        const [kind, answered] = line.split('\t');
        if ((kind !== 'OK' && kind !== 'FAIL') || Number(answered) !== id) return;
        this.#idle.push(connection);
        resolve({ kind, ms });
      };
      connection.socket.write(
        `AUTH\t${id}\tPLAIN\tservice=smtp\tnologin\tlip=192.0.2.1\trip=${remoteAddress}\tsecured\tresp=${response}\n`,
      );
    });
  }

  /** Ends all connections. */
  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #open(): Promise<Idle | undefined> {
    const socket = createConnection({ path: this.#path });
    this.#sockets.add(socket);
    this.mostConnections = Math.max(this.mostConnections, this.#sockets.size);
    socket.setEncoding('utf8');
    return new Promise((resolve) => {
      const connection: Idle = {
        socket,
        onLine: (line) => {
          if (line === 'DONE') resolve(connection);
          if (line === undefined) resolve(undefined);
        },
      };
      let rest = '';
      socket.on('data', (chunk: string) => {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) connection.onLine(line);
      });
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        const place = this.#idle.indexOf(connection);
        if (place !== -1) this.#idle.splice(place, 1);
        connection.onLine(undefined);
      });
      // Its process id in the protocol is a number that nobody else has.
      socket.write(`VERSION\t1\t0\nCPID\t${this.#sockets.size + this.#id * 1000}\n`);
    });
  }
}
