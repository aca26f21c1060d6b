/** What a transcript cannot show: load, time, logs, many connections. The transcripts are in test/dialog. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import fc from 'fast-check';
import type { Authenticator, LoginOutcome } from '../../../../src/auth/login.ts';
import { SaslService, type SaslOptions } from '../../../../src/service/sasl/service.ts';
import { CollectingLogger } from '../../../support/collecting-logger.ts';
import { freePort } from '../../../support/free-port.ts';
import { STILL_WORLD } from '../../../support/play-mechanism.ts';
import { SaslPeer } from '../../../support/sasl-peer.ts';
import { startSaslServer, type SaslServer } from '../../../support/sasl-server.ts';
import { stubAuthenticator } from '../../../support/stub-authenticator.ts';

const PARAMETERS = 'service=smtp\tnologin\tlip=192.0.2.1\tsecured';
const WAIT_MS = 5000;
const EVERY_MECHANISM = [
  'PLAIN',
  'LOGIN',
  'CRAM-MD5',
  'DIGEST-MD5',
  'SCRAM-SHA-1',
  'SCRAM-SHA-256',
  'EXTERNAL',
  'ANONYMOUS',
];
/** What clients of some mechanism say, so that random exchanges get further than their first step. */
const MESSAGES = [
  '\0bob@example.com\0secret',
  'bob@example.com 0123456789abcdef0123456789abcdef',
  'n,,n=bob@example.com,r=abc',
  'c=biws,r=abc,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=',
  'username="bob",realm="example.com",nonce="x",cnonce="y",response=0123456789abcdef0123456789abcdef',
];

/** A client that keeps the lines it got. */
class Client {
  readonly socket: Socket;
  readonly lines: string[] = [];
  #rest = '';
  isClosed = false;
  remoteAddress = '198.51.100.7';

  constructor(server: SaslServer, minor = 0) {
    this.socket = server.connect();
    this.socket.on('data', (chunk: Buffer) => {
      const lines = (this.#rest + chunk.toString()).split('\n');
      this.#rest = lines.pop() ?? '';
      this.lines.push(...lines);
    });
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => (this.isClosed = true));
    this.send(`VERSION\t1\t${minor}`, 'CPID\t1');
  }

  send(...lines: string[]): void {
    this.socket.write(lines.map((line) => `${line}\n`).join(''));
  }

  plain(id: number, user: string, password: string): void {
    const response = Buffer.from(`\0${user}\0${password}`).toString('base64');
    this.send(`AUTH\t${id}\tPLAIN\t${PARAMETERS}\trip=${this.remoteAddress}\tresp=${response}`);
  }

  /** Replies, without the greeting. */
  get replies(): string[] {
    return this.lines.filter((line) => /^(OK|FAIL|CONT)\t/.test(line));
  }

  async waitFor(isDone: () => boolean): Promise<void> {
    const deadline = performance.now() + WAIT_MS;
    while (!isDone()) {
      assert.ok(performance.now() < deadline, `still waiting, got ${JSON.stringify(this.lines)}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}

describe('SaslSession', () => {
  let server: SaslServer;
  const clients: Client[] = [];

  async function start(options: Partial<SaslOptions> = {}, authenticator?: Authenticator): Promise<void> {
    server = await startSaslServer(options, authenticator === undefined ? undefined : { authenticator });
  }
  function connect(minor = 0): Client {
    const client = new Client(server, minor);
    clients.push(client);
    return client;
  }
  afterEach(async () => {
    for (const { socket } of clients.splice(0)) socket.destroy();
    await server.stop();
  });

  it('completes the handshake past its limit and closes after the AUTH line (RULES 19)', async () => {
    await start({ maxConnections: 1 });
    const first = connect();
    await first.waitFor(() => first.lines.includes('DONE'));
    const second = connect();
    await second.waitFor(() => second.lines.includes('DONE'));
    second.plain(1, 'bob@example.com', 'secret');
    await second.waitFor(() => second.isClosed);
    assert.deepEqual(second.replies, []);
    assert.equal(server.service.counters.overloadCount, 1);
    first.plain(1, 'bob@example.com', 'secret');
    await first.waitFor(() => first.replies.length > 0);
    assert.deepEqual(first.replies, ['OK\t1\tuser=bob@example.com']);
  });

  it('becomes a close for minor 0 with one request, a temporary FAIL otherwise (RULES 21)', async () => {
    await start(
      {},
      stubAuthenticator({ verify: async (): Promise<LoginOutcome> => ({ kind: 'unavailable', reason: 'test' }) }),
    );
    const postfix = connect(0);
    postfix.plain(1, 'bob@example.com', 'secret');
    await postfix.waitFor(() => postfix.isClosed);
    assert.deepEqual(postfix.replies, []);

    for (const minor of [1, 2, 4]) {
      const other = connect(minor);
      other.plain(7, 'bob@example.com', 'secret');
      await other.waitFor(() => other.replies.length > 0);
      assert.deepEqual(other.replies, ['FAIL\t7\ttemp\tcode=temp_fail\treason=Temporary authentication failure']);
    }
  });

  it('treats an authenticator that throws as an outage (RULES 21)', async () => {
    await start({}, stubAuthenticator({ verify: () => Promise.reject(new Error('bug')) }));
    const client = connect(0);
    client.plain(1, 'bob@example.com', 'secret');
    await client.waitFor(() => client.isClosed);
    assert.equal(server.logger.of('auth.fault').length, 1);
  });

  it('answers a wrong password and an unknown user alike in text and time (RULES 40)', async () => {
    await start({ failureDelayMs: 150 });
    const client = connect(0);
    const times: number[] = [];
    for (const [id, user] of [
      [1, 'bob@example.com'],
      [2, 'nobody@example.com'],
      [3, 'off@example.com'],
    ] as const) {
      const startedAt = performance.now();
      client.plain(id, user, 'wrong');
      await client.waitFor(() => client.replies.length === id);
      times.push(performance.now() - startedAt);
    }
    assert.deepEqual(
      client.replies.map((line) => line.replace(/user=\S+/, 'user=X').replace(/\t\d/, '')),
      Array.from({ length: 3 }, () => 'FAIL\tuser=X\treason=Invalid user name or password'),
    );
    for (const ms of times) assert.ok(ms >= 149 && ms < 450, `${times.join(' ')} ms`);
  });

  it('holds 50 failures of all connections together and sends the 51st at once (RULES 39)', async () => {
    await start({ failureDelayMs: 1500 });
    const guessers = Array.from({ length: 5 }, () => connect(0));
    for (const [i, guesser] of guessers.entries()) {
      for (let id = 1; id <= 10; id++) {
        guesser.remoteAddress = `10.0.${10 * i + id}.1`;
        guesser.plain(id, 'bob@example.com', 'wrong');
      }
    }
    const last = connect(0);
    await last.waitFor(() => server.service.heldCount === 50);
    const startedAt = performance.now();
    last.plain(1, 'bob@example.com', 'wrong');
    await last.waitFor(() => last.replies.length === 1);
    assert.ok(performance.now() - startedAt < 1000);
    assert.equal(server.service.undelayedCount, 1);
    last.plain(2, 'bob@example.com', 'secret');
    await last.waitFor(() => last.replies.length === 2);
    assert.equal(last.replies[1], 'OK\t2\tuser=bob@example.com');
    assert.equal(server.service.heldCount, 50);
    for (const { socket } of guessers) socket.destroy();
    await last.waitFor(() => server.service.heldCount === 0);
  });

  it('says who, from where, how and why in one line an attempt, and never the password', async () => {
    await start({ failureDelayMs: 0 });
    const client = connect(1);
    client.plain(1, 'bob@example.com', 'secret');
    client.plain(2, 'bob@example.com', 'hunter2-wrong');
    client.plain(3, 'outage@example.com', 'hunter2-outage');
    client.send(`AUTH\t4\tSCRAM-SHA-256\t${PARAMETERS}`, `AUTH\t5\tLOGIN\t${PARAMETERS}\tresp=aHVudGVyMg==`);
    client.send('CONT\t5\taHVudGVyMi1sb2dpbg==');
    await client.waitFor(() => client.replies.length === 6);

    const attempts = server.logger.lines.filter(({ event }) => event.startsWith('auth.'));
    assert.equal(attempts.length, 5);
    const common = { service: 'sasl', mechanism: 'PLAIN', remote: '198.51.100.7', saslService: '"smtp"' };
    const find = (event: string): Record<string, unknown> => {
      const { ms, session, ...fields } = attempts.find((line) => line.event === event)?.fields ?? {};
      assert.ok(typeof session === 'string' && (ms === undefined || typeof ms === 'number'));
      return fields;
    };
    assert.deepEqual(find('auth.accepted'), { ...common, user: '"bob@example.com"', passdb: 'memory', cached: false });
    assert.deepEqual(find('auth.unavailable'), { ...common, user: '"outage@example.com"', reason: 'always down' });
    const reasons = attempts.filter(({ event }) => event === 'auth.rejected').map(({ fields }) => fields['reason']);
    assert.deepEqual(new Set(reasons), new Set(['mechanism', 'wrong-password', 'unknown-user']));

    const log = JSON.stringify(server.logger.lines);
    for (const secret of [
      'secret',
      'hunter2-',
      'aHVudGVyMi',
      Buffer.from('\0bob@example.com\0secret').toString('base64'),
    ])
      assert.ok(!log.includes(secret), `"${secret}" is in the log`);
  });

  it('keeps at most 64 requests a connection; abandoned ones make room, working ones do not', async () => {
    const never = stubAuthenticator({ verify: () => new Promise(() => undefined) });
    await start({}, never);
    const client = connect(0);
    for (let id = 1; id <= 100; id++) client.send(`AUTH\t${id}\tLOGIN\t${PARAMETERS}`);
    await client.waitFor(() => client.replies.length === 100);
    client.send('CONT\t1\tYQ==', 'CONT\t100\tYQ==');
    await client.waitFor(() => client.replies.length === 102);
    assert.equal(client.replies[100], 'FAIL\t1\treason=Authentication request timed out');
    assert.equal(client.replies[101], 'CONT\t100\tUGFzc3dvcmQ6');

    for (let id = 101; id <= 165; id++) client.plain(id, 'bob@example.com', 'x');
    await client.waitFor(() => client.replies.length === 103);
    assert.match(client.replies[102] ?? '', /^FAIL\t165\ttemp\t/);
  });

  it('sends what it owes before it stops, failures without their delay', async () => {
    await start({ failureDelayMs: 60_000 });
    const client = connect(0);
    client.plain(1, 'bob@example.com', 'wrong');
    await client.waitFor(() => server.service.heldCount === 1);
    await server.service.stop(1000);
    await client.waitFor(() => client.isClosed);
    assert.match(client.replies[0] ?? '', /^FAIL\t1\t/);
  });

  it('offers other mechanisms after a reload, on new connections, and lets the old ones go', async () => {
    await start();
    const old = connect(0);
    await old.waitFor(() => old.lines.includes('DONE'));
    server.service.reload({ mechanisms: ['PLAIN', 'LOGIN'], failureDelayMs: 0 });
    old.plain(1, 'bob@example.com', 'secret');
    await old.waitFor(() => old.replies.length === 1);
    server.service.reload({ mechanisms: ['LOGIN'], failureDelayMs: 0 });
    await old.waitFor(() => old.isClosed);
    const fresh = connect(0);
    await fresh.waitFor(() => fresh.lines.includes('DONE'));
    assert.deepEqual(
      fresh.lines.filter((line) => line.startsWith('MECH')),
      ['MECH\tLOGIN\tplaintext'],
    );
    assert.throws(() => server.service.reload({ mechanisms: ['ROT13'], failureDelayMs: 0 }), RangeError);
  });

  it('refuses what is offered no longer on connections that stay, and takes what is offered now', async () => {
    const port = await freePort();
    await start({ endpoints: [{ kind: 'inet', host: '127.0.0.1', port }], isAllowed: () => true });
    const peer = new SaslPeer(createConnection(port, '127.0.0.1'));
    assert.equal(await peer.read(peer.auth('LOGIN')), 'CONT\tVXNlcm5hbWU6');
    server.service.reload({ mechanisms: ['PLAIN', 'CRAM-MD5'], failureDelayMs: 0 });
    assert.equal(await peer.read(peer.auth('LOGIN')), 'FAIL\treason=Invalid request');
    assert.match(await peer.read(peer.auth('CRAM-MD5')), /^CONT/);
    peer.close();
  });

  it('gives every connection an id and a cookie of its own', async () => {
    await start();
    const [a, b] = [connect(0), connect(0)];
    for (const client of [a, b]) await client.waitFor(() => client.lines.includes('DONE'));
    for (const name of ['CUID', 'COOKIE'])
      assert.notEqual(
        a.lines.find((l) => l.startsWith(name)),
        b.lines.find((l) => l.startsWith(name)),
      );
  });
});

describe('SaslService', () => {
  it('refuses a mechanism it does not have before it listens', () => {
    const logger = new CollectingLogger();
    const options: SaslOptions = {
      endpoints: [],
      socketMode: 0o660,
      maxConnections: 1,
      isAllowed: () => false,
      mechanisms: ['GSSAPI'],
      failureDelayMs: 0,
    };
    const authenticator = stubAuthenticator({});
    assert.throws(() => new SaslService(options, { authenticator, world: STILL_WORLD, logger }), /GSSAPI/);
  });
});

describe('SaslSession against hostile input', () => {
  let server: SaslServer;
  before(async () => {
    server = await startSaslServer({ mechanisms: EVERY_MECHANISM, failureDelayMs: 0 });
  });
  after(() => server.stop());

  it('survives 20,000 random lines, answers only ids it was given, and keeps its memory', async () => {
    const id = fc.oneof(fc.integer({ min: 1, max: 5 }).map(String), fc.constantFrom('0', '-1', '4294967296', 'x', ''));
    const bytes = fc.string({ unit: 'binary', maxLength: 40 }).map((s) => s.replaceAll('\n', ' '));
    const response = fc.oneof(
      fc.uint8Array({ maxLength: 60 }).map((b) => Buffer.from(b).toString('base64')),
      fc.constantFrom('=', '', '!!!', ...MESSAGES.map((text) => Buffer.from(text).toString('base64'))),
      bytes,
    );
    const auth = fc
      .tuple(
        id,
        fc.constantFrom('PLAIN', 'LOGIN', 'plain', ...EVERY_MECHANISM, 'GSSAPI', '', '\0'),
        fc.option(response),
        bytes,
      )
      .map(([i, m, r, x]) => `AUTH\t${i}\t${m}\tservice=smtp\tsecured\t${x}${r === null ? '' : `\tresp=${r}`}`);
    const line = fc.oneof(
      { weight: 6, arbitrary: auth },
      { weight: 4, arbitrary: fc.tuple(id, response).map(([i, r]) => `CONT\t${i}\t${r}`) },
      { weight: 1, arbitrary: id.map((i) => `CANCEL\t${i}`) },
      { weight: 1, arbitrary: bytes },
    );
    const lines = fc.sample(line, { numRuns: 20_000, seed: 42 });
    // Warm up first, so that what a first use allocates is not taken for a leak.
    await play(lines.slice(0, 4000));
    globalThis.gc?.();
    const startRss = process.memoryUsage().rss;
    await play(lines);
    const grownMb = (process.memoryUsage().rss - startRss) / 1024 / 1024;
    assert.ok(grownMb < 80, `${grownMb} MB`);

    const client = new Client(server, 0);
    client.plain(1, 'bob@example.com', 'secret');
    await client.waitFor(() => client.replies.length === 1);
    assert.equal(client.replies[0], 'OK\t1\tuser=bob@example.com');
    client.socket.destroy();
    server.logger.assertQuiet(['connection.protocol-error']);
  });

  /** Sends the lines over as many connections as it takes: some lines rightly close theirs. */
  async function play(lines: readonly string[]): Promise<void> {
    server.logger.lines.length = 0;
    for (let i = 0; i < lines.length; i += 20) {
      const part = lines.slice(i, i + 20);
      const client = new Client(server, i % 3);
      client.send(...part);
      client.socket.end();
      if (!client.isClosed) await once(client.socket, 'close');
      const given = new Set(part.map((text) => text.split('\t')[1]));
      for (const reply of client.replies) assert.ok(given.has(reply.split('\t')[1]), reply);
    }
  }
});
