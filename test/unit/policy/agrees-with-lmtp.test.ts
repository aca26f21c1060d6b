import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createProbeSenderTest } from '../../../src/core/probe-sender.ts';
import { Resolver } from '../../../src/directory/resolver.ts';
import type { Account } from '../../../src/directory/source.ts';
import type { MailUser } from '../../../src/mail/mail-user.ts';
import type { QuotaVerdict } from '../../../src/mail/quota-verdict.ts';
import { PolicyRules } from '../../../src/policy/decide.ts';
import type { PolicyFacts, RoomQuestion } from '../../../src/policy/facts.ts';
import { AccountStateRule } from '../../../src/policy/rules/account-state.ts';
import { QuotaRule } from '../../../src/policy/rules/quota.ts';
import { decideRecipient } from '../../../src/service/lmtp/recipient.ts';
import { formatRejection } from '../../../src/service/lmtp/reply.ts';
import { formatAction } from '../../../src/service/policy/reply.ts';
import { ask } from '../../support/ask.ts';
import { MemorySource } from '../../support/memory-source.ts';

const EXCEEDED = 'Quota exceeded (mailbox for user is full)';
const ALIAS = 'team@example.com';

/** What one target of the alias is. */
type Kind = 'fits' | 'over' | 'too-large' | 'unknown' | 'hold' | 'refuse' | 'away' | 'missing' | 'remote';
const KINDS: readonly Kind[] = ['fits', 'over', 'too-large', 'unknown', 'hold', 'refuse', 'away', 'missing', 'remote'];

function makeDirectory(kinds: readonly Kind[]): Resolver {
  const accounts: (Partial<Account> & { address: string })[] = [];
  const targets = kinds.map((kind, i) => {
    const address = `${kind}-${i}@${kind === 'remote' ? 'remote.example' : 'example.com'}`;
    if (kind === 'missing' || kind === 'remote') return address;
    const host = kind === 'away' ? { host: 'other.example.com' } : {};
    accounts.push({ address, receive: kind === 'hold' || kind === 'refuse' ? kind : 'accept', ...host });
    return address;
  });
  const source = new MemorySource({ domains: ['example.com'], accounts, aliases: { [ALIAS]: targets } });
  return new Resolver({ source, recipientDelimiter: '+' });
}

/** The meter of both: the name of the account says what it finds. */
function check(user: MailUser): Promise<QuotaVerdict> {
  const kind = user.address.slice(0, user.address.lastIndexOf('-'));
  if (kind === 'over') return Promise.resolve({ kind });
  if (kind === 'too-large') return Promise.resolve({ kind, than: 'quota' });
  return Promise.resolve(kind === 'unknown' ? { kind, reason: 'not measured' } : { kind: 'fits' });
}

async function askBoth(
  kinds: readonly Kind[],
  sender: string,
  isFullTemporary: boolean,
): Promise<{ policy: string; lmtp: string }> {
  const directory = makeDirectory(kinds);
  const isProbeSender = createProbeSenderTest(['double-bounce']);
  const facts: PolicyFacts = {
    resolve: (address) => directory.resolve(address),
    findAccount: (address) => directory.findAccount(address),
    findSenders: (address) => directory.findSenders(address),
    checkRoom: ({ account }: RoomQuestion) => check(account),
  };
  const rules = new PolicyRules([
    new AccountStateRule({ facts, isProbeSender }),
    new QuotaRule({ facts, isProbeSender, isFullTemporary, clock: { now: () => 0 } }),
  ]);
  const { decision } = await rules.decide(ask({ sender, recipient: ALIAS, sizeBytes: 100 }));
  const recipient = await decideRecipient(
    ALIAS,
    { sender, isProbe: isProbeSender(sender), sizeBytes: 100, isOverloaded: false },
    {
      directory,
      store: {
        locate: (user) => ({
          kind: 'mailbox',
          mailbox: { id: user.address, user, folder: undefined, location: { path: '/x', inbox: '/x', root: '/x' } },
        }),
      },
      meter: { check },
      fullMailbox: isFullTemporary ? 'defer' : 'refuse',
    },
  );
  const policy = formatAction(decision, { exceededMessage: EXCEEDED, rateMessage: '' });
  if (recipient.kind === 'accepted') return { policy, lmtp: 'accepted' };
  const { code, text } = formatRejection(ALIAS, recipient.outcome, EXCEEDED);
  return { policy, lmtp: `${code} ${text.replace(`<${ALIAS}> `, '')}` };
}

describe('policy at RCPT and LMTP at RCPT', () => {
  const sender = fc.constantFrom('someone@elsewhere.example', '', 'double-bounce@mx.example.com');

  it('RULES 10, 11, 20: never refuse what the other takes, nor for good what the other defers', async () => {
    const kinds = fc.array(fc.constantFrom(...KINDS), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(kinds, sender, fc.boolean(), async (targets, from, isFullTemporary) => {
        const { policy, lmtp } = await askBoth(targets, from, isFullTemporary);
        if (policy === 'DUNNO') return;
        assert.notEqual(lmtp, 'accepted', policy);
        assert.equal(policy.charAt(0), lmtp.charAt(0), `${policy} but ${lmtp}`);
      }),
      { numRuns: 5000 },
    );
  });

  for (const kind of ['over', 'too-large', 'hold', 'refuse'] as const) {
    for (const isFullTemporary of [false, true]) {
      it(`say the same words when every target is "${kind}"${isFullTemporary ? ' and a full mailbox defers' : ''}`, async () => {
        for (const count of [1, 2]) {
          const { policy, lmtp } = await askBoth(
            Array.from({ length: count }, () => kind),
            'a@b.example',
            isFullTemporary,
          );
          assert.match(policy, /^[45]\d\d /);
          assert.equal(policy, lmtp);
        }
      });
    }
  }
});
