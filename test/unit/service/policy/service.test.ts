import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { PolicyRules } from '../../../../src/policy/decide.ts';
import { DUNNO } from '../../../../src/policy/question.ts';
import { AccountStateRule } from '../../../../src/policy/rules/account-state.ts';
import { QuotaRule } from '../../../../src/policy/rules/quota.ts';
import { RateTable } from '../../../../src/policy/rate-table.ts';
import { Suspensions } from '../../../../src/policy/suspensions.ts';
import { RateRule } from '../../../../src/policy/rules/rate.ts';
import { SenderRule } from '../../../../src/policy/rules/sender.ts';
import { takePolicyRequest } from '../../../../src/protocol/policy.ts';
import { PolicyService, type PolicyServiceOptions } from '../../../../src/service/policy/service.ts';
import type { PolicyDecider } from '../../../../src/service/policy/session.ts';
import { isProbeSender } from '../../../support/ask.ts';
import { CollectingLogger } from '../../../support/collecting-logger.ts';
import { converse, usedHeapBytes } from '../../../support/converse.ts';
import { findDialogs, runDialog } from '../../../support/dialog.ts';
import { FakeFacts } from '../../../support/fake-facts.ts';
import { takeAll } from '../../../support/take-all.ts';
import { temporaryFolder } from '../../../support/temporary-folder.ts';
import { waitFor } from '../../../support/wait.ts';

const DUNNO_REPLY = 'action=DUNNO\n\n';

/** Two messages of a login an hour. */
const NONE = { messages: 0, recipients: 0 };
const RATES = {
  login: { hour: { messages: 2, recipients: 0 }, day: NONE },
  domain: { hour: NONE, day: NONE },
};

interface Running {
  readonly service: PolicyService;
  readonly path: string;
  readonly logger: CollectingLogger;
  readonly facts: FakeFacts;
}

async function start(
  t: TestContext,
  options: Partial<PolicyServiceOptions> & { decider?: PolicyDecider } = {},
): Promise<Running> {
  const path = join(temporaryFolder(t), 'policy');
  const logger = new CollectingLogger();
  const facts = new FakeFacts();
  facts.add('bob@example.com', 0);
  facts.add('full@example.com', 1000);
  facts.add('full2@example.com', 1000);
  facts.add('closed@example.com', 0, { receive: 'refuse' });
  facts.add('held@example.com', 0, { receive: 'hold' });
  facts.add('mute@example.com', 0, { canSend: false });
  facts.owners.set('bob@example.com', ['bob@example.com']);
  const clock = { now: () => Date.now() };
  const rules = new PolicyRules([
    new AccountStateRule({ facts, isProbeSender }),
    new SenderRule(facts),
    new RateRule({
      table: new RateTable(),
      suspensions: new Suspensions(),
      limits: RATES,
      warnPercent: 0,
      isExceededTemporary: true,
      clock,
      logger,
    }),
    new QuotaRule({ facts, isProbeSender, isFullTemporary: false, clock }),
  ]);
  const { decider = rules, ...rest } = options;
  const service = new PolicyService(
    {
      endpoints: [{ kind: 'unix', path }],
      socketMode: 0o660,
      maxConnections: 1024,
      isAllowed: () => true,
      idleMs: 1_200_000,
      exceededMessage: 'Quota exceeded (mailbox for user is full)',
      rateMessage: 'Sending limit reached, try again later',
      ...rest,
    },
    { logger, decider },
  );
  await service.bind();
  await service.start();
  t.after(() => service.stop(0));
  return { service, path, logger, facts };
}

function request(attributes: Record<string, string>): string {
  const lines = Object.entries({ request: 'smtpd_access_policy', ...attributes }).map(
    ([name, value]) => `${name}=${value}\n`,
  );
  return `${lines.join('')}\n`;
}

/** Sends requests and waits for as many replies. */
async function ask(path: string, bytes: string, replies = 1): Promise<string> {
  const { text } = await converse({ path }, bytes, (heard) => heard.split('\n\n').length > replies);
  return text;
}

/** A decider that does what it is told. */
function deciding(decide: PolicyDecider['decide']): PolicyDecider {
  return { decide, leave: () => undefined };
}

describe('the policy service plays', () => {
  for (const { name, path: transcript } of findDialogs('policy')) {
    it(name, async (t) => {
      const { path, logger } = await start(t);
      await runDialog({ path: transcript, connect: () => connect({ path }) });
      logger.assertQuiet(['connection.protocol-error', 'policy.rate-exceeded']);
    });
  }
});

describe('the policy service', () => {
  const refusals: [string, Record<string, string>, string][] = [
    [
      'RULES 20, 26: a full mailbox',
      { recipient: 'full@example.com' },
      '552 5.2.2 Quota exceeded (mailbox for user is full)',
    ],
    [
      'a message past the quota',
      { recipient: 'bob@example.com', size: '1001' },
      '552 5.2.2 Quota exceeded (mailbox for user is full)',
    ],
    ['a mailbox that refuses mail', { recipient: 'closed@example.com' }, '550 5.2.1 Mailbox is disabled'],
    ['a held mailbox', { recipient: 'held@example.com' }, '450 4.2.1 Mailbox is on hold, try again later'],
    [
      'a login that may not send',
      { recipient: 'x@remote.example', sasl_username: 'mute@example.com' },
      '554 5.7.1 This login may not send mail',
    ],
  ];
  for (const [name, attributes, action] of refusals) {
    it(`answers ${action.slice(0, 9)} for ${name} and logs one line`, async (t) => {
      const { path, logger, service } = await start(t);
      const question = { protocol_state: 'RCPT', sender: 'a@b.example', instance: 'i1', queue_id: 'Q1', size: '0' };
      assert.equal(await ask(path, request({ ...question, ...attributes })), `action=${action}\n\n`);
      const lines = logger.of('policy.decided');
      assert.equal(lines.length, 1);
      const fields = lines[0]?.fields ?? {};
      assert.equal(lines[0]?.level, 'info');
      assert.equal(fields['action'], action);
      assert.equal(fields['recipient'], JSON.stringify(attributes['recipient']));
      assert.equal(fields['state'], '"RCPT"');
      assert.equal(fields['instance'], '"i1"');
      assert.equal(fields['queue'], '"Q1"');
      assert.equal(typeof fields['ms'], 'number');
      assert.equal(typeof fields['session'], 'string');
      assert.match(String(fields['rule']), /^(quota|account-state)$/);
      assert.equal(service.counters.rejected + service.counters.deferred, 1);
      logger.assertQuiet();
    });
  }

  it('answers every protocol state, also with nothing filled in', async (t) => {
    const { path, logger } = await start(t);
    const states = ['CONNECT', 'HELO', 'EHLO', 'MAIL', 'RCPT', 'DATA', 'END-OF-MESSAGE', 'VRFY', 'ETRN', 'FUTURE', ''];
    for (const state of states) assert.equal(await ask(path, request({ protocol_state: state })), DUNNO_REPLY, state);
    const elsewhere = { protocol_state: 'DATA', recipient: 'full@example.com', instance: 'i1' };
    assert.equal(await ask(path, request(elsewhere)), DUNNO_REPLY);
    assert.equal(await ask(path, request({ ...elsewhere, protocol_state: 'VRFY' })), DUNNO_REPLY);
    assert.equal(await ask(path, '\n'), DUNNO_REPLY);
    logger.assertQuiet();
    assert.equal(
      logger.of('policy.decided').every((line) => line.level === 'debug'),
      true,
    );
  });

  it('answers DUNNO to a request it does not know', async (t) => {
    const { path } = await start(t);
    const question = { request: 'something_else', protocol_state: 'RCPT', recipient: 'full@example.com' };
    assert.equal(await ask(path, request(question)), DUNNO_REPLY);
  });

  it('answers back-to-back requests in order', async (t) => {
    const { path } = await start(t);
    const recipients = ['full@example.com', 'bob@example.com', 'closed@example.com', 'held@example.com'];
    const bytes = recipients
      .map((recipient) => request({ protocol_state: 'RCPT', sender: 'a@b.example', recipient }))
      .join('');
    const text = await ask(path, bytes, 4);
    assert.deepEqual(
      [...text.matchAll(/^action=(\w+)/gm)].map((match) => match[1]),
      ['552', 'DUNNO', '550', '450'],
    );
  });

  it('RULES 19: answers DUNNO, and nothing else, when there are too many connections', async (t) => {
    const { path, service, logger } = await start(t, { maxConnections: 1 });
    const first = connect({ path });
    t.after(() => first.destroy());
    await waitFor('the first connection', () => first.readyState === 'open');
    first.write('x');
    const question = request({ protocol_state: 'RCPT', sender: 'a@b.example', recipient: 'full@example.com' });
    assert.equal(await ask(path, question), DUNNO_REPLY);
    assert.equal(service.counters.overloaded, 1);
    logger.assertQuiet();
  });

  it('RULES 27: answers DUNNO during an outage of the directory', async (t) => {
    const { path, facts, logger } = await start(t);
    facts.isDown = true;
    for (const state of ['RCPT', 'END-OF-MESSAGE']) {
      const question = { protocol_state: state, sender: 'a@b.example', recipient: 'full@example.com', size: '5' };
      assert.equal(await ask(path, request(question)), DUNNO_REPLY);
    }
    logger.assertQuiet();
  });

  it('RULES 27: answers DUNNO and logs once when a rule throws', async (t) => {
    const failing = deciding(() => Promise.reject(new Error('Cannot decide')));
    const { path, logger, service } = await start(t, { decider: failing });
    assert.equal(await ask(path, request({ protocol_state: 'RCPT' }).repeat(2), 2), DUNNO_REPLY.repeat(2));
    assert.equal(logger.of('policy.fault').length, 2);
    assert.equal(service.counters.faults, 2);
    logger.assertQuiet(['policy.fault']);
  });

  it('answers DUNNO when there is no decision in time, and swallows what comes later', async (t) => {
    let fail: ((error: Error) => void) | undefined;
    const slow = deciding(() => new Promise((_, reject) => (fail = reject)));
    const { path, logger, service } = await start(t, { decider: slow, deadlineMs: 30 });
    assert.equal(await ask(path, request({ protocol_state: 'RCPT' })), DUNNO_REPLY);
    fail?.(new Error('Cannot decide'));
    assert.equal(service.counters.late, 1);
    logger.assertQuiet(['policy.fault']);
  });

  it('tells the rules when a connection is gone', async (t) => {
    const left: string[] = [];
    const rules: PolicyDecider = {
      decide: () => Promise.resolve({ decision: DUNNO, rule: undefined }),
      leave: (connection) => void left.push(connection),
    };
    const { path } = await start(t, { decider: rules });
    await ask(path, request({}));
    await waitFor('the rules to be told', () => left.length === 1);
  });

  it('never writes peer text raw into the log', async (t) => {
    const { path, logger } = await start(t);
    const forged = 'closed@example.com\r{"level":"error"}';
    await ask(path, request({ protocol_state: 'RCPT', recipient: forged, instance: 'x'.repeat(500) }));
    const fields = logger.of('policy.decided')[0]?.fields ?? {};
    assert.equal(fields['recipient'], JSON.stringify(forged));
    assert.ok(String(fields['instance']).length < 100);
  });
});

describe('the policy service under hostile input', () => {
  /** Pieces that come near to a request, and bytes that do not. */
  const piece = fc.oneof(
    fc.constantFrom(
      '\n',
      '\n\n',
      '=',
      'request=smtpd_access_policy\n',
      'protocol_state=RCPT\n',
      'protocol_state=END-OF-MESSAGE\n',
    ),
    fc.constantFrom(
      'recipient=bob@example.com\n',
      'size=99999999999999999999\n',
      'size=-1\n',
      'instance=\0\n',
      '__proto__=1\n',
    ),
    fc.string({ maxLength: 12, unit: 'binary' }),
  );
  const input = fc.array(piece, { maxLength: 12 }).map((pieces) => Buffer.from(pieces.join('')));
  const INPUTS_PER_RUN = 40;
  const RUNS = 500;

  it('answers 20,000 inputs as the protocol says, on each connection only its own, in flat memory', async (t) => {
    const { path, logger } = await start(t);
    const before: number[] = [];
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(input, { minLength: INPUTS_PER_RUN, maxLength: INPUTS_PER_RUN }), async (inputs) => {
        const good = request({ protocol_state: 'RCPT', sender: 'a@b.example', recipient: 'full@example.com' });
        const conversations = inputs.map(async (bytes) => {
          const expected = expectedReplies(bytes);
          const isDone = (text: string): boolean => !expected.isError && text.length >= expected.text.length;
          const { text } = await converse({ path }, bytes, isDone);
          // A protocol error may cut off replies that were on their way.
          assert.ok(expected.isError ? expected.text.startsWith(text) : text === expected.text, JSON.stringify(text));
        });
        await Promise.all([...conversations, ask(path, good).then((text) => assert.match(text, /^action=552 /))]);
        // The log of a test grows; the service must not.
        logger.assertQuiet(['connection.protocol-error', 'policy.rate-exceeded']);
        logger.lines.length = 0;
        runs += 1;
        if (runs === RUNS / 5) before.push(usedHeapBytes());
      }),
      { numRuns: RUNS },
    );
    const grown = usedHeapBytes() - (before[0] ?? 0);
    assert.ok(grown < 8_000_000, `heap grew by ${grown} bytes`);
  });

  it('closes a connection that sends more than a request may hold, and others go on', async (t) => {
    const { path, logger } = await start(t);
    const { isClosed, text } = await converse({ path }, `a=${'x'.repeat(1_000_000)}`, () => false);
    assert.equal(isClosed, true);
    assert.equal(text, '');
    assert.equal(await ask(path, request({})), DUNNO_REPLY);
    logger.assertQuiet(['connection.protocol-error', 'policy.rate-exceeded']);
  });
});

/** What the codec makes of the bytes; every question in them gets DUNNO. */
function expectedReplies(bytes: Buffer): { text: string; isError: boolean } {
  let count = 0;
  try {
    takeAll((rest) => {
      const taken = takePolicyRequest(rest);
      if (taken !== undefined) count += 1;
      return taken;
    }, bytes);
    return { text: DUNNO_REPLY.repeat(count), isError: false };
  } catch {
    return { text: DUNNO_REPLY.repeat(count), isError: true };
  }
}
