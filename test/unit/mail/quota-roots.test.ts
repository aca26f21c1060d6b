/** What the meter says with mailboxes of their own limits, several roots and grace, on real Maildirs. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { parseQuotaGrace } from '../../../src/core/quota-rule.ts';
import type { QuotaDemand } from '../../../src/mail/quota-meter.ts';
import { mailUser, namesIn, startStore, type StoreWish, type TestStore } from '../../support/mail-store.ts';
import { quotaRoot, userQuota } from '../../support/quota.ts';

const ANN = 'ann@d.example';
/** With the header that the store of the tests adds. */
const HUNDRED = 'x'.repeat(91);

async function start(t: TestContext, wish: StoreWish): Promise<TestStore> {
  const store = await startStore(t, wish);
  store.plant(ANN, ['cur/1.a,S=100:2,', '.Trash/cur/2.b,S=50:2,S', '.Spam/new/3.c,S=30', '.Empty/cur/.keep']);
  store.plant(ANN, ['.Trash/new/.keep', '.Trash/tmp/.keep']);
  return store;
}

async function check(store: TestStore, demand: Partial<QuotaDemand>, ...rules: readonly string[]): Promise<string> {
  const user = mailUser(ANN, { quota: userQuota(...rules) });
  const verdict = await store.meter.check(user, { bytes: 1, messages: 1, ...demand });
  return verdict.kind === 'too-large' ? `${verdict.kind} ${verdict.than}` : verdict.kind;
}

describe('QuotaMeter', () => {
  it('gives mail to a mailbox the limits of that mailbox, against all the account holds', async (t) => {
    const store = await start(t, {});
    const rules = ['*:storage=180B', 'Trash:storage=+40B:messages=+9', 'Spam/*:storage=-50B'];
    assert.equal(await check(store, {}, ...rules), 'over');
    assert.equal(await check(store, { folder: '.Trash', bytes: 40 }, ...rules), 'fits');
    assert.equal(await check(store, { folder: '.Trash', bytes: 41 }, ...rules), 'over');
    assert.equal(await check(store, { folder: '.Trash', bytes: 221 }, ...rules), 'too-large quota');
    assert.equal(await check(store, { folder: '.Spam', bytes: 1 }, ...rules), 'over');
  });

  it('neither counts nor limits an ignored mailbox', async (t) => {
    const store = await start(t, {});
    const rules = ['*:storage=150B:messages=3', 'Trash:ignore', 'Sp*:ignore'];
    assert.equal(await check(store, { bytes: 50 }, ...rules), 'fits');
    assert.equal(await check(store, { bytes: 51 }, ...rules), 'over');
    assert.equal(await check(store, { bytes: 1e9, folder: '.Trash' }, ...rules), 'fits');
    const usage = await store.meter.measure(mailUser(ANN, { quota: userQuota(...rules) }));
    assert.ok(usage.kind === 'measured');
    assert.deepEqual(usage.roots[0]?.used, { bytes: 100, messages: 1 });
  });

  it('asks for the INBOX where there is no such folder, and for the folder where it may be made or is empty', async (t) => {
    const rules = ['*:storage=180B', 'Later:storage=+1M', 'Empty:storage=+1M'];
    const store = await start(t, {});
    assert.equal(await check(store, { folder: '.Later' }, ...rules), 'over');
    assert.equal(await check(store, { folder: '.Empty' }, ...rules), 'fits');
    const creating = await start(t, { settings: { canCreateFolders: true } });
    assert.equal(await check(creating, { folder: '.Later' }, ...rules), 'fits');
  });

  it('delivers by the limit of the mailbox that the detail names, or of the INBOX after all', async (t) => {
    const store = await start(t, { quota: ['*:storage=180B', 'Trash:storage=+100B', 'Later:storage=+1M'] });
    const deliver = async (detail?: string): Promise<string | undefined> => {
      const [outcome] = await store.deliver([store.mailbox(ANN, detail)], `${detail}${HUNDRED}`.slice(-91));
      return outcome?.kind === 'refused' ? outcome.reason : outcome?.kind;
    };
    assert.equal(await deliver('Later'), 'over-quota');
    assert.equal(await deliver(), 'over-quota');
    assert.equal(await deliver('Trash'), 'delivered');
    assert.equal(namesIn(store.maildir(ANN), '.Trash/new').filter((name) => !name.startsWith('.')).length, 1);
    assert.equal(await deliver('trash'), 'over-quota');
  });

  it('lets the message that crosses the limit use the grace, in each root its own', async (t) => {
    const grace = parseQuotaGrace('10%');
    const store = await start(t, { roots: [quotaRoot(['*:storage=1000B'], { grace }), quotaRoot(['*:storage=300B'])] });
    assert.equal(await check(store, { bytes: 120 }), 'fits');
    assert.equal(await check(store, { bytes: 121 }), 'over');
    const small = await start(t, { roots: [quotaRoot(['*:storage=200B'], { grace })] });
    assert.equal(await check(small, { bytes: 40 }), 'fits');
    assert.equal(await check(small, { bytes: 41 }), 'over');
  });

  it('takes the root with the least room, and counts in one that never refuses', async (t) => {
    const roots = [
      quotaRoot(['*:messages=100']),
      quotaRoot(['*:storage=10B'], { name: 'seen', isEnforcing: false }),
      quotaRoot(['*:storage=200B'], { name: 'small' }),
      quotaRoot([], { name: 'free', ignoresUnlimited: true }),
    ];
    const store = await start(t, { roots });
    assert.equal(await check(store, { bytes: 20 }), 'fits');
    assert.equal(await check(store, { bytes: 21 }), 'over');
    const usage = await store.meter.measure(mailUser(ANN));
    assert.ok(usage.kind === 'measured');
    assert.deepEqual(
      usage.roots.map(({ name, used, limits }) => [name, used.bytes, limits.storageBytes, limits.messages]),
      [
        ['quota', 180, 0, 100],
        ['seen', 180, 10, 0],
        ['small', 180, 200, 0],
      ],
    );
  });

  it('never refuses nor defers for a root that does not enforce, also when it cannot be measured', async (t) => {
    const store = await startStore(t, { roots: [quotaRoot(['*:storage=10B'], { isEnforcing: false })] });
    const lost = mailUser('bad/name@d.example');
    assert.equal((await store.meter.check(lost, { bytes: 100, messages: 1 })).kind, 'fits');
    const reserved = await store.meter.reserve(lost, { bytes: 100, folder: undefined }, 100);
    assert.equal(reserved.kind, 'reserved');
  });

  it('looks at max_mail_size before anything else, in ignored mailboxes and without any limit', async (t) => {
    const store = await start(t, { maxMailBytes: 500 });
    assert.equal(await check(store, { bytes: 500 }), 'fits');
    assert.equal(await check(store, { bytes: 501 }), 'too-large any-mail');
    assert.equal(
      await check(store, { bytes: 501, folder: '.Trash' }, '*:storage=1B', 'Trash:ignore'),
      'too-large any-mail',
    );
    const lost = mailUser('bad/name@d.example', { quota: userQuota('*:storage=1B') });
    assert.equal((await store.meter.check(lost, { bytes: 501, messages: 1 })).kind, 'too-large');
    const [outcome] = await store.deliver([store.mailbox(ANN)], 'x'.repeat(600));
    assert.ok(outcome?.kind === 'refused' && outcome.reason === 'message-too-large');
  });

  it('counts what is promised to other messages as taken', async (t) => {
    const store = await start(t, {});
    const held = { account: { bytes: 20, messages: 1 }, domain: { bytes: 0, messages: 0 } };
    assert.equal(await check(store, { bytes: 20, held }, '*:storage=220B'), 'fits');
    assert.equal(await check(store, { bytes: 21, held }, '*:storage=220B'), 'over');
    assert.equal(await check(store, { held }, '*:messages=4'), 'over');
    assert.equal(await check(store, { bytes: 1, held }, '*:storage=200B'), 'over', 'full with the promise');
  });

  it('measures an account without any rule when it is told to', async (t) => {
    const store = await start(t, {});
    const usage = await store.meter.recalculate(mailUser(ANN));
    assert.ok(usage.kind === 'measured');
    assert.deepEqual(usage.roots[0]?.used, { bytes: 180, messages: 3 });
  });
});
