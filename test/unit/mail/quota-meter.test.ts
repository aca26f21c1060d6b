import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { MailUser } from '../../../src/mail/mail-user.ts';
import { contentsIn, mailUser, namesIn, startStore } from '../../support/mail-store.ts';
import { userQuota } from '../../support/quota.ts';

const ANN = 'ann@d.example';

function limited(storageBytes?: number, messages?: number): MailUser {
  const storage = storageBytes === undefined ? '' : `:storage=${storageBytes}B`;
  const rule = `*${storage}${messages === undefined ? '' : `:messages=${messages}`}`;
  return mailUser(ANN, { quota: rule === '*' ? [] : userQuota(rule) });
}

describe('QuotaMeter', () => {
  it('gives the four verdicts', async (t) => {
    const store = await startStore(t);
    store.plant(ANN, ['cur/1.a,S=100:2,']);
    const check = async (user: MailUser, bytes: number): Promise<string> =>
      (await store.meter.check(user, { bytes, messages: 1 })).kind;
    assert.equal(await check(limited(), 1e9), 'fits');
    assert.equal(await check(limited(0, 0), 1e9), 'fits', 'zero is no limit');
    assert.equal(await check(limited(200), 100), 'fits');
    assert.equal(await check(limited(200), 101), 'over');
    assert.equal(await check(limited(100), 0), 'over', 'full is full');
    assert.equal(await check(limited(200), 201), 'too-large');
    assert.equal(await check(limited(undefined, 2), 1e9), 'fits');
    assert.equal(await check(limited(undefined, 1), 1), 'over');
    assert.equal(await check(mailUser('new@d.example', { quota: userQuota('*:storage=10B') }), 10), 'fits');
    assert.equal(await check(mailUser('bad/name@d.example', { quota: userQuota('*:storage=10B') }), 1), 'unknown');
  });

  it('uses the limit of the configuration for accounts without one', async (t) => {
    const store = await startStore(t, { quota: ['*:storage=50B'] });
    const verdict = await store.meter.check(mailUser(ANN), { bytes: 51, messages: 1 });
    assert.equal(verdict.kind, 'too-large');
  });

  it('never overshoots when 100 deliveries meet at the limit (RULES 34)', async (t) => {
    const store = await startStore(t, { quota: ['*:storage=2050B'] });
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, (_, i) => store.deliver([store.mailbox(ANN)], String(i).padEnd(91, 'x'))),
    );
    const kinds = outcomes.map(([outcome]) => (outcome?.kind === 'refused' ? outcome.reason : outcome?.kind));
    assert.equal(kinds.filter((kind) => kind === 'delivered').length, 20);
    assert.equal(kinds.filter((kind) => kind === 'over-quota').length, 80);
    assert.equal(namesIn(store.maildir(ANN), 'new').length, 20);
    assert.deepEqual(namesIn(store.maildir(ANN), 'tmp'), []);
    assert.ok(contentsIn(store.maildir(ANN), 'new').join('').length <= 2050);
  });

  it('gives the room of a failed delivery back', async (t) => {
    const store = await startStore(t, { quota: ['*:storage=150B'] });
    store.recorder.sabotage = (step) => (step === 'rename' ? 'EIO' : undefined);
    assert.equal((await store.deliver([store.mailbox(ANN)], 'x'.repeat(91)))[0]?.kind, 'deferred');
    store.recorder.sabotage = () => undefined;
    assert.equal((await store.deliver([store.mailbox(ANN)], 'x'.repeat(91)))[0]?.kind, 'delivered');
  });

  it('defers or refuses a full mailbox as configured', async (t) => {
    const store = await startStore(t, { quota: ['*:messages=1'], settings: { fullMailbox: 'defer' } });
    await store.deliver([store.mailbox(ANN)], 'one');
    const [outcome] = await store.deliver([store.mailbox(ANN)], 'two');
    assert.ok(outcome?.kind === 'deferred' && outcome.reason === 'over-quota');
  });
});
