import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PolicyDecision } from '../../../../src/policy/question.ts';
import { SenderRule } from '../../../../src/policy/rules/sender.ts';
import { ask } from '../../../support/ask.ts';
import { FakeFacts } from '../../../support/fake-facts.ts';

const DUNNO: PolicyDecision = { kind: 'dunno' };
const NOT_OWNED: PolicyDecision = { kind: 'reject', reason: 'sender-not-owned' };
const UNKNOWN: PolicyDecision = { kind: 'defer', reason: 'sender-unknown' };
const ANN = 'ann@example.com';

function setUp(): { facts: FakeFacts; rule: SenderRule } {
  const facts = new FakeFacts();
  facts.add(ANN, 0);
  facts.owners.set(ANN, [ANN]);
  facts.owners.set('sales@example.com', ['bob@example.com', ANN]);
  facts.owners.set('bob@example.com', ['bob@example.com']);
  facts.owners.set('jürgen@bücher.example', [ANN]);
  return { facts, rule: new SenderRule(facts) };
}

describe('SenderRule', () => {
  const cases: [name: string, login: string, sender: string, PolicyDecision][] = [
    ['mail without a login', '', 'bob@example.com', DUNNO],
    ['its own address', ANN, ANN, DUNNO],
    ['its own address, both in other letters', 'Ann@Example.COM', 'ANN@example.com', DUNNO],
    ['an address several may use', ANN, 'sales@example.com', DUNNO],
    ['the address of another', ANN, 'bob@example.com', NOT_OWNED],
    ['an address of ours nobody may use', ANN, 'nobody@example.com', NOT_OWNED],
    ['an address elsewhere', ANN, 'ann@elsewhere.example', NOT_OWNED],
    ['no valid address', ANN, 'rubbish', NOT_OWNED],
    ['two addresses in one', ANN, `${ANN},bob@example.com`, NOT_OWNED],
    ['the null sender of an account', ANN, '', DUNNO],
    ['the null sender of a name without account', 'ghost@example.com', '', NOT_OWNED],
    ['a login that is no address', 'ann', ANN, NOT_OWNED],
  ];
  for (const state of ['rcpt', 'end-of-message'] as const) {
    for (const [name, saslUsername, sender, expected] of cases) {
      it(`decides ${expected.kind} for ${name} at ${state}`, async () => {
        assert.deepEqual(await setUp().rule.decide(ask({ state, saslUsername, sender })), expected);
      });
    }
  }

  it('lets mail wait in an outage, the null sender too, but only of logins', async () => {
    const { facts, rule } = setUp();
    facts.isDown = true;
    assert.deepEqual(await rule.decide(ask({ saslUsername: ANN, sender: ANN })), UNKNOWN);
    assert.deepEqual(await rule.decide(ask({ saslUsername: ANN, sender: '' })), UNKNOWN);
    assert.deepEqual(await rule.decide(ask({ sender: ANN })), DUNNO);
  });
});
