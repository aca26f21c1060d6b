import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AccountStateRule } from '../../../../src/policy/rules/account-state.ts';
import type { PolicyDecision } from '../../../../src/policy/question.ts';
import { ask, isProbeSender } from '../../../support/ask.ts';
import { FakeFacts } from '../../../support/fake-facts.ts';

const DUNNO: PolicyDecision = { kind: 'dunno' };
const REFUSED: PolicyDecision = { kind: 'reject', reason: 'mailbox-disabled' };
const HELD: PolicyDecision = { kind: 'defer', reason: 'mailbox-held' };
const BARRED: PolicyDecision = { kind: 'reject', reason: 'sender-disabled' };

function setUp(): { facts: FakeFacts; rule: AccountStateRule } {
  const facts = new FakeFacts();
  facts.add('open@example.com', 0);
  facts.add('refuse@example.com', 0, { receive: 'refuse' });
  facts.add('refuse2@example.com', 0, { receive: 'refuse' });
  facts.add('hold@example.com', 0, { receive: 'hold' });
  facts.add('hold2@example.com', 0, { receive: 'hold' });
  facts.add('away@example.com', 0, { receive: 'refuse', host: 'other.example.com' });
  facts.add('mute@example.com', 0, { canSend: false });
  facts.add('guest@example.com', 0);
  facts.alias('both-refuse@example.com', ['refuse@example.com', 'refuse2@example.com']);
  facts.alias('both-hold@example.com', ['hold@example.com', 'hold2@example.com']);
  facts.alias('mixed@example.com', ['refuse@example.com', 'hold@example.com']);
  facts.alias('one-open@example.com', ['refuse@example.com', 'open@example.com']);
  facts.alias('one-remote@example.com', ['refuse@example.com', 'x@remote.example']);
  facts.alias('loop@example.com', ['refuse@example.com'], 'loop');
  return { facts, rule: new AccountStateRule({ facts, isProbeSender, anonymousUsername: 'Guest@example.com' }) };
}

describe('AccountStateRule at RCPT', () => {
  const cases: [string, string, PolicyDecision][] = [
    ['an account that takes mail', 'open@example.com', DUNNO],
    ['an account that refuses mail', 'refuse@example.com', REFUSED],
    ['an account that refuses mail, in capitals', 'Refuse@Example.COM', REFUSED],
    ['a held account', 'hold@example.com', HELD],
    ['an unknown address', 'nobody@example.com', DUNNO],
    ['a remote address', 'x@remote.example', DUNNO],
    ['no address', '', DUNNO],
    ['no valid address', 'rubbish', DUNNO],
    ['an alias whose targets all refuse', 'both-refuse@example.com', REFUSED],
    ['an alias whose targets are all held', 'both-hold@example.com', HELD],
    ['an alias whose targets do not agree', 'mixed@example.com', DUNNO],
    ['an alias with one open target', 'one-open@example.com', DUNNO],
    ['an alias with a remote target', 'one-remote@example.com', DUNNO],
    ['an alias that runs in a circle', 'loop@example.com', DUNNO],
    ['RULES 11: an account on another host', 'away@example.com', DUNNO],
  ];
  for (const [name, recipient, expected] of cases) {
    it(`decides ${expected.kind} for ${name}`, async () => {
      assert.deepEqual(await setUp().rule.decide(ask({ recipient })), expected);
    });
  }

  it('RULES 20: exempts probes from a hold but not from a refusal', async () => {
    const { rule } = setUp();
    const sender = 'double-bounce@mx.example.com';
    assert.deepEqual(await rule.decide(ask({ sender, recipient: 'hold@example.com' })), DUNNO);
    assert.deepEqual(await rule.decide(ask({ sender, recipient: 'refuse@example.com' })), REFUSED);
  });
});

describe('AccountStateRule for logins', () => {
  const cases: [string, { saslUsername?: string; saslMethod?: string }, PolicyDecision][] = [
    ['a login that may send', { saslUsername: 'open@example.com', saslMethod: 'PLAIN' }, DUNNO],
    ['a login that may not send', { saslUsername: 'mute@example.com', saslMethod: 'PLAIN' }, BARRED],
    ['a login that may not send, in capitals', { saslUsername: 'Mute@EXAMPLE.com', saslMethod: 'PLAIN' }, BARRED],
    ['a login the directory does not know', { saslUsername: 'nobody@example.com', saslMethod: 'PLAIN' }, DUNNO],
    ['a login that is no address', { saslUsername: 'Nobody', saslMethod: 'PLAIN' }, DUNNO],
    ['RULES 37: an anonymous login', { saslUsername: 'anonymous', saslMethod: 'ANONYMOUS' }, BARRED],
    ['RULES 37: an anonymous login without a name', { saslMethod: 'anonymous' }, BARRED],
    ['RULES 37: a login of its name', { saslUsername: 'guest@EXAMPLE.com', saslMethod: 'PLAIN' }, BARRED],
    ['no login', {}, DUNNO],
  ];
  for (const [name, fields, expected] of cases) {
    it(`decides ${expected.kind} for ${name}`, async () => {
      const { rule } = setUp();
      assert.deepEqual(await rule.decide(ask({ ...fields, recipient: 'x@remote.example' })), expected);
      assert.deepEqual(await rule.decide(ask({ ...fields, state: 'end-of-message' })), expected);
    });
  }
});

describe('RULES 27: AccountStateRule during an outage', () => {
  it('uses the last known state of recipients and logins', async () => {
    const { facts, rule } = setUp();
    await rule.decide(ask({ recipient: 'refuse@example.com' }));
    await rule.decide(ask({ recipient: 'hold@example.com' }));
    await rule.decide(ask({ recipient: 'open@example.com', saslUsername: 'mute@example.com' }));
    facts.isDown = true;
    assert.deepEqual(await rule.decide(ask({ recipient: 'refuse@example.com' })), REFUSED);
    assert.deepEqual(await rule.decide(ask({ recipient: 'hold@example.com' })), HELD);
    assert.deepEqual(
      await rule.decide(ask({ recipient: 'x@remote.example', saslUsername: 'mute@example.com' })),
      BARRED,
    );
  });

  it('has no opinion on what it never knew', async () => {
    const { facts, rule } = setUp();
    facts.isDown = true;
    const question = ask({ recipient: 'refuse@example.com', saslUsername: 'mute@example.com' });
    assert.deepEqual(await rule.decide(question), DUNNO);
  });

  it('forgets a state that no longer holds', async () => {
    const { facts, rule } = setUp();
    await rule.decide(ask({ recipient: 'hold@example.com', saslUsername: 'mute@example.com' }));
    await rule.decide(ask({ recipient: 'hold@example.com' }));
    facts.add('hold@example.com', 0);
    facts.add('mute@example.com', 0);
    await rule.decide(ask({ recipient: 'hold@example.com', saslUsername: 'mute@example.com' }));
    facts.isDown = true;
    const question = ask({ recipient: 'hold@example.com', saslUsername: 'mute@example.com' });
    assert.deepEqual(await rule.decide(question), DUNNO);
  });
});
