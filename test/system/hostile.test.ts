/**
 * Hostile input on the five listeners of the running program: whatever is sent, the process lives, its memory stays, and
 * a well-behaved connection beside the attack gets exactly its own answers.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { freePort } from '../support/free-port.ts';
import { addAccount, PASSWORD } from '../support/mail-site.ts';
import { Postern } from '../support/postern.ts';
import { createSystemFolder } from '../support/system-folder.ts';

const ALICE = 'alice@example.test';
const MIB = 1024 * 1024;
const RUNS = 150;
/** Rounds of attack whose memory is compared: the first fills caches and pools, the others must add nothing. */
const ROUNDS = 3;
const MAX_GROWTH_BYTES = 24 * MIB;
const ANSWER_TIMEOUT_MS = 10_000;
/** How long an attacker waits for an answer before it leaves; most hostile input gets none. */
const LINGER_MS = 3;

const LOGIN = Buffer.from(`\0${ALICE}\0${PASSWORD}`).toString('base64');

/** What each protocol is made of: hostile input is put together from it, cut and spoiled. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  auth: [
    'VERSION\t1\t2\n',
    'CPID\t7\n',
    `AUTH\t1\tPLAIN\tservice=smtp\tsecured\tresp=${LOGIN}\n`,
    'AUTH\t1\tLOGIN\tsecured\n',
    'CONT\t1\t=\n',
    'CANCEL\t1\n',
    '\t',
    '\n',
    'AUTH\t99999999999\tX\n',
    '\x01',
  ],
  policy: [
    'request=smtpd_access_policy\n',
    'protocol_state=RCPT\n',
    `recipient=${ALICE}\n`,
    'size=99999999999999\n',
    'instance=1.2.3\n',
    '\n',
    '\n\n',
    '=\n',
    'x'.repeat(3000),
  ],
  lookup: [
    `${`recipient ${ALICE}`.length}:recipient ${ALICE},`,
    '0:,',
    '5:alias,',
    '99999999:',
    '-1:x,',
    '1:',
    ',',
    ':',
    '7:domain ,',
    '9:alias *,,',
  ],
  lmtp: [
    'LHLO x\r\n',
    'MAIL FROM:<a@b.test>\r\n',
    `RCPT TO:<${ALICE}>\r\n`,
    'RSET\r\n',
    'DATA\r\n',
    'Subject: x\r\n\r\n',
    '.\n',
    '\n.\r\n',
    'MAIL FROM:<',
    'RCPT TO:<"\\"@>\r\n',
    'BDAT 5\r\n',
    'XFORWARD IDENT=x\r\n',
    '\r',
    '\0',
  ],
  http: [
    'GET /mail/config-v1.1.xml HTTP/1.1\r\n',
    'POST /autodiscover/autodiscover.xml HTTP/1.1\r\n',
    'Host: example.test\r\n',
    'Content-Length: 70\r\n',
    'Transfer-Encoding: chunked\r\n',
    '\r\n',
    '<!DOCTYPE x [<!ENTITY e "e">]><Autodiscover>&e;',
    '%00%ff',
    'GET /%2e%2e/ HTTP/1.1\r\n\r\n',
  ],
};

/** Bytes for one connection, in pieces as they are written. */
function hostile(words: readonly string[]): fc.Arbitrary<Buffer[]> {
  const word = fc.constantFrom(...words).map((text) => Buffer.from(text, 'latin1'));
  const noise = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
  const flood = fc.nat({ max: 20_000 }).map((length) => Buffer.alloc(length, 0x61));
  const cut = fc.tuple(word, fc.nat({ max: 30 })).map(([bytes, at]) => bytes.subarray(0, at));
  const piece = fc.oneof(
    { weight: 6, arbitrary: word },
    { weight: 2, arbitrary: noise },
    { weight: 2, arbitrary: cut },
    { weight: 1, arbitrary: flood },
  );
  return fc.array(piece, { minLength: 1, maxLength: 12 });
}

describe('hostile input on the running program', () => {
  const folder = createSystemFolder();
  let postern: Postern;
  let httpPort = 0;

  before(async () => {
    httpPort = await freePort();
    const quick = { failure_delay: '0s' };
    const settings = { auth: quick, http: { listen: `inet:127.0.0.1:${httpPort}` } };
    postern = new Postern({ folder: folder.path, socketDirectory: join(folder.path, 'postern'), settings });
    postern.run(['domain', 'add', 'example.test']);
    addAccount(postern, ALICE);
    await postern.start();
  });
  after(async () => {
    await postern.stop();
    await folder.remove();
  });

  function connect(service: string): Socket {
    const socket =
      service === 'http'
        ? createConnection({ host: '127.0.0.1', port: httpPort })
        : createConnection(join(postern.socketDirectory, service));
    socket.on('error', () => {});
    return socket;
  }

  async function attack(service: string, pieces: readonly Buffer[]): Promise<void> {
    const socket = connect(service);
    socket.resume();
    await once(socket, 'connect');
    for (const piece of pieces) socket.write(piece);
    await new Promise((resolve) => setTimeout(resolve, LINGER_MS));
    socket.destroy();
  }

  /** Sends `request` and gives what came back once `isWhole` says so. */
  async function ask(service: string, request: string, isWhole: RegExp): Promise<string> {
    const socket = connect(service);
    socket.write(request);
    const deadline = setTimeout(() => socket.destroy(), ANSWER_TIMEOUT_MS);
    let answer = '';
    try {
      for await (const chunk of socket) {
        answer += String(chunk);
        if (isWhole.test(answer)) break;
      }
    } finally {
      clearTimeout(deadline);
      socket.destroy();
    }
    return answer;
  }

  /** What an honest client of each service sends and must get. */
  const HONEST: readonly { service: string; request: string; answer: RegExp }[] = [
    {
      service: 'auth',
      request: `VERSION\t1\t0\nCPID\t9\nAUTH\t5\tPLAIN\tservice=smtp\tsecured\tresp=${LOGIN}\n`,
      answer: /^VERSION\t1\t\d+\n[^]*\nDONE\nOK\t5\tuser=alice@example\.test\n$/,
    },
    {
      service: 'policy',
      request: `request=smtpd_access_policy\nprotocol_state=RCPT\nrecipient=${ALICE}\nsize=1\ninstance=h.1\n\n`,
      answer: /^action=DUNNO\n\n$/,
    },
    { service: 'lookup', request: `${`recipient ${ALICE}`.length}:recipient ${ALICE},`, answer: /^\d+:OK [^,]+,$/ },
    {
      service: 'lmtp',
      request: `LHLO h\r\nMAIL FROM:<double-bounce@h.test>\r\nRCPT TO:<${ALICE}>\r\nQUIT\r\n`,
      answer: /^220 [^]*250 2\.1\.0 [^]*250 2\.1\.5 [^]*221 [^]*\r\n$/,
    },
    {
      service: 'http',
      request: 'GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n',
      answer: /^HTTP\/1\.1 200 /,
    },
  ];

  for (const { service, request, answer } of HONEST) {
    test(`${service}: the process lives, answers others correctly, and its memory stays`, async () => {
      const pid = postern.pid;
      const sizes: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        await fc.assert(
          fc.asyncProperty(hostile(WORDS[service] ?? []), async (pieces) => {
            const [answered] = await Promise.all([ask(service, request, answer), attack(service, pieces)]);
            assert.match(answered, answer);
          }),
          { numRuns: RUNS },
        );
        sizes.push(postern.residentBytes());
      }
      assert.equal(postern.pid, pid);
      const [first = 0, last = 0] = [sizes[0], sizes.at(-1)];
      assert.ok(last - first < MAX_GROWTH_BYTES, `grew from ${first / MIB} to ${last / MIB} MiB`);
    });
  }

  test('a flood without an end is cut off', async () => {
    for (const service of ['auth', 'policy', 'lookup', 'lmtp']) {
      const socket = connect(service);
      socket.resume();
      const closed = new Promise((resolve) => socket.once('close', resolve));
      const earlier = postern.residentBytes();
      const chunk = Buffer.alloc(MIB, 0x39);
      for (let i = 0; i < 64 && !socket.destroyed; i++) {
        if (!socket.write(chunk)) await Promise.race([once(socket, 'drain').catch(() => {}), closed]);
      }
      assert.ok(postern.residentBytes() - earlier < 32 * MIB, service);
      if (service !== 'lmtp') await closed;
      socket.destroy();
    }
  });

  test('nothing worse than broken protocols is logged', () => {
    // Well-formed questions for tables that do not exist come about, too.
    const faults = postern.of('lookup.fault');
    assert.deepEqual(
      faults.filter(({ reason }) => reason !== 'no such table'),
      [],
    );
    postern.assertQuiet(['connection.protocol-error', 'auth.rejected', 'lookup.fault']);
  });
});
