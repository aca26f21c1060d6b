import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { MailUser } from '../../../src/mail/mail-user.ts';
import { listUsers, mailUser, startStore, type StoreWish, type TestStore } from '../../support/mail-store.ts';
import { quotaRoot } from '../../support/quota.ts';
import { waitFor } from '../../support/wait.ts';

const NAMES = ['ann', 'bob', 'cid'].map((name) => `${name}@d.example`);
const [ANN = '', BOB = '', CID = ''] = NAMES;
const HUNDRED = 'x'.repeat(91);

/** A store with a root of 1,000 bytes for each domain, which three accounts share. */
async function start(t: TestContext, wish: StoreWish = {}, rules: readonly string[] = []): Promise<TestStore> {
  const users = NAMES.map((name) => mailUser(name));
  const store = await startStore(t, {
    roots: [quotaRoot([]), quotaRoot(['*:storage=1000B', ...rules], { name: 'total', scope: 'domain' })],
    list: (domain) => listUsers(users.filter(({ address }) => address.endsWith(`@${domain}`))),
    ...wish,
  });
  store.plant(ANN, ['cur/1.a,S=300:2,', '.Spam/cur/2.b,S=100:2,']);
  store.plant(BOB, ['new/3.c,S=200']);
  return store;
}

async function total(store: TestStore, user: MailUser = mailUser(ANN)): Promise<unknown> {
  // Hundreds of directories take a while where others work, too.
  const usage = await store.meter.measure(user, 30_000);
  return usage.kind === 'measured' ? usage.roots[1]?.used.bytes : usage.reason;
}

async function check(store: TestStore, address: string, bytes: number): Promise<string> {
  return (await store.meter.check(mailUser(address), { bytes, messages: 1 })).kind;
}

describe('DomainUsage (RULES 44)', () => {
  it('adds up what all accounts of the domain hold, and nobody else', async (t) => {
    const store = await start(t);
    store.plant('eve@e.example', ['cur/1.a,S=5000:2,']);
    assert.equal(await total(store), 600);
    assert.equal(await check(store, CID, 400), 'fits');
    assert.equal(await check(store, CID, 401), 'over');
    assert.equal(await check(store, CID, 1001), 'too-large');
    assert.equal(await check(store, 'eve@e.example', 1), 'over');
  });

  it('leaves out the mailboxes that its rules ignore, in every account', async (t) => {
    const store = await start(t, {}, ['Spam:ignore']);
    store.plant(CID, ['.Spam/new/9.x,S=90']);
    assert.equal(await total(store), 500);
  });

  it('counts a mailbox that two accounts share once', async (t) => {
    const twin = mailUser('dan@d.example', { home: undefined, mail: undefined });
    const store = await start(t, { list: () => listUsers([mailUser(ANN), mailUser(ANN), mailUser(BOB), twin]) });
    assert.equal(await total(store), 600);
  });

  it('counts own deliveries of all accounts at once and each only once, however often it measures', async (t) => {
    let now = 1_790_000_000_000;
    const store = await start(t, { clock: { now: () => now } });
    assert.equal(await total(store), 600);
    for (const address of [ANN, BOB, CID])
      await store.deliver([store.mailbox(address)], `${address[0]}${HUNDRED}`.slice(0, 91));
    assert.equal(await total(store), 900);
    for (let i = 0; i < 4; i += 1) {
      now += 5001;
      assert.equal(await total(store), 900);
    }
    const outcomes = await store.deliver([store.mailbox(CID), store.mailbox(BOB)], HUNDRED);
    assert.deepEqual(outcomes.map(({ kind }) => kind).toSorted(), ['delivered', 'refused']);
  });

  it('sees within 5 s what others change in any account (RULES 34)', async (t) => {
    let now = 1_790_000_000_000;
    const store = await start(t, { clock: { now: () => now } });
    assert.equal(await total(store), 600);
    store.plant(CID, ['cur/7.x,S=50:2,S']);
    rmSync(join(store.maildir(BOB), 'new/3.c,S=200'));
    now += 5001;
    assert.equal(await total(store), 450);
  });

  it('measures anew while the last figure is still good, so that nobody waits while mail flows', async (t) => {
    let now = 1_790_000_000_000;
    const store = await start(t, { clock: { now: () => now } });
    assert.equal(await total(store), 600);
    store.plant(CID, ['cur/7.x,S=50:2,S']);
    now += 2600;
    assert.equal(await total(store), 600, 'said at once');
    await waitFor('the pass to end', async () => (await total(store)) === 650);
  });

  it('hears of new accounts at their first mail, and of others within half a minute', async (t) => {
    let now = 1_790_000_000_000;
    let users = [mailUser(ANN)];
    const store = await start(t, { clock: { now: () => now }, list: () => listUsers(users) });
    assert.equal(await total(store), 400);
    assert.equal(await total(store, mailUser(BOB)), 400);
    now += 5001;
    assert.equal(await total(store), 600, 'the one that was asked about');
    users = [mailUser(BOB)];
    now += 30_001;
    assert.equal(await total(store, mailUser(BOB)), 200);
  });

  it('knows nothing before everything is measured, and cannot tell when somebody cannot be listed or read', async (t) => {
    let fault: string | undefined = 'database unavailable';
    async function* list(): AsyncIterable<MailUser> {
      yield mailUser(ANN);
      if (fault !== undefined) throw new Error(fault);
      yield mailUser(BOB);
    }
    let now = 1_790_000_000_000;
    const store = await start(t, { clock: { now: () => now }, list });
    assert.equal(await total(store), 'database unavailable');
    assert.equal(await check(store, ANN, 1), 'unknown');
    const [outcome] = await store.deliver([store.mailbox(ANN)], HUNDRED);
    assert.ok(outcome?.kind === 'deferred' && outcome.reason === 'quota-unknown');
    fault = undefined;
    assert.equal(await total(store), 'database unavailable', 'not tried again at once');
    now += 1001;
    assert.equal(await total(store), 600);
    mkdirSync(store.maildir(ANN), { recursive: true });
    renameSync(join(store.root, '.postern-root'), join(store.root, '.away'));
    now += 5001;
    assert.equal(await check(store, BOB, 1), 'unknown');
    renameSync(join(store.root, '.away'), join(store.root, '.postern-root'));
    now += 1001;
    assert.equal(await check(store, BOB, 1), 'fits');
    store.logger.assertQuiet(['quota.fault', 'mail.root-missing']);
  });

  it('leaves out accounts whose place nobody can tell, and says so once', async (t) => {
    const users = [mailUser(ANN), mailUser('bad/name@d.example'), mailUser(BOB, { uid: 12_345 })];
    let now = 1_790_000_000_000;
    const store = await start(t, { clock: { now: () => now }, list: () => listUsers(users) });
    for (let i = 0; i < 3; i += 1) {
      assert.equal(await total(store), 400);
      now += 31_000;
    }
    const lines = store.logger.lines.filter(({ event }) => event === 'quota.fault');
    assert.deepEqual(
      lines.map(({ fields }) => fields?.['unplaced']),
      [2],
    );
  });

  it('measures hundreds of accounts in pieces', async (t) => {
    const many = Array.from({ length: 350 }, (_, i) => `u${i}@d.example`);
    const store = await start(t, { list: () => listUsers(many.map((name) => mailUser(name))) });
    for (const name of many) store.plant(name, ['new/1.a,S=1']);
    assert.equal(await total(store, mailUser('u0@d.example')), 350);
  });
});
