import assert from 'node:assert/strict';
import { existsSync, lstatSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { basename, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { Connection } from '../../../src/net/connection.ts';
import { FramedSession } from '../../../src/net/framed-session.ts';
import { Listener, type ListenerOptions, type ListeningOptions } from '../../../src/net/listener.ts';
import { freePort } from '../../support/free-port.ts';
import { CollectingLogger } from '../../support/collecting-logger.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { waitFor } from '../../support/wait.ts';

/** A listener that answers every line with itself in upper case, and says "busy" when overloaded. */
function upperCaser(
  t: TestContext,
  path: string,
  options: Partial<Omit<ListenerOptions, 'listening'> & ListeningOptions> = {},
): { listener: Listener; logger: CollectingLogger } {
  const logger = new CollectingLogger();
  const defaults = { endpoints: [{ kind: 'unix', path } as const], socketMode: 0o660, maxConnections: 100 };
  const listener = new Listener({
    listening: { ...defaults, isAllowed: () => true, ...options },
    logger,
    onConnection: (connection) => openSession(connection, logger),
    ...options,
  });
  t.after(() => listener.stop(0));
  return { listener, logger };
}

function openSession(connection: Connection, logger: CollectingLogger): FramedSession<string> {
  const session = new FramedSession<string>({
    connection,
    logger,
    take: (bytes) => {
      const end = bytes.indexOf('\n');
      return end === -1 ? undefined : { value: bytes.toString('utf8', 0, end), rest: bytes.subarray(end + 1) };
    },
    maxFrameBytes: 1000,
    idleMs: 60_000,
    onFrame: async (line) => {
      if (line === 'slow') await new Promise((resolve) => setTimeout(resolve, 50));
      if (line === 'throw') throw new Error('Cannot do it');
      session.send(`${connection.isOverloaded ? 'busy' : line.toUpperCase()}\n`);
    },
  });
  return session;
}

async function open(
  target: string | { port: number; host: string },
): Promise<{ socket: Socket; received: () => string; isClosed: () => boolean }> {
  const socket = typeof target === 'string' ? connect({ path: target }) : connect(target);
  let text = '';
  let closed = false;
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => (text += chunk));
  socket.on('error', () => undefined);
  socket.on('close', () => (closed = true));
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  return { socket, received: () => text, isClosed: () => closed };
}

describe('Listener', () => {
  it('gives a unix socket its mode before anybody can see it, and leaves no temporary name', async (t) => {
    const folder = temporaryFolder(t);
    const { listener } = upperCaser(t, join(folder, 's'));
    await listener.start();
    assert.equal(lstatSync(join(folder, 's')).mode & 0o777, 0o660);
    assert.deepEqual(readdirSync(folder), ['s']);
  });

  it('answers frames in order, also when the first takes longer', async (t) => {
    const path = join(temporaryFolder(t), 's');
    const { listener, logger } = upperCaser(t, path);
    await listener.start();
    const client = await open(path);
    client.socket.write('slow\nnext\n');
    await waitFor('both answers', () => client.received() === 'SLOW\nNEXT\n');
    client.socket.destroy();
    logger.assertQuiet();
  });

  it('answers a peer that closed its writing side when half-open connections are kept', async (t) => {
    const path = join(temporaryFolder(t), 's');
    const { listener } = upperCaser(t, path, { allowHalfOpen: true });
    await listener.start();
    const client = await open(path);
    client.socket.end('slow\n');
    await waitFor('the end', client.isClosed);
    assert.equal(client.received(), 'SLOW\n');
  });

  it('reads nothing between bind() and open()', async (t) => {
    const path = join(temporaryFolder(t), 's');
    const { listener } = upperCaser(t, path);
    await listener.bind();
    const client = await open(path);
    client.socket.write('early\n');
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.equal(client.received(), '');
    listener.open();
    await waitFor('the answer', () => client.received() === 'EARLY\n');
    client.socket.destroy();
  });

  it('serves connections past the limit as overloaded instead of refusing them (RULES 19)', async (t) => {
    const path = join(temporaryFolder(t), 's');
    const { listener } = upperCaser(t, path, { maxConnections: 2 });
    await listener.start();
    const clients = [await open(path), await open(path), await open(path)];
    await waitFor('three connections', () => listener.openCount === 3);
    for (const client of clients) client.socket.write('hello\n');
    await waitFor('three answers', () => clients.every((client) => client.received() !== ''));
    assert.deepEqual(
      clients.map((client) => client.received()),
      ['HELLO\n', 'HELLO\n', 'busy\n'],
    );
    assert.equal(listener.overloadedCount, 1);

    clients[0]?.socket.destroy();
    await waitFor('two connections', () => listener.openCount === 2);
    clients[2]?.socket.write('again\n');
    await waitFor('an answer of its own', () => clients[2]?.received() === 'busy\nAGAIN\n');
    for (const client of clients) client.socket.destroy();
    await waitFor('no connection', () => listener.openCount === 0);
  });

  it('refuses TCP peers that are not allowed, by the address they come from', async (t) => {
    const port = await freePort();
    const asked: string[] = [];
    const isAllowed = (remoteAddress: string): boolean => asked.push(remoteAddress) > 1;
    const { listener, logger } = upperCaser(t, '', {
      endpoints: [{ kind: 'inet', host: '127.0.0.1', port }],
      isAllowed,
    });
    await listener.start();
    const refused = await open({ port, host: '127.0.0.1' });
    await waitFor('the end', refused.isClosed);
    assert.equal(listener.refusedCount, 1);
    const allowed = await open({ port, host: '127.0.0.1' });
    allowed.socket.write('hello\n');
    await waitFor('the answer', () => allowed.received() === 'HELLO\n');
    allowed.socket.destroy();
    assert.deepEqual(asked, ['127.0.0.1', '127.0.0.1']);
    logger.assertQuiet(['listener.refused']);
  });

  it('closes a connection whose handler throws and logs it once', async (t) => {
    const path = join(temporaryFolder(t), 's');
    const { listener, logger } = upperCaser(t, path);
    await listener.start();
    const client = await open(path);
    client.socket.write('throw\n');
    await waitFor('the end', client.isClosed);
    assert.equal(logger.of('connection.fault').length, 1);
  });

  it('closes a connection whose frame grows past the limit', async (t) => {
    const path = join(temporaryFolder(t), 's');
    const { listener, logger } = upperCaser(t, path);
    await listener.start();
    const client = await open(path);
    client.socket.write('x'.repeat(2000));
    await waitFor('the end', client.isClosed);
    assert.equal(logger.of('connection.protocol-error').length, 1);
  });

  it('stop() lets a request in work finish and is harmless twice', async (t) => {
    const path = join(temporaryFolder(t), 's');
    const { listener } = upperCaser(t, path);
    await listener.start();
    const client = await open(path);
    client.socket.write('slow\n');
    await waitFor('the connection', () => listener.openCount === 1);
    await new Promise((resolve) => setTimeout(resolve, 10));
    await listener.stop(5000);
    await listener.stop(5000);
    await waitFor('the end', client.isClosed);
    assert.equal(client.received(), 'SLOW\n');
    assert.equal(existsSync(path), false);
  });

  it('stop() does not wait for an idle peer that keeps its side open, as Postfix does', async (t) => {
    const path = join(temporaryFolder(t), 's');
    const { listener } = upperCaser(t, path);
    await listener.start();
    const socket = connect({ path, allowHalfOpen: true });
    t.after(() => socket.destroy());
    let received = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => (received += chunk));
    socket.write('hello\n');
    await waitFor('the answer', () => received === 'HELLO\n');
    const startedAt = Date.now();
    await listener.stop(5000);
    assert.ok(Date.now() - startedAt < 2500);
  });

  it('drain() closes both ways, so that a peer that does not look cannot write into half a connection', async (t) => {
    const path = join(temporaryFolder(t), 's');
    const sessions: FramedSession<string>[] = [];
    const { listener } = upperCaser(t, path, {
      allowHalfOpen: true,
      onConnection: (connection) => {
        const session = openSession(connection, new CollectingLogger());
        sessions.push(session);
        return session;
      },
    });
    await listener.start();
    const client = connect({ path, allowHalfOpen: true });
    t.after(() => client.destroy());
    await waitFor('the connection', () => listener.openCount === 1);
    for (const session of sessions) session.drain();
    await waitFor('the end', () => listener.openCount === 0);
    // Postfix connects anew when a write fails; a write that succeeds and is never answered costs a login (454).
    const write = new Promise<void>((resolve, reject) => {
      client.on('error', reject);
      client.write('hello\n', (error) => (error ? reject(error) : resolve()));
    });
    await assert.rejects(write, { code: 'EPIPE' });
  });

  it('stop() sends what is owed although the peer goes on talking, and begins nothing new', async (t) => {
    const path = join(temporaryFolder(t), 's');
    const { listener, logger } = upperCaser(t, path);
    await listener.start();
    const client = await open(path);
    client.socket.write('slow\n');
    await waitFor('the connection', () => listener.openCount === 1);
    await new Promise((resolve) => setTimeout(resolve, 10));
    const stopped = listener.stop(5000);
    client.socket.write('more\n'.repeat(1000));
    await stopped;
    await waitFor('the end', client.isClosed);
    assert.equal(client.received(), 'SLOW\n');
    logger.assertQuiet();
  });

  it('stop() drains also when a socket file cannot be removed, as in a folder of root', async (t) => {
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, 'private'));
    const endpoints = [join(folder, 's'), join(folder, 'private', 's')].map(
      (path) => ({ kind: 'unix', path }) as const,
    );
    const { listener, logger } = upperCaser(t, '', { endpoints });
    await listener.start();
    const client = await open(join(folder, 's'));
    client.socket.write('slow\n');
    await waitFor('the connection', () => listener.openCount === 1);
    await new Promise((resolve) => setTimeout(resolve, 10));
    // Also root cannot look into what is no folder any more.
    renameSync(join(folder, 'private'), join(folder, 'gone'));
    writeFileSync(join(folder, 'private'), '');
    await listener.stop(5000);
    await waitFor('the end', client.isClosed);
    assert.equal(client.received(), 'SLOW\n');
    assert.equal(existsSync(join(folder, 's')), false);
    logger.assertQuiet(['listener.fault']);
  });

  it('closes a connection whose frame drips, but not one whose next frame is always half there', async (t) => {
    const path = join(temporaryFolder(t), 's');
    const { listener } = upperCaser(t, path);
    await listener.start();
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const steady = connect({ path });
    t.after(() => steady.destroy());
    let answers = '';
    steady.setEncoding('utf8').on('data', (text: string) => (answers += text));
    for (let i = 1; i <= 3; i++) {
      steady.write('a\nb');
      await turnUntil(() => answers.split('\n').length > i);
      t.mock.timers.tick(90_000);
    }
    assert.equal(steady.destroyed, false);
    t.mock.timers.tick(90_000);
    await turnUntil(() => listener.openCount === 0);
  });

  it('stop() destroys what does not end within the grace', async (t) => {
    const path = join(temporaryFolder(t), 's');
    const { listener } = upperCaser(t, path, { onConnection: () => ({ drain: () => undefined }) });
    await listener.start();
    const client = await open(path);
    await waitFor('the connection', () => listener.openCount === 1);
    await listener.stop(20);
    await waitFor('the end', client.isClosed);
  });

  it('replaces a stale socket file but not one where somebody answers, and never another kind of file', async (t) => {
    const folder = temporaryFolder(t);
    const path = join(folder, 's');
    const stale = createServer();
    await listenOn(stale, path);
    const { listener } = upperCaser(t, path);
    await assert.rejects(listener.start(), /another process answers/);
    await new Promise((resolve) => stale.close(resolve));

    const { listener: first } = upperCaser(t, path);
    await first.start();
    const { listener: second } = upperCaser(t, path);
    await assert.rejects(second.start(), /another process answers/);
    const client = await open(path);
    client.socket.destroy();

    writeFileSync(join(folder, 'file'), 'precious');
    const { listener: third } = upperCaser(t, join(folder, 'file'));
    await assert.rejects(third.start(), /no socket is in the way/);
    assert.ok(existsSync(join(folder, 'file')));
  });

  it('takes the longest path that its temporary name leaves room for, and no longer one', async (t) => {
    const folder = temporaryFolder(t);
    const path = join(folder, 's'.repeat(100 - folder.length));
    const { listener } = upperCaser(t, path);
    await listener.start();
    assert.deepEqual(readdirSync(folder), [basename(path)]);
    await listener.stop(0);
    const { listener: tooLong } = upperCaser(t, `${path}s`);
    await assert.rejects(tooLong.start(), /at most 101 bytes/);
    assert.deepEqual(readdirSync(folder), []);
  });

  it('takes no endpoint when one of them cannot be had', async (t) => {
    const folder = temporaryFolder(t);
    const endpoints = [join(folder, 'good'), join(folder, 'no', 'such', 'folder')].map(
      (path) => ({ kind: 'unix', path }) as const,
    );
    const { listener } = upperCaser(t, '', { endpoints });
    await assert.rejects(listener.start());
    assert.equal(existsSync(join(folder, 'good')), false);
  });

  it('does not remove the socket of a newer server at its own stop', async (t) => {
    const path = join(temporaryFolder(t), 's');
    const { listener: old } = upperCaser(t, path);
    await old.start();
    const newer = createServer();
    await listenOn(newer, `${path}.new`);
    renameSync(`${path}.new`, path);
    await old.stop(0);
    assert.ok(existsSync(path));
    await new Promise((resolve) => newer.close(resolve));
  });
});

/** As waitFor, for tests that hold the timers. */
async function turnUntil(isTrue: () => boolean): Promise<void> {
  for (let turns = 0; !isTrue() && turns < 100_000; turns++) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(isTrue());
}

function listenOn(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(path, () => resolve());
  });
}
