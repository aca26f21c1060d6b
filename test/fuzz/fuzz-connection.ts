/**
 * One connection of the fuzzer: batches of lines that are mostly wrong, each followed by a login that is right. What comes
 * back must be for requests of this connection alone, and a success only for the user it knows the password of. The
 * server may close the connection whenever it likes; then the next batch begins on a new one.
 */
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import type { AuthLines, Filling } from './auth-lines.ts';

/** What all connections saw; one object for all. */
export interface FuzzTally {
  lines: number;
  connections: number;
  accepted: number;
  rejected: number;
  challenges: number;
  /** Batches whose last login was answered, the connection still open. */
  survived: number;
  /** What should never have come. */
  readonly violations: string[];
}

export interface FuzzOptions {
  readonly path: string;
  /** A number of its own. */
  readonly index: number;
  readonly user: string;
  readonly password: string;
  /** Gives numbers in [0, 1). */
  readonly random: () => number;
  readonly lines: AuthLines;
  readonly tally: FuzzTally;
}

const IDS_EACH = 1_000_000;
const RECENT_IDS = 4;
/** Ids of the last logins of the batches. */
const LAST_IDS = 4_000_000_000;
const BATCH_LIMIT_MS = 30_000;
const MAX_VIOLATIONS = 10;

export class FuzzConnection {
  readonly #options: FuzzOptions;
  readonly #filling: Filling;
  #socket: Socket | undefined;
  #rest = '';
  /** Ids this connection has named, by whatever command. */
  readonly #named = new Set<number>();
  #nextId: number;
  #lastId: number;
  #isAnswered = false;
  #wake: () => void = () => undefined;

  constructor(options: FuzzOptions) {
    this.#options = options;
    const firstId = 1 + options.index * IDS_EACH;
    this.#nextId = firstId;
    this.#lastId = LAST_IDS + options.index * IDS_EACH;
    this.#filling = {
      user: options.user,
      password: options.password,
      takeId: () => {
        this.#nextId = this.#nextId >= firstId + IDS_EACH - 1 ? firstId : this.#nextId + 1;
        return this.#nextId;
      },
      recentId: () => Math.max(firstId, this.#nextId - Math.floor(options.random() * RECENT_IDS)),
    };
  }

  /** Sends a batch of `count` lines and the login, and waits for its answer or the end of the connection. */
  async play(count: number): Promise<void> {
    const socket = (this.#socket ??= await this.#connect());
    const { tally, user, password, lines } = this.#options;
    let text = '';
    for (let i = 0; i < count; i++) {
      const line = lines.next(this.#filling);
      this.#note(line);
      text += `${line}\n`;
    }
    this.#lastId += 1;
    const response = Buffer.from(`\0${user}\0${password}`).toString('base64');
    const login = `AUTH\t${this.#lastId}\tPLAIN\tservice=smtp\tsecured\tresp=${response}`;
    this.#note(login);
    tally.lines += count + 1;
    this.#isAnswered = false;
    const settled = new Promise<void>((resolve) => (this.#wake = resolve));
    const timer = setTimeout(() => {
      this.#report(`no answer for ${BATCH_LIMIT_MS} ms`);
      socket.destroy();
    }, BATCH_LIMIT_MS);
    socket.write(`${text}${login}\n`, 'latin1');
    await settled;
    clearTimeout(timer);
    if (this.#isAnswered) tally.survived += 1;
  }

  close(): void {
    this.#socket?.destroy();
  }

  async #connect(): Promise<Socket> {
    const { path, tally, index } = this.#options;
    const socket = createConnection(path);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    tally.connections += 1;
    this.#rest = '';
    this.#named.clear();
    socket.on('data', (chunk) => this.#read(chunk.toString('latin1')));
    socket.once('close', () => {
      this.#socket = undefined;
      this.#wake();
    });
    socket.write(`VERSION\t1\t${index % 3}\nCPID\t${index + 1}\n`);
    return socket;
  }

  #note(line: string): void {
    const id = /^[^\t]*\t(\d{1,20})(?:\t|\r?$)/.exec(line)?.[1];
    if (id !== undefined) this.#named.add(Number(id));
  }

  #read(chunk: string): void {
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#judge(line);
  }

  #judge(line: string): void {
    const { tally, user } = this.#options;
    const [name = '', id = '', ...fields] = line.split('\t');
    switch (name) {
      case 'VERSION':
      case 'MECH':
      case 'SPID':
      case 'CUID':
      case 'COOKIE':
      case 'DONE':
        return;
      case 'OK':
        tally.accepted += 1;
        if (!fields.includes(`user=${user}`)) this.#report(`success of somebody else: ${line}`);
        break;
      case 'FAIL':
        tally.rejected += 1;
        break;
      case 'CONT':
        tally.challenges += 1;
        break;
      default:
        this.#report(`no reply: ${line}`);
    }
    if (!this.#named.has(Number(id))) this.#report(`reply to an id that was not sent: ${line}`);
    if (Number(id) !== this.#lastId) return;
    this.#isAnswered = true;
    this.#wake();
  }

  #report(what: string): void {
    const { violations } = this.#options.tally;
    if (violations.length < MAX_VIOLATIONS) violations.push(JSON.stringify(what.slice(0, 200)));
  }
}
