import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { Directory } from '../../../../src/directory/directory.ts';
import type { ScanReply } from '../../../../src/mail/usage-worker.ts';
import { LmtpClient, startLmtp, type LmtpTestServer } from '../../../support/lmtp-server.ts';
import { contentsIn, namesIn } from '../../../support/mail-store.ts';
import { temporaryFolder } from '../../../support/temporary-folder.ts';
import { waitFor } from '../../../support/wait.ts';

const ANN = 'ann@d.example';
const BOB = 'bob@d.example';

function stored(server: LmtpTestServer, address: string): string[] {
  return contentsIn(server.store.maildir(address), 'new');
}

/** Codes of replies. */
function codes(replies: readonly string[]): string[] {
  return replies.map((reply) => reply.slice(0, 9));
}

/** Every file of a message, and every file being written, below the mail root. */
function allFiles(server: LmtpTestServer): string[] {
  return readdirSync(server.store.root, { recursive: true, encoding: 'utf8' }).filter((name) => /Q\d/.test(name));
}

describe('Replies after DATA', () => {
  it('are one a RCPT, also for an alias beside its own target and a deferred third (RULES 1)', async (t) => {
    const server = await startLmtp(t);
    const client = await server.greet();
    server.store.recorder.sabotage = (step, path) => (step !== 'append' && path.includes('/cid/') ? 'EIO' : undefined);
    const replies = await client.send(['alias@d.example', ANN, ANN, 'ANN@d.example', 'cid@d.example', BOB]);
    assert.deepEqual(codes(replies), ['250 2.0.0', '250 2.0.0', '250 2.0.0', '250 2.0.0', '451 4.3.0', '250 2.0.0']);
    assert.deepEqual(
      replies.map((reply) => /<(.*)>/.exec(reply)?.[1]),
      ['alias@d.example', ANN, ANN, 'ANN@d.example', 'cid@d.example', BOB],
    );
    // RULES 16: they end in the same mailbox, so they get one copy.
    assert.equal(stored(server, ANN).length, 1);
    assert.equal(await client.ask('NOOP'), '250 2.0.0 OK');
    server.logger.assertQuiet(['lmtp.deferred']);
  });

  it('are one a RCPT when the message is too large (RULES 1)', async (t) => {
    const server = await startLmtp(t, { options: { maxMessageBytes: 100_000 } });
    const client = await server.greet();
    const replies = await client.send([ANN, ANN, 'alias@d.example'], `${'x'.repeat(98)}\r\n`.repeat(1001));
    assert.deepEqual(codes(replies), ['552 5.3.4', '552 5.3.4', '552 5.3.4']);
    assert.deepEqual(allFiles(server), []);
    assert.deepEqual(codes(await client.send([ANN], `${'x'.repeat(98)}\r\n`.repeat(1000))), ['250 2.0.0']);
  });

  it('are one a RCPT when the message goes in circles, or its header has no end (RULES 1)', async (t) => {
    const server = await startLmtp(t, { options: { maxReceivedHeaders: 50, maxHeaderBytes: 100_000 } });
    const client = await server.greet();
    const hop = 'Received: from a by b\r\n';
    assert.deepEqual(
      codes(await client.send([ANN, ANN, BOB], `${hop.repeat(51)}\r\nbody\r\n`)),
      Array(3).fill('554 5.4.6'),
    );
    const long = `Subject: x\r\n${` ${'x'.repeat(97)}\r\n`.repeat(1000)}\r\n`;
    assert.deepEqual(codes(await client.send([ANN, BOB], long)), ['552 5.3.4', '552 5.3.4']);
    assert.deepEqual(allFiles(server), []);
    // What follows in the connection is taken: the body behind the fault was read to its end.
    assert.deepEqual(codes(await client.send([ANN], `${hop.repeat(50)}\r\nReceived: in the body\r\n`)), ['250 2.0.0']);
    server.logger.assertQuiet(['lmtp.refused']);
  });

  it('come with headers that the configuration chose', async (t) => {
    const server = await startLmtp(t, { options: { addsReceived: false, addsDeliveredTo: false } });
    const client = await server.greet();
    await client.send([ANN], 'Subject: x\r\n\r\n');
    assert.deepEqual(stored(server, ANN), ['Return-Path: <s@x.example>\nSubject: x\n\n']);
  });

  it('are one a RCPT when the disk is full (RULES 1)', async (t) => {
    const server = await startLmtp(t);
    const client = await server.greet();
    server.store.recorder.sabotage = (step, path) =>
      step === 'write' && path.includes('/Maildir/tmp/') ? 'ENOSPC' : undefined;
    const replies = await client.send([ANN, ANN, BOB], 'x'.repeat(1_000_000) + '\r\n');
    assert.deepEqual(codes(replies), ['452 4.3.1', '452 4.3.1', '452 4.3.1']);
    assert.deepEqual(allFiles(server), []);
  });

  it('say later, and never 550, whatever throws (RULES 5)', async (t) => {
    const failing: Directory = {
      findDomain: () => Promise.reject(new Error('boom')),
      findAccount: () => Promise.reject(new Error('boom')),
      findSenders: () => Promise.reject(new Error('boom')),
      resolve: () => Promise.reject(new Error('boom')),
    };
    const server = await startLmtp(t, { ports: { directory: failing } });
    const client = await server.greet();
    assert.deepEqual(await client.open('s@x.example', [ANN, BOB]), [
      '451 4.3.0 Temporary internal error',
      '451 4.3.0 Temporary internal error',
    ]);
    assert.equal(server.logger.of('lmtp.fault').length, 2);
    assert.equal(await client.ask('NOOP'), '250 2.0.0 OK');
  });

  it('do not come at all when nobody knows how many are owed: the connection ends (RULES 5)', async (t) => {
    const server = await startLmtp(t, {
      ports: {
        store: {
          locate: (user, detail) => server.store.store.locate(user, detail),
          deliver: () => {
            throw new Error('boom');
          },
        },
      },
    });
    const client = await server.greet();
    await client.open('s@x.example', [ANN]);
    await client.ask('DATA');
    client.socket.write('x\r\n.\r\n');
    assert.equal(await client.reply(), '');
    assert.equal(server.logger.of('lmtp.fault').length, 1);
  });
});

describe('A stored message', () => {
  it('has Return-Path, Delivered-To and Received on top', async (t) => {
    const server = await startLmtp(t);
    const client = await server.greet();
    assert.match(await client.ask('MAIL FROM:<a b@x.example>'), /^501 5\.1\.7/, 'a space needs quotes');
    await client.ask('XFORWARD IDENT=4XYZ12abc');
    await client.send(['"john doe"@d.example'], 'From: a\r\n\r\nx\r\n', '"a b"@x.example');
    const [message = ''] = stored(server, 'john doe@d.example');
    assert.match(
      message,
      /^Return-Path: <"a b"@x\.example>\nDelivered-To: "john doe"@d\.example\nReceived: from mx\.postfix\.example\n\tby mx\.example with LMTP\n\tid \S+ \(queue id 4XYZ12abc\)\n\t\(envelope-from <"a b"@x\.example>\)\n\tfor <"john doe"@d\.example>; \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000\nFrom: a\n\nx\n$/,
    );
  });

  it('has no Delivered-To when it has several recipients, so that one body serves all', async (t) => {
    const server = await startLmtp(t);
    const client = await server.greet();
    await client.send([ANN, BOB], 'x\r\n', '');
    const [message = ''] = stored(server, ANN);
    assert.match(message, /^Return-Path: <>\nReceived: from [^;]*; .*\nx\n$/s);
    assert.ok(!message.includes('for <'));
    assert.deepEqual(stored(server, BOB), [message]);
  });

  it('has no header that an envelope or a greeting smuggled in', async (t) => {
    const server = await startLmtp(t);
    const client = new LmtpClient(server.connect());
    await client.reply();
    await client.ask('LHLO evil(comment)\\;x');
    await client.ask('XFORWARD IDENT=a+0D+0Ab HELO=x+0Ay');
    await client.send([ANN], 'x\r\n', '"a\\"b>c"@x.example');
    const [message = ''] = stored(server, ANN);
    assert.match(
      message,
      /^Return-Path: <"a\\"b>c"@x\.example>\nDelivered-To: ann@d\.example\nReceived: from unknown\n/,
    );
    assert.ok(!message.includes('queue id'));
  });

  it('keeps 8-bit bytes, NUL, bare CR and LF, and long lines (RULES 16)', async (t) => {
    const server = await startLmtp(t, { options: { addsReceived: false } });
    const client = await server.greet();
    const body = `S: \xff\xfe\r\n\r\n\0 a\rb\nc\r\n${'y'.repeat(100_000)}\r\n`;
    await client.send([ANN], body);
    const [message = ''] = stored(server, ANN);
    assert.equal(message, `Return-Path: <s@x.example>\nDelivered-To: ann@d.example\n${body.replaceAll('\r\n', '\n')}`);
  });

  it('is logged in one line a recipient, with the file name and the queue id', async (t) => {
    const server = await startLmtp(t);
    const client = await server.greet();
    await client.ask('XFORWARD IDENT=QID1');
    await client.send(['ann+lists@d.example', BOB]);
    const lines = server.logger.of('lmtp.delivered');
    assert.deepEqual(
      lines.map(({ fields }) => [fields['recipient'], fields['queueId'], fields['size'], typeof fields['ms']]),
      [
        ['"ann+lists@d.example"', 'QID1', 21, 'number'],
        ['"bob@d.example"', 'QID1', 21, 'number'],
      ],
    );
    assert.deepEqual([lines[0]?.fields['file']], namesIn(server.store.maildir(ANN), 'new'));
    assert.equal(lines[0]?.fields['mailbox'], server.store.maildir(ANN), 'there is no such folder');
    assert.equal(server.service.counters.delivered, 2);
  });
});

describe('Aliases (RULES 10)', () => {
  it('with several local targets get the worst outcome, and a retry no second copies', async (t) => {
    const server = await startLmtp(t);
    const client = await server.greet();
    server.store.recorder.sabotage = (step, path) => (step === 'link' && path.includes('/bob/') ? 'EIO' : undefined);
    assert.deepEqual(codes(await client.send(['team@d.example'])), ['451 4.3.0']);
    assert.equal(stored(server, ANN).length, 1);
    server.store.recorder.sabotage = () => undefined;
    assert.deepEqual(codes(await client.send(['team@d.example'])), ['250 2.0.0']);
    assert.equal(stored(server, ANN).length, 1);
    assert.equal(stored(server, BOB).length, 1);
    // One of them is full, held or missing: the others have it, and the sender hears of it.
    for (const [alias, code] of [
      ['mixed', '552 5.2.2'],
      ['half', '450 4.2.1'],
      ['gone', '550 5.1.1'],
    ] as const) {
      const before = stored(server, ANN).length;
      assert.deepEqual(codes(await client.send([`${alias}@d.example`], `${alias}\r\n`)), [code]);
      assert.equal(stored(server, ANN).length, before + 1, alias);
    }
  });
});

describe('A retry over LMTP', () => {
  it('whose first reply was lost gets 250 and no second copy, also from a new process (RULES 2, 3)', async (t) => {
    const folder = temporaryFolder(t);
    const server = await startLmtp(t, { store: { folder } });
    const client = await server.greet();
    await client.open('s@x.example', [ANN, BOB]);
    await client.ask('DATA');
    client.socket.write('Subject: x\r\n\r\nHello\r\n.\r\n', () => client.socket.destroy());
    await waitFor('both copies', () => stored(server, ANN).length === 1 && stored(server, BOB).length === 1);
    await waitFor('the session to end', () => server.service.openCount === 0);
    await server.service.stop(1000);

    const later = await startLmtp(t, { store: { folder } });
    const again = await later.greet();
    // Another queue id: short ones come back, so they say nothing.
    await again.ask('XFORWARD IDENT=OTHER');
    assert.deepEqual(codes(await again.send([BOB, ANN])), ['250 2.0.0', '250 2.0.0']);
    assert.deepEqual([stored(server, ANN).length, stored(server, BOB).length], [1, 1]);
    assert.equal(later.service.counters.retries, 2);
  });
});

describe('Quota', () => {
  it('is said at RCPT with the announced size, and a stranger’s SIZE fills nothing (RULES 26)', async (t) => {
    const server = await startLmtp(t);
    const client = await server.greet();
    await client.ask('MAIL FROM:<s@x.example> SIZE=900');
    assert.match(await client.ask('RCPT TO:<small@d.example>'), /^250/);
    await client.ask('RSET');
    await client.ask('MAIL FROM:<s@x.example> SIZE=60000000');
    assert.equal(
      await client.ask('RCPT TO:<small@d.example>'),
      '552 5.2.2 <small@d.example> Quota exceeded (mailbox for user is full)',
    );
    const other = await server.greet();
    assert.deepEqual(codes(await other.send(['small@d.example'])), ['250 2.0.0']);
  });

  it('is said to bounces and probes only after the dot (RULES 20)', async (t) => {
    const server = await startLmtp(t);
    const client = await server.greet();
    for (const sender of ['', 'double-bounce@mx.example', 'double-bounceX7@mx.example']) {
      assert.deepEqual(codes(await client.open(sender, ['full@d.example'])), ['250 2.1.5']);
      await client.ask('DATA');
      client.socket.write('x\r\n.\r\n');
      assert.match(await client.reply(), /^552 5\.2\.2/);
    }
    await client.ask('MAIL FROM:<s@x.example> SIZE=10');
    assert.match(await client.ask('RCPT TO:<full@d.example>'), /^552 5\.2\.2/);
    assert.deepEqual(allFiles(server), []);
  });

  it('can be a temporary refusal', async (t) => {
    const server = await startLmtp(t, {
      options: { fullMailbox: 'defer' },
      store: { settings: { fullMailbox: 'defer' } },
    });
    const client = await server.greet();
    await client.send(['tight@d.example']);
    assert.deepEqual(codes(await client.open('s@x.example', ['tight@d.example'])), ['452 4.2.2']);
  });

  it('does not overshoot when 100 deliveries meet at the limit (RULES 34)', async (t) => {
    const server = await startLmtp(t);
    const clients = await Promise.all(Array.from({ length: 100 }, () => server.greet()));
    const replies = await Promise.all(
      clients.map(async (client, i) => {
        await client.open('', ['tight@d.example']);
        await client.ask('DATA');
        client.socket.write(`${i}\r\n.\r\n`);
        return client.reply();
      }),
    );
    assert.equal(replies.filter((reply) => reply.startsWith('250')).length, 1);
    assert.equal(replies.filter((reply) => reply.startsWith('552 5.2.2')).length, 99);
    assert.equal(allFiles(server).length, 1);
  });

  it('that cannot be measured lets RCPT pass and defers the message (RULES 34)', async (t) => {
    const server = await startLmtp(t);
    const failed: ScanReply = { id: 0, kind: 'failed', reason: 'timed out' };
    server.store.thread.measure = () => Promise.resolve(failed);
    const client = await server.greet();
    assert.deepEqual(codes(await client.send(['small@d.example', ANN])), ['451 4.3.0', '250 2.0.0']);
    assert.equal(server.logger.of('lmtp.deferred')[0]?.fields['reason'], 'quota-unknown');
  });

  it('is waited for before the first message of an account is judged (RULES 34)', async (t) => {
    const server = await startLmtp(t);
    const real = server.store.thread.measure.bind(server.store.thread);
    let isReleased = false;
    server.store.thread.measure = async (request) => {
      await waitFor('the release', () => isReleased);
      return real(request);
    };
    const client = await server.greet();
    // RCPT waits a second and then lets delivery decide; the message waits longer.
    const sending = client.send(['small@d.example']);
    await waitFor('the body', () => namesIn(server.store.maildir('small@d.example'), 'tmp').length === 1);
    isReleased = true;
    assert.deepEqual(codes(await sending), ['250 2.0.0']);
  });
});

describe('A probe', () => {
  it('leaves nothing behind: no directory, no file (RULES 20)', async (t) => {
    const server = await startLmtp(t);
    const client = await server.greet();
    client.socket.write('MAIL FROM:<double-bounce@mx.example>\r\nRCPT TO:<ann@d.example>\r\nRSET\r\nQUIT\r\n');
    assert.deepEqual(codes(await client.replies(4)), ['250 2.1.0', '250 2.1.5', '250 2.0.0', '221 2.0.0']);
    assert.deepEqual(readdirSync(server.store.root), []);
    assert.equal(server.service.counters.probes, 1);
  });

  it('that turns out to be a message meets the hold after the dot (RULES 20)', async (t) => {
    const server = await startLmtp(t);
    const client = await server.greet();
    const replies = await client.send(['held@d.example', ANN], 'x\r\n', 'double-bounce@mx.example');
    assert.deepEqual(codes(replies), ['450 4.2.1', '250 2.0.0']);
  });
});

describe('An overload', () => {
  it('is said at RCPT after a normal greeting, except to probes (RULES 19)', async (t) => {
    const server = await startLmtp(t, { options: { maxConnections: 1 } });
    const first = await server.greet();
    const second = await server.greet();
    assert.deepEqual(codes(await second.open('s@x.example', [ANN])), ['451 4.3.2']);
    await second.ask('RSET');
    assert.deepEqual(codes(await second.open('double-bounce@mx.example', [ANN])), ['250 2.1.5']);
    assert.deepEqual(codes(await first.send([ANN])), ['250 2.0.0']);
  });
});

describe('An outage', () => {
  it('of the directory is later, not unknown (RULES 7)', async (t) => {
    const server = await startLmtp(t);
    server.source.outage = 'gone';
    const client = await server.greet();
    assert.deepEqual(codes(await client.open('s@x.example', [ANN, 'nobody@d.example'])), ['451 4.3.0', '451 4.3.0']);
  });

  it('of the mail disk is later (RULES 8)', async (t) => {
    const server = await startLmtp(t, {
      store: { location: { roots: ['/nonexistent/postern'], home: '/nonexistent/postern/%n' } },
    });
    const client = await server.greet();
    assert.deepEqual(codes(await client.send([ANN])), ['451 4.3.0']);
    server.logger.assertQuiet(['mail.root-missing']);
  });
});

describe('Detail (RULES 17)', () => {
  it('goes to its folder when there is one', async (t) => {
    const server = await startLmtp(t, { store: { settings: { canCreateFolders: true } } });
    const client = await server.greet();
    await client.send(['ann+lists@d.example']);
    assert.equal(contentsIn(server.store.maildir(ANN), '.lists', 'new').length, 1);
  });
});

describe('A connection', () => {
  it('that vanishes in the middle of a message leaves nothing', async (t) => {
    const server = await startLmtp(t);
    for (const isReset of [true, false]) {
      const client = await server.greet();
      await client.open('s@x.example', [ANN]);
      await client.ask('DATA');
      client.socket.write('x'.repeat(300_000));
      await waitFor('the body', () => namesIn(server.store.maildir(ANN), 'tmp').length === 1);
      if (isReset) client.socket.destroy();
      else client.socket.end();
      await waitFor('the end', () => server.service.openCount === 0 && allFiles(server).length === 0);
    }
    await waitFor('both to be logged', () => server.logger.of('lmtp.deferred').length === 2);
    server.logger.assertQuiet();
  });

  it('is ended between transactions when the service stops', async (t) => {
    const server = await startLmtp(t);
    const idle = await server.greet();
    const busy = await server.greet();
    await busy.open('s@x.example', [ANN]);
    await busy.ask('DATA');
    busy.socket.write('first half\r\n');
    const stopping = server.service.stop(5000);
    assert.equal(await idle.reply(), '');
    busy.socket.write('second half\r\n.\r\nMAIL FROM:<next@x.example>\r\n');
    assert.match(await busy.reply(), /^250 2\.0\.0 <ann@d\.example>/);
    assert.equal(await busy.reply(), '', 'the next transaction belongs to the next process');
    await stopping;
    assert.match(stored(server, ANN)[0] ?? '', /first half\nsecond half\n$/);
  });

  it('in a transaction without a message is ended at RSET, and QUIT is still answered', async (t) => {
    const server = await startLmtp(t);
    const [resetting, quitting] = [await server.greet(), await server.greet()];
    await resetting.open('s@x.example', [ANN]);
    await quitting.open('s@x.example', [ANN]);
    const stopping = server.service.stop(5000);
    assert.match(await resetting.ask('RSET'), /^250/);
    assert.equal(await resetting.reply(), '');
    quitting.socket.write('RSET\r\nQUIT\r\n');
    assert.deepEqual(codes(await quitting.replies(2)), ['250 2.0.0', '221 2.0.0']);
    await stopping;
  });

  it('that is idle is closed without a word (RULES 25)', async (t) => {
    const server = await startLmtp(t, { options: { idleMs: 50 } });
    const client = await server.greet();
    assert.equal(await client.reply(), '');
  });

  it('keeps nothing of a transaction after RSET or LHLO (RULES 25)', async (t) => {
    const server = await startLmtp(t);
    const client = await server.greet();
    for (const reset of ['RSET', 'LHLO again']) {
      await client.ask('XFORWARD IDENT=OLD');
      await client.open('s@x.example', [BOB, BOB, BOB]);
      await client.ask(reset);
      assert.match(await client.ask('DATA'), /^503/);
      assert.deepEqual(codes(await client.send([ANN], `after ${reset}\r\n`)), ['250 2.0.0']);
    }
    assert.deepEqual(stored(server, BOB), []);
    assert.ok(!stored(server, ANN).join('').includes('OLD'));
  });

  it('takes back what XFORWARD said before (RULES 25)', async (t) => {
    const server = await startLmtp(t);
    const client = await server.greet();
    await client.ask('XFORWARD IDENT=OLD');
    await client.ask('XFORWARD IDENT=[UNAVAILABLE]');
    await client.send([ANN]);
    assert.ok(!stored(server, ANN).join('').includes('OLD'));
  });

  it('gets its greeting at once (RULES 25)', async (t) => {
    const server = await startLmtp(t);
    const startedAt = process.hrtime.bigint();
    for (let i = 0; i < 10; i++) {
      const client = new LmtpClient(server.connect());
      await client.reply();
      await client.close();
    }
    assert.ok(Number(process.hrtime.bigint() - startedAt) / 1e6 < 500, 'ten greetings take less than ten times 100 ms');
  });

  it('has a limit of recipients', async (t) => {
    const server = await startLmtp(t, { options: { maxRecipients: 2 } });
    const client = await server.greet();
    assert.deepEqual(codes(await client.open('s@x.example', [ANN, ANN, BOB])), ['250 2.1.5', '250 2.1.5', '452 4.5.3']);
  });
});
