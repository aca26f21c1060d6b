/** An IMAP client of a few commands, to look at a mailbox through Dovecot. Replies are kept as bytes in latin1. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';

const REPLY_TIMEOUT_MS = 20_000;

export class ImapClient {
  readonly #socket: Socket;
  #received = '';
  #wake: () => void = () => {};
  #count = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#received += chunk.toString('latin1');
      this.#wake();
    });
    socket.on('error', () => this.#wake());
    socket.on('close', () => this.#wake());
  }

  /** Connects to loopback and logs in. */
  static async login(port: number, credentials: { user: string; password: string }): Promise<ImapClient> {
    const socket = createConnection({ host: '127.0.0.1', port });
    const client = new ImapClient(socket);
    await once(socket, 'connect');
    await client.#readUntil((received) => /^\* OK [^\n]*\n/.exec(received)?.[0].length);
    await client.command(`LOGIN "${credentials.user}" "${credentials.password}"`);
    return client;
  }

  /** Sends a command, fails unless it ends with OK, and gives everything said before that. */
  async command(text: string): Promise<string> {
    const { said, last } = await this.tryCommand(text);
    assert.match(last, /^OK/, `${text.replace(/^LOGIN .*/, 'LOGIN')}: ${last}`);
    return said;
  }

  /** Sends a command and gives what was said before its end, and the last line without the tag. */
  async tryCommand(text: string): Promise<{ said: string; last: string }> {
    this.#count += 1;
    const tag = `t${this.#count}`;
    this.#socket.write(`${tag} ${text}\r\n`);
    const reply = await this.#readUntil((received) => {
      const match = new RegExp(`^${tag} [^\\n]*\\n`, 'm').exec(received);
      return match === null ? undefined : match.index + match[0].length;
    });
    const line = reply.trimEnd().split('\r\n').at(-1) ?? '';
    return { said: reply.slice(0, reply.length - line.length - 2), last: line.slice(tag.length + 1) };
  }

  /** Opens a mailbox and gives the number of its messages. */
  async select(mailbox: string): Promise<number> {
    const reply = await this.command(`SELECT "${mailbox}"`);
    return Number(/^\* (\d+) EXISTS/m.exec(reply)?.[1]);
  }

  /** The whole message with the sequence number, as IMAP gives it: with CRLF. */
  async fetch(sequence: number): Promise<Buffer> {
    const reply = await this.command(`FETCH ${sequence} BODY.PEEK[]`);
    const literal = /\{(\d+)\}\r\n/.exec(reply);
    assert.ok(literal !== null, `no message in ${reply.slice(0, 200)}`);
    const start = literal.index + literal[0].length;
    return Buffer.from(reply.slice(start, start + Number(literal[1])), 'latin1');
  }

  async logout(): Promise<void> {
    await this.command('LOGOUT');
    this.#socket.destroy();
  }

  /** Takes what `measure` gives the length of; the reply is whole then. */
  async #readUntil(measure: (received: string) => number | undefined): Promise<string> {
    const deadline = Date.now() + REPLY_TIMEOUT_MS;
    for (;;) {
      const length = measure(this.#received);
      if (length !== undefined) {
        const reply = this.#received.slice(0, length);
        this.#received = this.#received.slice(length);
        return reply;
      }
      assert.ok(!this.#socket.destroyed, `The server closed the connection after ${this.#received.slice(-200)}`);
      assert.ok(Date.now() < deadline, `No reply within ${REPLY_TIMEOUT_MS} ms`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 500);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}
