import assert from 'node:assert/strict';
import { request as openRequest } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { Resolver } from '../../../../src/directory/resolver.ts';
import { findText, parseXml } from '../../../../src/protocol/xml.ts';
import { HttpService, type HttpPorts, type HttpServiceOptions } from '../../../../src/service/http/service.ts';
import { CollectingLogger } from '../../../support/collecting-logger.ts';
import { converse, usedHeapBytes } from '../../../support/converse.ts';
import { findDialogs, runDialog } from '../../../support/dialog.ts';
import { freePort } from '../../../support/free-port.ts';
import { MemorySource } from '../../../support/memory-source.ts';
import { temporaryFolder } from '../../../support/temporary-folder.ts';
import { waitFor } from '../../../support/wait.ts';

const AUTOCONFIG = '/mail/config-v1.1.xml';
const WELL_KNOWN = '/.well-known/autoconfig/mail/config-v1.1.xml';
const AUTODISCOVER = '/autodiscover/autodiscover.xml';
const NAMESPACE = 'http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006';
const OUTLOOK = 'http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a';

interface Running {
  readonly service: HttpService;
  readonly path: string;
  readonly logger: CollectingLogger;
  readonly source: MemorySource;
}

async function start(t: TestContext, options: Partial<HttpServiceOptions & HttpPorts> = {}): Promise<Running> {
  const path = join(temporaryFolder(t), 'http');
  const logger = new CollectingLogger();
  const source = new MemorySource({
    domains: ['example.com', 'xn--bcher-kva.example', 'autoconfig.example'],
    accounts: ['joe@example.com'],
  });
  const service = new HttpService(
    {
      endpoints: [{ kind: 'unix', path }],
      socketMode: 0o660,
      maxConnections: 1024,
      isTrustedProxy: () => false,
      imap: { host: 'imap.example.com', port: 993, socketType: 'SSL' },
      smtp: { host: 'smtp.example.com', port: 465, socketType: 'SSL' },
      displayName: '',
      ...options,
    },
    {
      logger,
      directory: new Resolver({ source, recipientDelimiter: '+' }),
      isHealthy: () => Promise.resolve(source.outage === undefined),
      ...options,
    },
  );
  await service.bind();
  await service.start();
  t.after(() => service.stop(0));
  return { service, path, logger, source };
}

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

function ask(
  target: string | { port: number },
  url: string,
  { method = 'GET', headers = {}, body }: Asked = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const where = typeof target === 'string' ? { socketPath: target } : { host: '127.0.0.1', ...target };
    const message = openRequest({
      ...where,
      path: url,
      method,
      headers: { host: 'other.example', ...headers },
      agent: false,
    });
    message.once('error', reject);
    message.once('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.once('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
      response.once('error', reject);
    });
    message.end(body);
  });
}

function pox(address: string, schema = OUTLOOK): string {
  return `<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="${NAMESPACE}"><Request><EMailAddress>${address}</EMailAddress><AcceptableResponseSchema>${schema}</AcceptableResponseSchema></Request></Autodiscover>`;
}

function read(xml: string, ...path: string[]): string | undefined {
  return findText(parseXml(xml), path);
}

function post(path: string, body: string, url = AUTODISCOVER): Promise<Reply> {
  return ask(path, url, { method: 'POST', headers: { 'content-type': 'text/xml; charset=utf-8' }, body });
}

describe('the http service plays', () => {
  for (const { name, path: transcript } of findDialogs('http')) {
    it(name, async (t) => {
      const { path, logger } = await start(t);
      await runDialog({ path: transcript, connect: () => connect({ path }) });
      logger.assertQuiet();
    });
  }
});

describe('autoconfig', () => {
  const cases: [string, string, string, string | number][] = [
    ['the address, at the first path', `${AUTOCONFIG}?emailaddress=joe%40example.com`, 'other.example', 'example.com'],
    [
      'the address, at the well-known path',
      `${WELL_KNOWN}?emailaddress=joe%40example.com`,
      'other.example',
      'example.com',
    ],
    [
      'Evolution, which hides the address',
      `${AUTOCONFIG}?emailaddress=EVOLUTIONUSER%40example.com&emailmd5=5d41402abc4b2a76b9719d911017c592`,
      'autoconfig.example.com',
      'example.com',
    ],
    [
      'FairEmail, which sends a raw plus',
      `${AUTOCONFIG}?emailaddress=joe+tag@example.com`,
      'other.example',
      'example.com',
    ],
    ['an address in capitals', `${AUTOCONFIG}?emailaddress=JOE%40EXAMPLE.COM`, 'other.example', 'example.com'],
    [
      'an address with UTF-8',
      `${AUTOCONFIG}?emailaddress=j%C3%B6e%40b%C3%BCcher.example`,
      'other.example',
      'xn--bcher-kva.example',
    ],
    [
      'an address in A-labels',
      `${AUTOCONFIG}?emailaddress=joe%40xn--bcher-kva.example`,
      'other.example',
      'xn--bcher-kva.example',
    ],
    [
      'a customer at the host of the provider',
      `${AUTOCONFIG}?emailaddress=joe%40customer.example`,
      'autoconfig.example.com',
      'example.com',
    ],
    ['Host alone', AUTOCONFIG, 'example.com', 'example.com'],
    ['Host with autoconfig in front', AUTOCONFIG, 'autoconfig.example.com', 'example.com'],
    ['Host with autodiscover in front', WELL_KNOWN, 'autodiscover.example.com', 'example.com'],
    ['Host in capitals with port and dot', AUTOCONFIG, 'AutoConfig.Example.COM.:8080', 'example.com'],
    [
      'Host with U-labels',
      AUTOCONFIG,
      Buffer.from('autoconfig.bücher.example').toString('latin1'),
      'xn--bcher-kva.example',
    ],
    ['a domain that is called autoconfig', AUTOCONFIG, 'autoconfig.example', 'autoconfig.example'],
    ['a path in capitals', '/Mail/Config-V1.1.xml', 'example.com', 'example.com'],
    ['an empty address', `${AUTOCONFIG}?emailaddress=`, 'example.com', 'example.com'],
    ['rubbish for an address', `${AUTOCONFIG}?emailaddress=%00%ff%zz`, 'example.com', 'example.com'],
    ['a domain that is not ours', `${AUTOCONFIG}?emailaddress=joe%40other.example`, 'other.example', 404],
    ['a domain above ours', `${AUTOCONFIG}?emailaddress=joe%40com`, 'com', 404],
    ['an IPv6 host', AUTOCONFIG, '[::1]:8080', 404],
    ['nothing at all', AUTOCONFIG, '', 404],
  ];
  for (const [name, url, host, expected] of cases) {
    it(`answers ${String(expected)} for ${name}`, async (t) => {
      const { path, logger } = await start(t);
      const reply = await ask(path, url, { headers: { host } });
      if (typeof expected === 'number') assert.equal(reply.status, expected);
      else {
        assert.equal(reply.status, 200);
        assert.match(reply.body, new RegExp(`<emailProvider id="${expected}">\\s*<domain>${expected}</domain>`));
      }
      logger.assertQuiet();
    });
  }

  it('answers the same bytes for those who exist and those who do not', async (t) => {
    const { path } = await start(t);
    const [known, unknown] = await Promise.all(
      ['joe', 'nobody'].map((name) => ask(path, `${AUTOCONFIG}?emailaddress=${name}%40example.com`)),
    );
    assert.equal(known?.body, unknown?.body);
    assert.deepEqual({ ...known?.headers, date: '' }, { ...unknown?.headers, date: '' });
    assert.ok(known?.body.includes('<username>%EMAILADDRESS%</username>'));
  });

  it('sends the headers clients need, begins with the declaration, and answers HEAD alike', async (t) => {
    const { path } = await start(t);
    const url = `${AUTOCONFIG}?emailaddress=joe%40example.com`;
    const get = await ask(path, url);
    assert.equal(get.headers['content-type'], 'text/xml; charset=utf-8');
    assert.equal(get.headers['cache-control'], 'no-store');
    assert.equal(get.headers['x-content-type-options'], 'nosniff');
    assert.ok(get.body.startsWith('<?xml version="1.0" encoding="UTF-8"?>\n<clientConfig version="1.1">'));
    assert.equal(get.headers['content-length'], String(Buffer.byteLength(get.body)));
    assert.equal(get.body.match(/<incomingServer type="imap">/g)?.length, 1);
    assert.equal(get.body.match(/<outgoingServer type="smtp">/g)?.length, 1);
    const texts = [...get.body.matchAll(/<(\w+)[^>]*>([^<>]*)<\/\1>/g)].map((match) => match[2] ?? '');
    assert.equal(texts.length, 13);
    for (const text of texts) assert.equal(text, text.trim());
    const head = await ask(path, url, { method: 'HEAD' });
    assert.equal(head.body, '');
    assert.deepEqual({ ...head.headers, date: '' }, { ...get.headers, date: '' });
  });

  it('answers 503 when the directory cannot tell, and 404 only when it can', async (t) => {
    const { path, source, logger } = await start(t);
    source.outage = 'database is locked';
    const reply = await ask(path, `${AUTOCONFIG}?emailaddress=joe%40example.com`);
    assert.equal(reply.status, 503);
    assert.equal(reply.headers['retry-after'], '60');
    logger.assertQuiet();
  });

  it('answers 503 when the directory does not answer in time', async (t) => {
    const directory = { findDomain: () => new Promise<never>(() => undefined) };
    const { path } = await start(t, { directory, deadlineMs: 20 });
    assert.equal((await ask(path, AUTOCONFIG, { headers: { host: 'example.com' } })).status, 503);
  });

  it('answers 503 and logs once when the directory throws', async (t) => {
    const directory = { findDomain: () => Promise.reject(new Error('Cannot look')) };
    const { path, logger, service } = await start(t, { directory });
    const reply = await ask(path, AUTOCONFIG, { headers: { host: 'example.com' } });
    assert.equal(reply.status, 503);
    assert.ok(!reply.body.includes('Cannot look'));
    assert.equal(logger.of('http.fault').length, 1);
    assert.equal(service.counters.faults, 1);
    logger.assertQuiet(['http.fault']);
  });

  it('answers 405 with Allow to other methods, and never 401', async (t) => {
    const { path } = await start(t);
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      const reply = await ask(path, AUTOCONFIG, { method, headers: { host: 'example.com' } });
      assert.deepEqual([reply.status, reply.headers['allow']], [405, 'GET, HEAD'], method);
    }
    const reply = await ask(path, AUTOCONFIG, {
      headers: { host: 'example.com', authorization: 'Basic am9lOnNlY3JldA==' },
    });
    assert.equal(reply.status, 200);
  });

  it('believes X-Forwarded-Host from a trusted web server only', async (t) => {
    const [trusting, other] = [await freePort(), await freePort()];
    await start(t, {
      endpoints: [{ kind: 'inet', host: '127.0.0.1', port: trusting }],
      isTrustedProxy: (a) => a === '127.0.0.1',
    });
    await start(t, { endpoints: [{ kind: 'inet', host: '127.0.0.1', port: other }] });
    const headers = { host: 'localhost', 'x-forwarded-host': 'autoconfig.example.com, localhost' };
    assert.equal((await ask({ port: trusting }, AUTOCONFIG, { headers })).status, 200);
    assert.equal((await ask({ port: other }, AUTOCONFIG, { headers })).status, 404);
  });
});

describe('autodiscover', () => {
  it('answers the settings with the login written out, whatever the case of the path', async (t) => {
    const { path, logger } = await start(t);
    for (const url of [AUTODISCOVER, '/Autodiscover/Autodiscover.xml', '/AutoDiscover/AutoDiscover.xml']) {
      const { status, headers, body } = await post(path, pox('Joe&x@example.com'), url);
      assert.equal(status, 200);
      assert.equal(headers['content-type'], 'text/xml; charset=utf-8');
      assert.equal(headers['cache-control'], 'no-store');
      assert.equal(read(body, 'Autodiscover', 'Response', 'User', 'DisplayName'), 'Joe&x@example.com');
      assert.equal(body.match(/<LoginName>Joe&amp;x@example.com<\/LoginName>/g)?.length, 2);
      assert.equal(body.match(/<SSL>on<\/SSL>/g)?.length, 2);
      assert.equal(body.match(/<SPA>off<\/SPA>/g)?.length, 2);
    }
    logger.assertQuiet();
  });

  it('takes any content type, and none', async (t) => {
    const { path } = await start(t);
    for (const type of ['application/xml', 'text/plain', 'nonsense', 'application/json']) {
      const reply = await ask(path, AUTODISCOVER, {
        method: 'POST',
        headers: { 'content-type': type },
        body: pox('joe@example.com'),
      });
      assert.equal(reply.status, 200, type);
    }
    assert.equal((await ask(path, AUTODISCOVER, { method: 'POST', body: pox('joe@example.com') })).status, 200);
  });

  it('answers the same for those who exist and those who do not, but for the address they sent', async (t) => {
    const { path } = await start(t);
    const [known, unknown] = await Promise.all([
      post(path, pox('joe@example.com')),
      post(path, pox('eve@example.com')),
    ]);
    assert.equal(known.body, unknown.body.replaceAll('eve@', 'joe@'));
  });

  const errors: [string, string, string][] = [
    [
      '601 for ActiveSync',
      pox('joe@example.com', 'http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006'),
      '601',
    ],
    ['601 for a schema nobody knows', pox('joe@example.com', 'urn:x'), '601'],
    ['600 for no address', pox(''), '600'],
    ['600 for no XML', 'hello', '600'],
    ['600 for no body', '', '600'],
    [
      '600 for a document type',
      `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>${pox('&x;@example.com')}`,
      '600',
    ],
  ];
  for (const [name, body, code] of errors) {
    it(`answers error ${name}, with status 200`, async (t) => {
      const { path, logger } = await start(t);
      const reply = await post(path, body);
      assert.equal(reply.status, 200);
      assert.equal(read(reply.body, 'Autodiscover', 'Response', 'Error', 'ErrorCode'), code);
      logger.assertQuiet();
    });
  }

  it('answers 404 for a domain that is not ours and 503 when the directory cannot tell', async (t) => {
    const { path, source } = await start(t);
    assert.equal((await post(path, pox('joe@other.example'))).status, 404);
    source.outage = 'database is locked';
    assert.equal((await post(path, pox('joe@example.com'))).status, 503);
  });

  it('takes a client that breaks off in its body for no fault of ours', async (t) => {
    const { path, logger, service } = await start(t);
    const socket = connect(path);
    socket.write(`POST ${AUTODISCOVER} HTTP/1.1\r\nHost: example.com\r\nContent-Length: 10\r\n\r\n<a>`);
    // So that the body is waited for before it breaks off.
    assert.equal((await ask(path, AUTODISCOVER)).status, 405);
    socket.destroy();
    await waitFor('the line of the request', () => logger.of('http.answered').length === 2);
    assert.equal(service.counters.faults, 0);
    logger.assertQuiet();
  });

  it('RULES 46: answers 405 with Allow to GET, so that Thunderbird posts again after a redirect', async (t) => {
    const { path } = await start(t);
    for (const method of ['GET', 'HEAD']) {
      const reply = await ask(path, AUTODISCOVER, { method, headers: { host: 'example.com' } });
      assert.deepEqual([reply.status, reply.headers['allow']], [405, 'POST']);
    }
  });

  it('stops reading at 64 KiB, announced or not', async (t) => {
    const { path, logger } = await start(t);
    const big = 'x'.repeat(64 * 1024 + 1);
    const announced = `POST ${AUTODISCOVER} HTTP/1.1\r\nHost: x\r\nContent-Length: ${big.length}\r\n\r\n`;
    const chunked = `POST ${AUTODISCOVER} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${big.length.toString(16)}\r\n${big}`;
    for (const bytes of [announced, chunked]) {
      const { text } = await converse({ path }, bytes, (heard) => heard.includes('\r\n\r\n'));
      assert.match(text, /^HTTP\/1\.1 413 /);
    }
    logger.assertQuiet();
  });
});

describe('the http service', () => {
  it('answers ok at /healthz, and 503 when the directory cannot answer', async (t) => {
    const { path, source } = await start(t);
    const well = await ask(path, '/healthz');
    assert.deepEqual([well.status, well.body], [200, 'ok\n']);
    source.outage = 'database is locked';
    const ill = await ask(path, '/healthz');
    assert.equal(ill.status, 503);
    assert.ok(!ill.body.includes('locked'));
  });

  it('answers 404 to everything else, with the same headers and none of the request', async (t) => {
    const { path, logger } = await start(t);
    for (const url of [
      '/',
      '/mail/',
      '/metrics',
      '/healthz/x',
      '/<script>',
      '/..%2f..%2fetc/passwd',
      '//',
      '/autodiscover/autodiscover.json',
    ]) {
      const reply = await ask(path, encodeURI(url));
      assert.deepEqual([reply.status, reply.body], [404, 'Not found\n'], url);
      assert.equal(reply.headers['x-content-type-options'], 'nosniff');
      assert.equal(reply.headers['cache-control'], 'no-store');
    }
    logger.assertQuiet();
  });

  it('keeps the connection for the next request', async (t) => {
    const { path } = await start(t);
    const one = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n';
    const { text } = await converse({ path }, one.repeat(3), (heard) => heard.split('ok\n').length > 3);
    assert.equal(text.match(/HTTP\/1\.1 200/g)?.length, 3);
  });

  it('limits the address line and the headers', async (t) => {
    const { path, logger } = await start(t);
    const long = await ask(path, `${AUTOCONFIG}?emailaddress=${'x'.repeat(3000)}`);
    assert.equal(long.status, 413);
    const { text } = await converse({ path }, `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, () => false);
    assert.match(text, /^HTTP\/1\.1 413 /);
    logger.assertQuiet();
  });

  it('ends a connection on which no request comes whole', async (t) => {
    const { path } = await start(t, { exchangeLimitMs: 50 });
    const heard = await converse({ path }, 'GET / HTTP/1.1\r\nHost:', () => false);
    assert.deepEqual(heard, { text: '', isClosed: true });
  });

  it('gives every request on a connection its own time', async (t) => {
    const { path } = await start(t, { exchangeLimitMs: 400 });
    const socket = connect({ path });
    t.after(() => socket.destroy());
    let heard = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => (heard += chunk));
    for (const count of [1, 2, 3]) {
      socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
      await waitFor(`answer ${count}`, () => heard.split('ok\n').length > count, 1000);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  });

  it('RULES 19: answers 503 when there are too many connections', async (t) => {
    const { path } = await start(t, { maxConnections: 1 });
    const first = connect({ path });
    t.after(() => first.destroy());
    await waitFor('the first connection', () => first.readyState === 'open');
    assert.equal((await ask(path, '/healthz')).status, 503);
  });

  it('finishes the answer in work when it stops, then closes', async (t) => {
    let release: (() => void) | undefined;
    const directory = {
      findDomain: () => new Promise<{ kind: 'absent' }>((resolve) => (release = () => resolve({ kind: 'absent' }))),
    };
    const { path, service } = await start(t, { directory });
    const reply = ask(path, AUTOCONFIG, { headers: { host: 'example.com' } });
    await waitFor('the request to be in work', () => release !== undefined);
    const stopped = service.stop(5000);
    release?.();
    assert.equal((await reply).status, 404);
    await stopped;
    await service.stop(0);
  });

  it('logs one line a request, without query, body or authorization', async (t) => {
    const { path, logger } = await start(t);
    await ask(path, `${AUTOCONFIG}?emailaddress=secret-person%40example.com&password=hunter2`, {
      headers: { host: 'example.com', authorization: 'Basic c2VjcmV0', cookie: 'c2VjcmV0' },
    });
    await ask(path, AUTODISCOVER, { method: 'POST', body: pox('secret-person@example.com') });
    const lines = logger.of('http.answered');
    assert.deepEqual(
      lines.map(({ level, fields }) => [level, fields['page'], fields['method'], fields['status']]),
      [
        ['info', 'autoconfig', '"GET"', 200],
        ['info', 'autodiscover', '"POST"', 200],
      ],
    );
    assert.doesNotMatch(JSON.stringify(lines), /secret|hunter2|c2VjcmV0|password/);
  });
});

describe('the http service under hostile input', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      'GET ',
      'POST ',
      'HEAD ',
      'CONNECT ',
      '/',
      AUTOCONFIG,
      AUTODISCOVER,
      '/healthz',
      '?emailaddress=joe@example.com',
      '%',
      '%00',
      ' HTTP/1.1',
    ),
    fc.constantFrom(
      '\r\n',
      '\r\n\r\n',
      '\n',
      'Host: example.com',
      'Host: \0',
      'Content-Length: 5',
      'Content-Length: -1',
      'Transfer-Encoding: chunked',
      'Upgrade: x',
      'Connection: upgrade',
      'Expect: 100-continue',
      '0\r\n\r\n',
      'ffffffffff\r\n',
    ),
    fc.string({ maxLength: 10, unit: 'binary' }),
  );
  const input = fc.array(piece, { maxLength: 14 }).map((pieces) => Buffer.from(pieces.join('')));
  const INPUTS_PER_RUN = 40;
  const RUNS = 500;

  it('survives 20,000 inputs, answers each connection only its own, in flat memory', async (t) => {
    const { path, logger } = await start(t);
    const before: number[] = [];
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(input, { minLength: INPUTS_PER_RUN, maxLength: INPUTS_PER_RUN }), async (inputs) => {
        const hostile = inputs.map(async (bytes) => {
          // The end of a message that cannot be one: whatever is unfinished becomes an error, and the connection ends.
          const { text } = await converse(
            { path },
            Buffer.concat([bytes, Buffer.from('\r\n\r\n\0\r\n\r\n')]),
            (heard) => heard.includes('\r\n\r\n'),
          );
          assert.ok(text === '' || /^HTTP\/1\.1 (?:100|200|40[045]|413|417|503) /.test(text), JSON.stringify(text));
          assert.ok(!text.includes('own-'), 'the answer of another connection');
        });
        const own = Array.from({ length: 4 }, async (_, i) => {
          const address = `own-${runs}-${i}@example.com`;
          const { body } = await ask(path, AUTODISCOVER, { method: 'POST', body: pox(address) });
          assert.equal(read(body, 'Autodiscover', 'Response', 'User', 'DisplayName'), address);
        });
        await Promise.all([...hostile, ...own]);
        logger.assertQuiet();
        logger.lines.length = 0;
        runs += 1;
        if (runs === RUNS / 5) before.push(usedHeapBytes());
      }),
      { numRuns: RUNS },
    );
    const grown = usedHeapBytes() - (before[0] ?? 0);
    assert.ok(grown < 8_000_000, `heap grew by ${grown} bytes`);
  });
});
