/**
 * A client of the Dovecot auth protocol for tests of whole exchanges: it greets, sends lines, and waits for the replies to
 * one request id. It can also let a SASL client (`sasl-client.ts`) talk to the end.
 */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import type { SaslClient } from './sasl-client.ts';
import { waitFor } from './wait.ts';

/** What Postfix says of a client under TLS. */
export const POSTFIX_PARAMETERS = 'service=smtp\tnologin\tlip=192.0.2.1\trip=198.51.100.7\tsecured';

export class SaslPeer {
  readonly #socket: Socket;
  readonly #lines: string[] = [];
  #rest = '';
  #id = 0;
  isClosed = false;

  constructor(socket: Socket, minor = 0) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      const lines = (this.#rest + chunk.toString()).split('\n');
      this.#rest = lines.pop() ?? '';
      this.#lines.push(...lines);
    });
    // A reset is a close like any other.
    socket.on('error', () => undefined);
    socket.on('close', () => (this.isClosed = true));
    this.send(`VERSION\t1\t${minor}`, 'CPID\t1');
  }

  send(...lines: string[]): void {
    this.#socket.write(lines.map((line) => `${line}\n`).join(''));
  }

  /** Begins a request; its id. */
  auth(mechanism: string, { initial, parameters }: { initial?: Buffer | undefined; parameters?: string } = {}): number {
    this.#id += 1;
    const response = initial === undefined ? '' : `\tresp=${initial.length === 0 ? '=' : initial.toString('base64')}`;
    this.send(`AUTH\t${this.#id}\t${mechanism}\t${parameters ?? POSTFIX_PARAMETERS}${response}`);
    return this.#id;
  }

  /** Sends the next response of a request. */
  cont(id: number, response: Buffer): void {
    this.send(`CONT\t${id}\t${response.toString('base64')}`);
  }

  /** The next reply to a request, without its id: `CONT\tdata`, `OK\tuser=…`. */
  async read(id: number): Promise<string> {
    const find = (): number => this.#lines.findIndex((line) => line.split('\t')[1] === String(id) && REPLY.test(line));
    await waitFor(`a reply to ${id}`, () => find() !== -1 || this.isClosed, REPLY_LIMIT_MS);
    const at = find();
    assert.ok(at !== -1, `closed before a reply to ${id}`);
    const [line = ''] = this.#lines.splice(at, 1);
    return line.replace(/^(\w+)\t\d+/, '$1');
  }

  /** Waits until the server has closed, without a further reply. */
  async readClose(): Promise<void> {
    await waitFor('a close', () => this.isClosed);
    assert.deepEqual(this.unread, []);
  }

  /** The mechanisms of the greeting with their flags. */
  get offered(): string[] {
    return this.#lines.filter((line) => line.startsWith('MECH\t'));
  }

  /** Replies nobody has read. */
  get unread(): string[] {
    return this.#lines.filter((line) => REPLY.test(line));
  }

  /** Plays a whole exchange; the last reply. The client checks what the server proves. */
  async login(mechanism: string, client: SaslClient, parameters?: string): Promise<string> {
    const id = this.auth(mechanism, { initial: client.initial, ...(parameters === undefined ? {} : { parameters }) });
    for (;;) {
      const reply = await this.read(id);
      const challenge = /^CONT\t(.*)$/.exec(reply)?.[1];
      if (challenge === undefined) return reply;
      this.cont(id, client.answer(Buffer.from(challenge, 'base64')));
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** A busy machine hashes slowly; the limit of the protocol is 8 s. */
const REPLY_LIMIT_MS = 10_000;
const REPLY = /^(?:OK|FAIL|CONT)\t/;
