/**
 * A whole LMTP service on a unix socket in a folder of its own: real mail store, real resolver, addresses in memory.
 * Knows in `d.example`: ann, bob, cid, "john doe", user..name, jörg, held, closed, away (on another host), foreign
 * (another uid), full (no room), small (1000 bytes), tight (1 message); aliases: team (ann, bob), mixed (ann, full),
 * half (ann, held), remote (ann and elsewhere), loop, gone (ann and nobody), alias (ann). And x@under_score.example.
 */
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import { createProbeSenderTest } from '../../src/core/probe-sender.ts';
import { Resolver } from '../../src/directory/resolver.ts';
import { LmtpService, type LmtpOptions, type LmtpPorts } from '../../src/service/lmtp/service.ts';
import type { CollectingLogger } from './collecting-logger.ts';
import { startStore, type StoreWish, type TestStore } from './mail-store.ts';
import { MemorySource } from './memory-source.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { userQuota } from './quota.ts';

export interface LmtpWish {
  readonly options?: Partial<LmtpOptions>;
  readonly ports?: Partial<LmtpPorts>;
  readonly store?: StoreWish;
}

const GRACE_MS = 2000;
const CLIENT_TIMEOUT_MS = 10_000;

export class LmtpTestServer {
  readonly path: string;
  readonly store: TestStore;
  readonly source: MemorySource;
  readonly service: LmtpService;
  readonly logger: CollectingLogger;

  constructor(folder: string, store: TestStore, wish: LmtpWish) {
    this.path = join(folder, 'lmtp');
    this.store = store;
    this.logger = store.logger;
    this.source = new MemorySource({
      domains: ['d.example', 'under_score.example'],
      accounts: [
        ...['ann', 'bob', 'cid', 'dan', 'john doe', 'user..name', 'jörg'].map((name) => `${name}@d.example`),
        'x@under_score.example',
        { address: 'held@d.example', receive: 'hold' },
        { address: 'closed@d.example', receive: 'refuse' },
        { address: 'away@d.example', host: 'other.example' },
        { address: 'foreign@d.example', uid: 12_345 },
        { address: 'lost@d.example', mail: 'maildir:/elsewhere' },
        { address: 'full@d.example', quota: userQuota('*:storage=1B') },
        { address: 'small@d.example', quota: userQuota('*:storage=1000B') },
        { address: 'tight@d.example', quota: userQuota('*:messages=1') },
      ],
      aliases: {
        'alias@d.example': ['ann@d.example'],
        'team@d.example': ['ann@d.example', 'bob@d.example'],
        'mixed@d.example': ['ann@d.example', 'full@d.example'],
        'half@d.example': ['ann@d.example', 'held@d.example'],
        'gone@d.example': ['ann@d.example', 'nobody@d.example'],
        'remote@d.example': ['ann@d.example', 'else@where.example'],
        'loop@d.example': ['pool@d.example'],
        'pool@d.example': ['loop@d.example'],
      },
    });
    this.service = new LmtpService(
      {
        endpoints: [{ kind: 'unix', path: this.path }],
        socketMode: 0o660,
        maxConnections: 1024,
        isAllowed: () => true,
        hostname: 'mx.example',
        maxMessageBytes: 64 * 1024 * 1024,
        maxRecipients: 100,
        maxReceivedHeaders: 100,
        maxHeaderBytes: 1024 * 1024,
        addsReceived: true,
        addsDeliveredTo: true,
        fullMailbox: 'refuse',
        exceededMessage: 'Quota exceeded (mailbox for user is full)',
        isProbeSender: createProbeSenderTest(['double-bounce']),
        ...wish.options,
      },
      {
        directory: new Resolver({ source: this.source, recipientDelimiter: '+' }),
        store: store.store,
        meter: store.meter,
        onDelivered: () => undefined,
        clock: systemClock,
        logger: store.logger,
        ...wish.ports,
      },
    );
  }

  readonly #sockets: Socket[] = [];

  readonly connect = (): Socket => {
    const socket = createConnection({ path: this.path });
    this.#sockets.push(socket);
    return socket;
  };

  /** A client that has read the greeting and the reply to LHLO. */
  async greet(): Promise<LmtpClient> {
    const client = new LmtpClient(this.connect());
    await client.reply();
    await client.ask('LHLO mx.postfix.example');
    return client;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await this.service.stop(GRACE_MS);
    await this.store.stop();
  }
}

/** Starts the service; it is stopped after the test. */
export async function startLmtp(t: TestContext, wish: LmtpWish = {}): Promise<LmtpTestServer> {
  const folder = wish.store?.folder ?? temporaryFolder(t);
  const store = await startStore(t, { ...wish.store, folder });
  const server = new LmtpTestServer(folder, store, wish);
  await server.service.bind();
  await server.service.start();
  t.after(() => server.stop());
  return server;
}

/** Speaks LMTP as Postfix does, one reply (of any number of lines) after the other. */
export class LmtpClient {
  readonly socket: Socket;
  #text = '';
  isClosed = false;
  #wake: () => void = () => undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('utf8');
    socket.on('error', () => undefined);
    socket.on('data', (text: string) => {
      this.#text += text;
      this.#wake();
    });
    socket.on('close', () => {
      this.isClosed = true;
      this.#wake();
    });
  }

  /** Sends one command and gives its reply. */
  ask(command: string): Promise<string> {
    this.socket.write(`${command}\r\n`);
    return this.reply();
  }

  /** The next reply, its lines joined by LF; an empty string when the peer has closed. */
  async reply(): Promise<string> {
    const deadline = Date.now() + CLIENT_TIMEOUT_MS;
    for (;;) {
      const match = /^(?:\d{3}-[^\n]*\r\n)*\d{3}(?: [^\n]*)?\r\n/.exec(this.#text);
      if (match !== null) {
        this.#text = this.#text.slice(match[0].length);
        return match[0].trimEnd().replaceAll('\r\n', '\n');
      }
      if (this.isClosed) return '';
      if (Date.now() > deadline) throw new Error(`No reply; came: ${JSON.stringify(this.#text)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, CLIENT_TIMEOUT_MS);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async replies(count: number): Promise<string[]> {
    const list: string[] = [];
    for (let i = 0; i < count; i++) list.push(await this.reply());
    return list;
  }

  /** MAIL and RCPTs in one write, as with PIPELINING; gives the replies to RCPT. */
  async open(sender: string, recipients: readonly string[]): Promise<string[]> {
    this.socket.write(
      [`MAIL FROM:<${sender}>`, ...recipients.map((path) => `RCPT TO:<${path}>`)].map((line) => `${line}\r\n`).join(''),
    );
    await this.reply();
    return this.replies(recipients.length);
  }

  /** A whole transaction; gives one reply for each accepted recipient. */
  async send(
    recipients: readonly string[],
    body = 'Subject: x\r\n\r\nHello\r\n',
    sender = 's@x.example',
  ): Promise<string[]> {
    const accepted = (await this.open(sender, recipients)).filter((reply) => reply.startsWith('2')).length;
    await this.ask('DATA');
    this.socket.write(Buffer.from(`${body}.\r\n`, 'latin1'));
    return this.replies(accepted);
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.socket.destroy();
    await once(this.socket, 'close');
  }
}
