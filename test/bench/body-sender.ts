/** An LMTP client for one large message, made as it is sent: it never holds more than one piece, and waits for the peer. */
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

const LINE = `${'x'.repeat(76)}\r\n`;
const PIECE = Buffer.from(LINE.repeat(840));
const BYTES_PER_MB = 1024 ** 2;
let lastId = 0;

export class BodySender {
  readonly #socket: Socket;
  readonly #lines: AsyncIterator<string>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#lines = createInterface(socket)[Symbol.asyncIterator]();
  }

  /** Connects and says LHLO. */
  static async connect(path: string): Promise<BodySender> {
    const socket = createConnection(path);
    await once(socket, 'connect');
    const sender = new BodySender(socket);
    await sender.#expect('220 ');
    socket.write('LHLO client.example.test\r\n');
    await sender.#expect('250 ');
    return sender;
  }

  /** Sends everything of a message but its final dot. */
  async sendBody(recipient: string, sizeMb: number): Promise<void> {
    this.#socket.write(`MAIL FROM:<someone@remote.test>\r\nRCPT TO:<${recipient}>\r\nDATA\r\n`);
    await this.#expect('354 ');
    lastId += 1;
    this.#socket.write(`Message-ID: <large.${lastId}@remote.test>\r\nSubject: large\r\n\r\n`);
    for (let sent = 0; sent < sizeMb * BYTES_PER_MB; sent += PIECE.length) {
      if (!this.#socket.write(PIECE)) await once(this.#socket, 'drain');
    }
  }

  /** Sends the dot and gives the reply. */
  async finish(): Promise<string> {
    this.#socket.write('.\r\n');
    const reply = await this.#read();
    this.#socket.destroy();
    return reply;
  }

  /** Reads replies until one begins so; fails at one that refuses. */
  async #expect(start: string): Promise<void> {
    for (;;) {
      const line = await this.#read();
      if (line.startsWith(start)) return;
      if (/^[45]/.test(line)) throw new Error(`Cannot send the message: ${line}`);
    }
  }

  async #read(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error('Cannot read a reply: the server closed the connection');
    return value;
  }
}
