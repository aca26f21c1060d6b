import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { ProtocolError } from '../../../../src/core/errors.ts';
import { unavailable } from '../../../../src/core/outcome.ts';
import { Resolver } from '../../../../src/directory/resolver.ts';
import { takeNetstring } from '../../../../src/protocol/netstring.ts';
import { formatSocketmapRequest, takeSocketmapRequest } from '../../../../src/protocol/socketmap.ts';
import type { LookupDirectory } from '../../../../src/service/lookup/maps.ts';
import { LookupService, type LookupServiceOptions } from '../../../../src/service/lookup/service.ts';
import { CollectingLogger } from '../../../support/collecting-logger.ts';
import { converse, usedHeapBytes } from '../../../support/converse.ts';
import { findDialogs, runDialog } from '../../../support/dialog.ts';
import { MemorySource } from '../../../support/memory-source.ts';
import { takeAll, type Take } from '../../../support/take-all.ts';
import { temporaryFolder } from '../../../support/temporary-folder.ts';
import { waitFor } from '../../../support/wait.ts';

const NOTFOUND = 'NOTFOUND ';
const TEMP = 'TEMP Temporary lookup failure, try again later';

function makeSource(): MemorySource {
  return new MemorySource({
    domains: [
      'example.com',
      'bücher.example'.replace('bücher', 'xn--bcher-kva'),
      { name: 'catch.example', catchAll: ['bob@example.com', 'x@remote.example'] },
      { name: 'alias-domain.example', catchAll: [], standsFor: 'example.com' },
    ],
    accounts: [
      'bob@example.com',
      'a b@example.com',
      'jörg@xn--bcher-kva.example',
      'known@catch.example',
      { address: 'held@example.com', receive: 'hold' },
      { address: 'closed@example.com', receive: 'refuse' },
      { address: 'away@example.com', host: 'other.example.com' },
    ],
    aliases: {
      'team@example.com': ['bob@example.com', 'x@remote.example', 'a b@example.com'],
      'chain@example.com': ['team@example.com'],
      'loop@example.com': ['loop2@example.com'],
      'loop2@example.com': ['loop@example.com'],
      'dead@example.com': ['nobody@example.com'],
    },
    sendAs: ['team@example.com'],
    rights: { 'boss@example.com': ['bob@example.com'] },
  });
}

interface Running {
  readonly service: LookupService;
  readonly path: string;
  readonly logger: CollectingLogger;
  readonly source: MemorySource;
}

async function start(
  t: TestContext,
  options: Partial<LookupServiceOptions> & { directory?: LookupDirectory } = {},
): Promise<Running> {
  const path = join(temporaryFolder(t), 'lookup');
  const logger = new CollectingLogger();
  const source = makeSource();
  const { directory = new Resolver({ source, recipientDelimiter: '+' }), ...rest } = options;
  const service = new LookupService(
    {
      endpoints: [{ kind: 'unix', path }],
      socketMode: 0o660,
      maxConnections: 1024,
      isAllowed: () => true,
      idleMs: 1_200_000,
      ...rest,
    },
    { logger, directory },
  );
  await service.bind();
  await service.start();
  t.after(() => service.stop(0));
  return { service, path, logger, source };
}

const takeText: Take<string> = (bytes) => {
  const taken = takeNetstring(bytes, 100_000);
  return taken && { value: taken.value.toString(), rest: taken.rest };
};

/** Sends queries `MAP KEY` at once and gives the payloads of their replies. */
async function query(path: string, ...queries: string[]): Promise<string[]> {
  const bytes = queries.map((text) => {
    const space = text.indexOf(' ');
    return formatSocketmapRequest({ map: text.slice(0, space), key: text.slice(space + 1) });
  });
  const isDone = (text: string): boolean => takeAll(takeText, Buffer.from(text)).values.length >= queries.length;
  const { text } = await converse({ path }, bytes.join(''), isDone);
  return takeAll(takeText, Buffer.from(text)).values;
}

function failing(answer: () => Promise<never>): LookupDirectory {
  return { findDomain: answer, resolve: answer, findSenders: answer };
}

describe('the lookup service plays', () => {
  for (const { name, path: transcript } of findDialogs('lookup')) {
    it(name, async (t) => {
      const { path, logger } = await start(t);
      await runDialog({ path: transcript, connect: () => connect({ path }) });
      logger.assertQuiet(['connection.protocol-error', 'lookup.fault']);
    });
  }
});

describe('the lookup service answers', () => {
  const cases: [string, string][] = [
    ['domain example.com', 'OK example.com'],
    ['domain EXAMPLE.com.', 'OK example.com'],
    ['domain bücher.example', 'OK xn--bcher-kva.example'],
    ['domain alias-domain.example', 'OK alias-domain.example'],
    ['domain other.example', NOTFOUND],
    ['domain sub.example.com', NOTFOUND],
    ['domain bob@example.com', NOTFOUND],
    ['domain *', NOTFOUND],
    ['domain ', NOTFOUND],
    ['relay example.com', 'OK example.com'],
    ['relay other.example', NOTFOUND],
    ['relay bob@example.com', NOTFOUND],

    ['recipient bob@example.com', 'OK bob@example.com'],
    ['recipient Bob+Tag@EXAMPLE.com', 'OK bob+tag@example.com'],
    ['recipient bob@alias-domain.example', 'OK bob@alias-domain.example'],
    ['recipient "a b"@example.com', 'OK "a b"@example.com'],
    ['recipient a b@example.com', 'OK "a b"@example.com'],
    ['recipient JÖRG@bücher.example', 'OK jörg@xn--bcher-kva.example'],
    ['recipient held@example.com', 'OK held@example.com'],
    ['recipient closed@example.com', 'OK closed@example.com'],
    ['recipient away@example.com', 'OK away@example.com'],
    ['recipient team@example.com', 'OK team@example.com'],
    ['recipient loop@example.com', 'OK loop@example.com'],
    ['recipient anything@catch.example', 'OK anything@catch.example'],
    ['recipient nobody@example.com', NOTFOUND],
    ['recipient dead@example.com', NOTFOUND],
    ['recipient bob@other.example', NOTFOUND],
    ['recipient example.com', NOTFOUND],
    ['recipient catch.example', NOTFOUND],
    ['recipient @catch.example', NOTFOUND],
    ['recipient *', NOTFOUND],
    ['recipient ""', NOTFOUND],
    ['recipient ', NOTFOUND],
    ['recipient bob', NOTFOUND],

    ['alias team@example.com', 'OK bob@example.com, x@remote.example, "a b"@example.com'],
    ['alias Team+News@Example.com', 'OK bob+news@example.com, x+news@remote.example, "a b+news"@example.com'],
    ['alias chain@example.com', 'OK team@example.com'],
    ['alias anything@catch.example', 'OK bob@example.com, x@remote.example'],
    ['alias loop@example.com', TEMP],
    ['alias bob@example.com', NOTFOUND],
    ['alias bob+tag@example.com', NOTFOUND],
    ['alias known@catch.example', NOTFOUND],
    ['alias known+tag@catch.example', NOTFOUND],
    ['alias closed@example.com', NOTFOUND],
    ['alias nobody@example.com', NOTFOUND],
    ['alias dead@example.com', NOTFOUND],
    ['alias catch.example', NOTFOUND],
    ['alias *', NOTFOUND],
    ['alias ""', NOTFOUND],
    ['alias ', NOTFOUND],

    ['sender bob@example.com', 'OK bob@example.com'],
    ['sender BOB+x@example.com', 'OK bob@example.com'],
    ['sender bob@alias-domain.example', 'OK bob@example.com'],
    ['sender team@example.com', 'OK bob@example.com,"a b"@example.com'],
    ['sender boss@example.com', 'OK bob@example.com'],
    ['sender chain@example.com', NOTFOUND],
    ['sender nobody@example.com', NOTFOUND],
    ['sender anything@catch.example', NOTFOUND],
    ['sender example.com', NOTFOUND],
    ['sender ""', NOTFOUND],
    ['sender ', NOTFOUND],

    ['transports bob@example.com', TEMP],
    ['__proto__ bob@example.com', TEMP],
  ];
  it('RULES 22, 23, 24: every table as the directory says', async (t) => {
    const { path, logger } = await start(t);
    const answers = await query(path, ...cases.map(([text]) => text));
    assert.deepEqual(
      cases.map(([text], i) => [text, answers[i]]),
      cases,
    );
    logger.assertQuiet(['lookup.fault']);
  });

  it('RULES 23: agrees with itself on who exists, for any address', async (t) => {
    const { path } = await start(t);
    const local = fc.constantFrom(
      'bob',
      'a b',
      'team',
      'chain',
      'dead',
      'held',
      'closed',
      'nobody',
      'known',
      'any',
      '"',
      'ü',
    );
    const domain = fc.constantFrom('example.com', 'catch.example', 'alias-domain.example', 'remote.example');
    const detail = fc.constantFrom('', '+x', '+', '+a+b');
    await fc.assert(
      fc.asyncProperty(local, detail, domain, async (name, extension, host) => {
        const address = `${name}${extension}@${host}`;
        const [recipient = '', alias = ''] = await query(path, `recipient ${address}`, `alias ${address}`);
        // What is an alias exists; what does not exist is no alias; nothing is both an account and an alias.
        if (alias.startsWith('OK ')) assert.ok(recipient.startsWith('OK '), address);
        if (recipient === NOTFOUND) assert.equal(alias, NOTFOUND, address);
      }),
      { numRuns: 200 },
    );
  });

  it('what Postfix takes for a login never falls apart into another', async (t) => {
    const { path } = await start(t);
    const [answer = ''] = await query(path, 'sender a b@example.com');
    assert.deepEqual(answer.slice('OK '.length).split(/[\s,]+/), ['"a', 'b"@example.com']);
  });
});

describe('the lookup service', () => {
  const maps = ['domain example.com', 'recipient bob@example.com', 'alias team@example.com', 'sender bob@example.com'];

  it('RULES 7: says TEMP, never NOTFOUND, during an outage of the directory', async (t) => {
    const { path, source, logger, service } = await start(t);
    source.outage = 'database is locked';
    assert.deepEqual(
      await query(path, ...maps),
      maps.map(() => TEMP),
    );
    source.outage = undefined;
    assert.deepEqual(await query(path, 'recipient bob@example.com'), ['OK bob@example.com']);
    assert.equal(service.counters.unavailable, maps.length);
    assert.equal(logger.of('lookup.fault')[0]?.fields['reason'], 'database is locked');
    logger.assertQuiet(['lookup.fault']);
  });

  it('says TEMP and logs once when the directory throws', async (t) => {
    const { path, logger, service } = await start(t, {
      directory: failing(() => Promise.reject(new Error('Cannot look'))),
    });
    assert.deepEqual(
      await query(path, ...maps),
      maps.map(() => TEMP),
    );
    assert.equal(logger.of('lookup.fault').length, maps.length);
    assert.equal(service.counters.faults, maps.length);
    logger.assertQuiet(['lookup.fault']);
  });

  it('says TEMP when the directory does not answer in time', async (t) => {
    const { path, logger } = await start(t, { directory: failing(() => new Promise(() => undefined)), deadlineMs: 20 });
    assert.deepEqual(await query(path, 'recipient bob@example.com'), [TEMP]);
    logger.assertQuiet(['lookup.fault']);
  });

  it('says TEMP rather than a list of senders too long for Postfix', async (t) => {
    const many = Array.from({ length: 6000 }, (_, i) => `user${i}@a-long-domain-name.example`);
    const directory: LookupDirectory = {
      ...failing(() => Promise.reject(new Error('not asked'))),
      findSenders: () => Promise.resolve({ kind: 'found', value: many }),
    };
    const { path, logger } = await start(t, { directory });
    assert.deepEqual(await query(path, 'sender all@example.com'), [TEMP]);
    logger.assertQuiet(['lookup.fault']);
  });

  it('RULES 19: says TEMP, and refuses nobody, when there are too many connections', async (t) => {
    const { path, logger } = await start(t, { maxConnections: 1 });
    const first = connect({ path });
    t.after(() => first.destroy());
    await waitFor('the first connection', () => first.readyState === 'open');
    assert.deepEqual(await query(path, 'recipient bob@example.com', 'domain x.example'), [TEMP, TEMP]);
    logger.assertQuiet(['lookup.fault']);
  });

  it('answers in the order of the questions, also when the first takes longer', async (t) => {
    const directory: LookupDirectory = {
      ...failing(() => Promise.reject(new Error('not asked'))),
      findDomain: async (name) => {
        if (name === 'slow.example') await new Promise((resolve) => setTimeout(resolve, 30));
        return unavailable(name);
      },
      findSenders: () => Promise.resolve({ kind: 'found', value: ['bob@example.com'] }),
    };
    const { path } = await start(t, { directory });
    assert.deepEqual(await query(path, 'domain slow.example', 'sender a@b.example'), [TEMP, 'OK bob@example.com']);
  });
});

describe('the lookup service under hostile input', () => {
  const key = fc.oneof(
    fc.string({ maxLength: 20, unit: 'binary' }),
    fc.constantFrom('bob@example.com', '*', '""', '', 'x@y'),
  );
  const map = fc.constantFrom('domain', 'recipient', 'alias', 'sender', 'nonsense', '');
  const piece = fc.oneof(
    fc.tuple(map, key).map(([name, text]) => formatSocketmapRequest({ map: name, key: text })),
    fc.constantFrom('0:,', '5:', ',', '99999:', '1:x', '00', '-1:', '12:recipient x,'),
    fc.string({ maxLength: 8, unit: 'binary' }),
  );
  const input = fc.array(piece, { maxLength: 6 }).map((pieces) => Buffer.from(pieces.join('')));
  const INPUTS_PER_RUN = 40;
  const RUNS = 500;

  it('answers 20,000 inputs as the protocol says, on each connection only its own, in flat memory', async (t) => {
    const { path, logger } = await start(t);
    const before: number[] = [];
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(input, { minLength: INPUTS_PER_RUN, maxLength: INPUTS_PER_RUN }), async (inputs) => {
        const conversations = inputs.map(async (bytes) => {
          const expected = countReplies(bytes);
          const isDone = (text: string): boolean => !expected.isError && countPayloads(text) >= expected.count;
          const heard = await converse({ path }, bytes, isDone);
          if (expected.isError) assert.ok(heard.isClosed && countPayloads(heard.text) <= expected.count);
          else assert.equal(countPayloads(heard.text), expected.count);
        });
        const own = Array.from({ length: 4 }, async (_, i) => {
          const address = `own${runs}-${i}@catch.example`;
          assert.deepEqual(await query(path, `recipient ${address}`), [`OK ${address}`]);
        });
        await Promise.all([...conversations, ...own]);
        logger.assertQuiet(['connection.protocol-error', 'lookup.fault']);
        // A fault of our own would be an error; what cannot be answered is a warning.
        assert.deepEqual(
          logger.lines.filter((line) => line.level === 'error'),
          [],
        );
        logger.lines.length = 0;
        runs += 1;
        if (runs === RUNS / 5) before.push(usedHeapBytes());
      }),
      { numRuns: RUNS },
    );
    const grown = usedHeapBytes() - (before[0] ?? 0);
    assert.ok(grown < 8_000_000, `heap grew by ${grown} bytes`);
  });

  it('closes a connection that announces more than 10000 bytes, and others go on', async (t) => {
    const { path, logger } = await start(t);
    const { isClosed, text } = await converse({ path }, `10001:recipient ${'x'.repeat(9990)},`, () => false);
    assert.deepEqual([isClosed, text], [true, '']);
    assert.deepEqual(await query(path, 'recipient bob@example.com'), ['OK bob@example.com']);
    logger.assertQuiet(['connection.protocol-error']);
  });
});

/** How many questions the codec finds, and whether it stops at an error. */
function countReplies(bytes: Buffer): { count: number; isError: boolean } {
  let count = 0;
  const take: Take<unknown> = (rest) => {
    const taken = takeSocketmapRequest(rest);
    if (taken !== undefined) count += 1;
    return taken;
  };
  try {
    takeAll(take, bytes);
    return { count, isError: false };
  } catch (error) {
    assert.ok(error instanceof ProtocolError);
    return { count, isError: true };
  }
}

function countPayloads(text: string): number {
  return takeAll(takeText, Buffer.from(text)).values.length;
}
