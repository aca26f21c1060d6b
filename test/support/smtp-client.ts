/**
 * An SMTP client that decides nothing: one command out, one reply back, every reply kept as it came. It speaks LMTP as
 * well. Bodies are sent as given, dots stuffed.
 */
import assert from 'node:assert/strict';
import { createConnection, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { once } from 'node:events';
import type { SaslClient } from './sasl-client.ts';

/** One reply: its code, and its text with the lines joined. */
export interface Reply {
  readonly code: number;
  readonly text: string;
}

/** What happened to one message: the replies to MAIL, each RCPT, and the body. */
export interface Submission {
  readonly mail: Reply;
  readonly recipients: readonly Reply[];
  /** The reply after the final dot; undefined when DATA was not accepted. */
  readonly data: Reply | undefined;
}

export interface Message {
  readonly from: string;
  readonly to: readonly string[];
  /** Header and body with CRLF line ends. */
  readonly content: string | Buffer;
  /** Parameters of MAIL, such as `BODY=8BITMIME`. */
  readonly parameters?: string;
}

const REPLY_TIMEOUT_MS = 60_000;
const REPLY = /^(?:\d{3}-[^\n]*\n)*\d{3}(?: [^\n]*)?\n/;

export class SmtpClient {
  #socket: Socket;
  #received = '';
  #wake: () => void = () => {};
  /** The 220 line. */
  greeting: Reply = { code: 0, text: '' };
  /** The lines of the last EHLO or LHLO reply. */
  capabilities: readonly string[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Connects to loopback and reads the greeting. */
  static async connect(target: { port: number; isTls?: boolean } | { path: string }): Promise<SmtpClient> {
    const isTls = 'port' in target && target.isTls === true;
    const address = 'port' in target ? { host: '127.0.0.1', port: target.port } : { path: target.path };
    const socket = isTls ? connectTls({ ...address, rejectUnauthorized: false }) : createConnection(address);
    const client = new SmtpClient(socket);
    client.#listen();
    await once(socket, isTls ? 'secureConnect' : 'connect');
    client.greeting = await client.read();
    return client;
  }

  /** Sends one line and reads its reply. */
  async command(line: string): Promise<Reply> {
    this.#socket.write(`${line}\r\n`);
    return this.read();
  }

  async ehlo(verb: 'EHLO' | 'LHLO' = 'EHLO'): Promise<Reply> {
    const reply = await this.command(`${verb} client.example.test`);
    this.capabilities = reply.text.split('\n').slice(1);
    return reply;
  }

  /** STARTTLS with the certificate taken as it is, then EHLO again. */
  async startTls(): Promise<void> {
    const reply = await this.command('STARTTLS');
    assert.equal(reply.code, 220, reply.text);
    this.#socket.removeAllListeners('data');
    this.#socket = connectTls({ socket: this.#socket, rejectUnauthorized: false });
    this.#listen();
    await once(this.#socket, 'secureConnect');
    await this.ehlo();
  }

  async authPlain(user: string, password: string): Promise<Reply> {
    return this.command(`AUTH PLAIN ${base64(`\0${user}\0${password}`)}`);
  }

  async authLogin(user: string, password: string): Promise<Reply> {
    for (const line of ['AUTH LOGIN', base64(user)]) {
      const reply = await this.command(line);
      if (reply.code !== 334) return reply;
    }
    return this.command(base64(password));
  }

  /** A whole login by any mechanism; the client checks what the server proves of itself. */
  async login(mechanism: string, client: SaslClient): Promise<Reply> {
    const { initial } = client;
    const response = initial === undefined ? '' : ` ${initial.length === 0 ? '=' : initial.toString('base64')}`;
    let reply = await this.command(`AUTH ${mechanism}${response}`);
    while (reply.code === 334) {
      reply = await this.command(client.answer(Buffer.from(reply.text, 'base64')).toString('base64'));
    }
    return reply;
  }

  /** The mechanisms of the last EHLO reply. */
  get mechanisms(): readonly string[] {
    const line = this.capabilities.find((capability) => capability.startsWith('AUTH '));
    return line === undefined ? [] : line.split(' ').slice(1);
  }

  /** Sends one message as far as the server lets it. */
  async send(message: Message): Promise<Submission> {
    const { parameters } = message;
    const mail = await this.command(`MAIL FROM:<${message.from}>${parameters === undefined ? '' : ` ${parameters}`}`);
    if (mail.code !== 250) return { mail, recipients: [], data: undefined };
    const recipients: Reply[] = [];
    for (const to of message.to) recipients.push(await this.command(`RCPT TO:<${to}>`));
    if (!recipients.some(({ code }) => code === 250)) {
      await this.command('RSET');
      return { mail, recipients, data: undefined };
    }
    const go = await this.command('DATA');
    if (go.code !== 354) return { mail, recipients, data: go };
    this.writeContent(message.content);
    return { mail, recipients, data: await this.read() };
  }

  /** Writes a message and its final dot without waiting for the reply. */
  writeContent(content: string | Buffer): void {
    const bytes = Buffer.from(content).toString('latin1');
    assert.ok(bytes.endsWith('\r\n'), 'a message ends with CRLF');
    this.#socket.write(Buffer.from(`${bytes.replaceAll(/^\./gm, '..')}.\r\n`, 'latin1'));
  }

  /** Reads the next reply; fails when the server closes instead, or says nothing for a minute. */
  async read(): Promise<Reply> {
    const deadline = Date.now() + REPLY_TIMEOUT_MS;
    for (;;) {
      const match = REPLY.exec(this.#received);
      if (match !== null) {
        this.#received = this.#received.slice(match[0].length);
        const lines = match[0].trimEnd().split(/\r?\n/);
        return { code: Number(match[0].slice(0, 3)), text: lines.map((line) => line.slice(4)).join('\n') };
      }
      assert.ok(!this.#socket.destroyed, `The server closed the connection after ${JSON.stringify(this.#received)}`);
      assert.ok(Date.now() < deadline, `No reply within ${REPLY_TIMEOUT_MS} ms`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1000);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async quit(): Promise<void> {
    await this.command('QUIT');
    this.close();
  }

  close(): void {
    this.#socket.destroy();
  }

  #listen(): void {
    this.#socket.on('data', (chunk: Buffer) => {
      this.#received += chunk.toString('utf8');
      this.#wake();
    });
    // What is missing then is seen by `read`.
    this.#socket.on('error', () => this.#wake());
    this.#socket.on('close', () => this.#wake());
  }
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
