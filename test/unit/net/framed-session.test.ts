/** Framing, order and back-pressure of one connection. Limits, stops and half-open peers are in listener.test.ts. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { ProtocolError } from '../../../src/core/errors.ts';
import { FramedSession, type FramedOptions } from '../../../src/net/framed-session.ts';
import { CollectingLogger } from '../../support/collecting-logger.ts';
import { cuts } from '../../support/take-all.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { waitFor } from '../../support/wait.ts';

const MAX_UNSENT_BYTES = 256 * 1024;

interface Pair {
  readonly session: FramedSession<string>;
  /** The session's end; `writes` are the texts it was given to send. */
  readonly server: Socket;
  readonly writes: string[];
  readonly client: Socket;
  readonly received: () => string;
  readonly logger: CollectingLogger;
}

/** A session on one end of a real connection. `onFrame` answers through the session it is given. */
async function openPair(
  t: TestContext,
  onFrame: (line: string, session: FramedSession<string>) => void | Promise<void>,
  options: Partial<FramedOptions<string>> = {},
): Promise<Pair> {
  const path = join(temporaryFolder(t), 's');
  const listener = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(path);
  await once(listener, 'listening');
  const client = connect(path);
  const [server]: Socket[] = await once(listener, 'connection');
  assert.ok(server !== undefined);
  listener.close();
  t.after(() => {
    client.destroy();
    server.destroy();
  });
  let text = '';
  client.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const writes: string[] = [];
  const write = server.write.bind(server);
  server.write = (chunk: string) => {
    writes.push(chunk);
    return write(chunk);
  };
  const logger = new CollectingLogger();
  const session: FramedSession<string> = new FramedSession<string>({
    connection: {
      id: 'test',
      socket: server,
      endpoint: { kind: 'unix', path },
      remoteAddress: '',
      isOverloaded: false,
    },
    logger,
    take: takeLine,
    maxFrameBytes: 1000,
    idleMs: 60_000,
    onFrame: (line) => onFrame(line, session),
    ...options,
  });
  server.resume();
  return { session, server, writes, client, received: () => text, logger };
}

function takeLine(bytes: Buffer): { value: string; rest: Buffer } | undefined {
  const end = bytes.indexOf('\n');
  return end === -1 ? undefined : { value: bytes.toString('utf8', 0, end), rest: bytes.subarray(end + 1) };
}

describe('FramedSession', () => {
  it('gives the same answers however the bytes are split, to frames that are waited for as to others', async (t) => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.stringMatching(/^[^\n]{0,20}$/), { maxLength: 30 }), cuts, async (lines, places) => {
        const { client, server, received } = await openPair(t, async (line, session) => {
          if (line.length % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
          session.send(`<${line}>\n`);
        });
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const borders = [0, ...places.map((place) => place % (bytes.length + 1)), bytes.length].toSorted(
          (a, b) => a - b,
        );
        for (const [i, border] of borders.entries()) {
          client.write(bytes.subarray(borders[i - 1] ?? 0, border));
          // What is written in different turns is not read as one.
          await new Promise((resolve) => setImmediate(resolve));
        }
        client.end();
        await once(client, 'close');
        assert.equal(received(), lines.map((line) => `<${line}>\n`).join(''));
        server.destroy();
      }),
      { numRuns: 60 },
    );
  });

  it('answers all frames of one read with one write', async (t) => {
    const { client, writes, received } = await openPair(t, (line, session) => session.send(`${line}!\n`));
    client.write('a\nb\nc\nd');
    await waitFor('three answers', () => received() === 'a!\nb!\nc!\n');
    assert.deepEqual(writes, ['a!\nb!\nc!\n']);
    client.write('\n');
    await waitFor('the last answer', () => received().endsWith('d!\n'));
    assert.equal(writes.length, 2);
  });

  it('handles no frame of a read after the one that closed the connection, and sends what was said before', async (t) => {
    const handled: string[] = [];
    const { client, received } = await openPair(t, (line, session) => {
      handled.push(line);
      if (line === 'close') session.close('test');
      else session.send(`${line}!\n`);
    });
    client.write('a\nclose\nb\n');
    await once(client, 'close');
    assert.deepEqual(handled, ['a', 'close']);
    assert.equal(received(), 'a!\n');
  });

  it('sends what was said before the frame that broke the protocol', async (t) => {
    const { client, received, logger } = await openPair(t, (line, session) => {
      if (line === 'bad') throw new ProtocolError('Cannot read it');
      session.send(`${line}!\n`);
    });
    client.write('a\nbad\nb\n');
    await once(client, 'close');
    assert.equal(received(), 'a!\n');
    assert.equal(logger.of('connection.protocol-error').length, 1);
  });

  it('closes when a frame that is waited for fails', async (t) => {
    const { client, logger } = await openPair(t, () => Promise.reject(new Error('Cannot do it')));
    client.write('a\nb\n');
    await once(client, 'close');
    assert.equal(logger.of('connection.fault').length, 1);
  });

  it('sends what was said before a drain and then ends', async (t) => {
    const { client, session, received } = await openPair(t, () => undefined);
    session.send('greeting\n');
    session.drain();
    await once(client, 'close');
    assert.equal(received(), 'greeting\n');
  });

  for (const isAsync of [false, true]) {
    it(`stops reading from a peer that does not read its ${isAsync ? 'late ' : ''}answers, until it does`, async (t) => {
      const answer = `${'x'.repeat(999)}\n`;
      let handled = 0;
      const { client, server, received } = await openPair(t, (_line, session) => {
        handled += 1;
        session.send(answer);
        return isAsync ? Promise.resolve() : undefined;
      });
      const count = 20_000;
      client.pause();
      client.write('ask\n'.repeat(count));
      let before = -1;
      await waitFor('the session to stop', async () => {
        const hasStopped = handled > 0 && handled === before;
        before = handled;
        await new Promise((resolve) => setTimeout(resolve, 20));
        return hasStopped;
      });
      assert.ok(handled < count / 4, `${handled} of ${count} answered`);
      // One answer may be over the limit.
      assert.ok(server.writableLength <= MAX_UNSENT_BYTES + answer.length, `${server.writableLength} bytes wait`);
      client.resume();
      await waitFor('all answers', () => received().length === count * answer.length, 20_000);
      assert.equal(handled, count);
    });
  }
});
