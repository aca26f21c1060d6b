import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LmtpClient, startLmtp, type LmtpTestServer } from '../../../support/lmtp-server.ts';
import { contentsIn, namesIn } from '../../../support/mail-store.ts';
import { waitFor } from '../../../support/wait.ts';

const ANN = 'ann@d.example';

function stored(server: LmtpTestServer): string[] {
  return contentsIn(server.store.maildir(ANN), 'new').map((message) => message.replace(/^.*?\d{4}\n/s, ''));
}

/** Writes as fast as the peer takes it. */
async function pour(client: LmtpClient, piece: Buffer, count: number): Promise<void> {
  for (let i = 0; i < count && !client.socket.destroyed; i++) {
    if (client.socket.write(piece)) continue;
    await waitFor('the peer to read', () => !client.socket.writableNeedDrain || client.socket.destroyed);
  }
}

describe('Hostile input', () => {
  it('never smuggles a second message past the end of the first (demand.md E.3 class 1)', async (t) => {
    const server = await startLmtp(t, { options: { addsReceived: false } });
    const client = await server.greet();
    const evil = 'MAIL FROM:<evil@x.example>\r\nRCPT TO:<bob@d.example>\r\nDATA\r\nevil\r\n';
    for (const end of [
      '\n.\n',
      '\n.\r\n',
      '\r\n.\n',
      '\r.\r',
      '\r.\r\n',
      '\r\n.\r',
      '\r\r\n.\r\r\n',
      '\r\n\0.\r\n',
      '\r\n.\0\r\n',
    ]) {
      const [reply = ''] = await client.send([ANN], `x${end}${evil}`);
      assert.match(reply, /^250/, JSON.stringify(end));
    }
    assert.deepEqual(namesIn(server.store.maildir('bob@d.example'), 'new'), []);
    assert.equal(namesIn(server.store.maildir(ANN), 'new').length, 9);
    assert.equal(await client.ask('NOOP'), '250 2.0.0 OK');
  });

  it('split at every byte gives the same replies and the same messages', async (t) => {
    const server = await startLmtp(t, { options: { addsReceived: false } });
    const dialog =
      'LHLO c\r\nMAIL FROM:<s@x.example>\r\nRCPT TO:<ann@d.example>\r\nRCPT TO:<no@d.example>\r\nDATA\r\n' +
      'a\r\n..b\n.c\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<ann@d.example>\r\nDATA\r\n.\r\nRSET\r\nNOOP\r\nQUIT\r\n';
    let expected: string | undefined;
    for (let cut = 1; cut <= dialog.length; cut += 1) {
      const client = new LmtpClient(server.connect());
      client.socket.setNoDelay(true);
      let text = await client.reply();
      client.socket.write(dialog.slice(0, cut));
      await new Promise((resolve) => setImmediate(resolve));
      client.socket.write(dialog.slice(cut));
      for (let reply = await client.reply(); reply !== ''; reply = await client.reply()) {
        text += `\n${reply.replace(/> \S+ Saved/, '> ID Saved')}`;
      }
      expected ??= text;
      assert.equal(text, expected, `cut at ${cut}`);
    }
    assert.match(expected ?? '', /354 .*\n250 2\.0\.0 <ann@d\.example> ID Saved\n250 2\.1\.0 .*221 2\.0\.0 Bye$/s);
    assert.deepEqual(contentsIn(server.store.maildir(ANN), 'new').length, 2, 'all others are retries');
  });

  it('of any kind ends no more than its own connection', async (t) => {
    const server = await startLmtp(t);
    const honest = await server.greet();
    const junk = fc.oneof(
      fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
      fc
        .array(
          fc.constantFrom(
            'LHLO x\r\n',
            'MAIL FROM:<a@b>\r\n',
            'RCPT TO:<ann@d.example>\r\n',
            'DATA\r\n',
            '.\r\n',
            'RSET\r\n',
            'XFORWARD IDENT=x NAME=\r\n',
            'MAIL FROM:<"\\\r\n',
            'RCPT TO:<__proto__@d.example> __proto__=1 constructor=2\r\n',
            'handler_LHLO\r\n',
            '\0\0\r\n',
            'GET / HTTP/1.1\r\n',
            '\r\n',
          ),
          { maxLength: 20 },
        )
        .map((lines) => Buffer.from(lines.join(''))),
    );
    await fc.assert(
      fc.asyncProperty(junk, fc.boolean(), async (bytes, isPolite) => {
        const client = new LmtpClient(server.connect());
        await client.reply();
        client.socket.write(bytes);
        if (isPolite) client.socket.end();
        else client.socket.destroy();
        if (!client.isClosed) await once(client.socket, 'close');
        assert.equal(await honest.ask('NOOP'), '250 2.0.0 OK');
      }),
      { numRuns: 150 },
    );
    await waitFor('the others to be gone', () => server.service.openCount === 1);
    assert.match((await honest.send([ANN]))[0] ?? '', /^250/);
    assert.deepEqual(namesIn(server.store.maildir(ANN), 'tmp'), []);
    server.logger.assertQuiet();
  });

  it('with a command line of 1 MB is cut off with 421', async (t) => {
    const server = await startLmtp(t);
    for (const line of ['x'.repeat(1_000_000), `MAIL FROM:<${'a'.repeat(1_000_000)}@x.example>\r\n`]) {
      const client = await server.greet();
      client.socket.write(line);
      assert.equal(await client.reply(), '421 4.7.0 Command line is too long');
      assert.equal(await client.reply(), '');
    }
  });

  it('with many wrong commands is cut off with 421', async (t) => {
    const server = await startLmtp(t);
    const client = await server.greet();
    client.socket.write('XYZZY\r\n'.repeat(50));
    const replies = await client.replies(10);
    assert.match(replies[9] ?? '', /^421/);
    assert.equal(await client.reply(), '');
  });

  it('with a header of 50 MB and a message of 30 MB passes through flat memory', async (t) => {
    const server = await startLmtp(t, { options: { addsReceived: false } });
    const client = await server.greet();
    const before = process.memoryUsage().rss;
    let peak = 0;
    const watch = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().rss);
    }, 20);
    const line = Buffer.from(`${'h'.repeat(998)}\r\n`);
    for (const [head, megabytes] of [
      ['X-Long: ', 50],
      ['\r\n', 30],
    ] as const) {
      await client.open('s@x.example', [ANN]);
      await client.ask('DATA');
      client.socket.write(head);
      await pour(client, Buffer.concat(Array.from({ length: 64 }, () => line)), (megabytes * 1024) / 64);
      client.socket.write('.\r\n');
      assert.match(await client.reply(), /^250/);
    }
    clearInterval(watch);
    const names = namesIn(server.store.maildir(ANN), 'new');
    const sizes = names.map((name) => statSync(join(server.store.maildir(ANN), 'new', name)).size);
    assert.equal(sizes.length, 2);
    assert.ok(Math.max(...sizes) > 50 * 1024 * 998);
    for (const [i, name] of names.entries()) assert.match(name, new RegExp(`,S=${sizes[i]},`));
    assert.ok(peak - before < 100 * 1024 * 1024, `grew by ${peak - before} bytes`);
  });

  it('larger than allowed is read to its end, not stored, and answered with 552', async (t) => {
    const server = await startLmtp(t, { options: { maxMessageBytes: 1_000_000 } });
    const client = await server.greet();
    await client.open('s@x.example', [ANN]);
    await client.ask('DATA');
    await pour(client, Buffer.alloc(100_000, 'x'), 100);
    assert.deepEqual(
      readdirSync(server.store.root, { recursive: true }).filter((name) => /Q\d/.test(String(name))),
      [],
    );
    client.socket.write('\r\n.\r\n');
    assert.match(await client.reply(), /^552 5\.3\.4/);
    assert.match((await client.send([ANN]))[0] ?? '', /^250/);
  });

  it('that drips single bytes costs little and delivers all the same', async (t) => {
    const server = await startLmtp(t, { options: { addsReceived: false } });
    const client = await server.greet();
    client.socket.setNoDelay(true);
    await client.open('s@x.example', [ANN]);
    await client.ask('DATA');
    const body = 'a\r\n.\n..b\r\r\n\0\r\n';
    for (const byte of body.repeat(20)) {
      client.socket.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    client.socket.write('.\r\n');
    assert.match(await client.reply(), /^250/);
    assert.ok(stored(server).length === 1);
  });
});
