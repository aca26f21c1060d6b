import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { MailUser } from '../../../src/mail/mail-user.ts';
import { UsageScanner } from '../../../src/mail/usage-scan.ts';
import { contentsIn, mailUser, namesIn, startStore, type TestStore } from '../../support/mail-store.ts';
import { userQuota } from '../../support/quota.ts';

const ANN = 'ann@d.example';

function plant(store: TestStore, files: readonly string[], size = 10): void {
  for (const file of files) {
    const path = join(store.maildir(ANN), file);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, 'x'.repeat(size));
  }
}

function limited(storageBytes?: number, messages?: number): MailUser {
  const storage = storageBytes === undefined ? '' : `:storage=${storageBytes}B`;
  const rule = `*${storage}${messages === undefined ? '' : `:messages=${messages}`}`;
  return mailUser(ANN, { quota: rule === '*' ? [] : userQuota(rule) });
}

describe('UsageScanner (RULES 34)', () => {
  it('adds sizes from names of all folders and asks the disk for names without one', async (t) => {
    const store = await startStore(t);
    plant(store, [
      'new/1.a,S=100',
      'cur/2.b,S=200,W=210:2,S',
      '.Sent/cur/3.c:2,',
      '.Sent/tmp/4.d,S=900',
      '.dovecot.sieve',
    ]);
    plant(store, ['new/.hidden', '.lists.x/new/5.e,S=1']);
    const path = store.maildir(ANN);
    const scanner = new UsageScanner();
    const request = { path, inbox: path, pid: 1, sinceSequence: 0 };
    assert.deepEqual(scanner.scan(request), { bytes: 311, messages: 4, seen: [] });
    assert.deepEqual(scanner.scan({ ...request, path: '/nonexistent', inbox: '/nonexistent/in' }), {
      bytes: 0,
      messages: 0,
      seen: [],
    });
  });

  it('does not trust a directory time that was young when it was read', async (t) => {
    const store = await startStore(t);
    const path = store.maildir(ANN);
    plant(store, ['new/1.a,S=100']);
    const scanner = new UsageScanner();
    const request = { path, inbox: path, pid: 1, sinceSequence: 0 };
    assert.equal(scanner.scan(request).bytes, 100);
    plant(store, ['new/2.b,S=50']);
    assert.equal(scanner.scan(request).bytes, 150);
  });

  it('counts a message that moves from new to cur meanwhile once', async (t) => {
    const store = await startStore(t);
    plant(store, ['new/1.a,S=100', 'cur/1.a,S=100:2,S']);
    const path = store.maildir(ANN);
    assert.equal(new UsageScanner().scan({ path, inbox: path, pid: 1, sinceSequence: 0 }).messages, 1);
  });
});

describe('QuotaMeter', () => {
  it('gives the four verdicts', async (t) => {
    const store = await startStore(t);
    plant(store, ['cur/1.a,S=100:2,']);
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

  it('measures an account at most once in 5 s, sooner near the limit (RULES 34)', async (t) => {
    let now = 1_790_000_000_000;
    const store = await startStore(t, { clock: { now: () => now } });
    plant(store, ['cur/1.a,S=100:2,']);
    const used = async (): Promise<unknown> => {
      const usage = await store.meter.measure(limited(1000));
      return usage.kind === 'measured' ? usage.bytes : usage.reason;
    };
    assert.equal(await used(), 100);
    plant(store, ['cur/2.b,S=870:2,']);
    now += 4900;
    assert.equal(await used(), 100);
    now += 200;
    assert.equal(await used(), 970);
    rmSync(join(store.maildir(ANN), 'cur/2.b,S=870:2,'));
    now += 900;
    assert.equal(await used(), 970);
    now += 200;
    assert.equal(await used(), 100);
  });

  it('is never more than a second old where it would say no (RULES 34)', async (t) => {
    let now = 1_790_000_000_000;
    const store = await startStore(t, { clock: { now: () => now } });
    plant(store, ['cur/1.a,S=800:2,']);
    const check = async (): Promise<string> =>
      (await store.meter.check(limited(1000), { bytes: 300, messages: 1 })).kind;
    assert.equal(await check(), 'over');
    rmSync(join(store.maildir(ANN), 'cur/1.a,S=800:2,'));
    now += 1100;
    assert.equal(await check(), 'fits');
  });

  it('measures again when the clock was set back', async (t) => {
    let now = 1_790_000_000_000;
    const store = await startStore(t, { clock: { now: () => now } });
    plant(store, ['cur/1.a,S=1000:2,']);
    const check = async (): Promise<string> => (await store.meter.check(limited(1000), { bytes: 1, messages: 1 })).kind;
    assert.equal(await check(), 'over');
    rmSync(join(store.maildir(ANN), 'cur/1.a,S=1000:2,'));
    now -= 3_600_000;
    assert.equal(await check(), 'fits');
  });

  it('counts own deliveries at once and each only once (RULES 34)', async (t) => {
    let now = 1_790_000_000_000;
    const store = await startStore(t, { clock: { now: () => now }, quota: ['*:storage=10000B'] });
    const used = async (): Promise<unknown> => {
      const usage = await store.meter.measure(mailUser(ANN));
      return usage.kind === 'measured' ? [usage.bytes, usage.messages] : usage.reason;
    };
    assert.deepEqual(await used(), [0, 0]);
    await store.deliver([store.mailbox(ANN)], 'x'.repeat(91));
    assert.deepEqual(await used(), [100, 1]);
    now += 6000;
    assert.deepEqual(await used(), [100, 1]);
    // One measurement runs beside ten deliveries: whatever it saw of them, each counts once.
    now += 6000;
    const measuring = used();
    await Promise.all(
      Array.from({ length: 10 }, (_, i) => store.deliver([store.mailbox(ANN)], `${i}${'x'.repeat(90)}`)),
    );
    await measuring;
    assert.deepEqual(await used(), [1100, 11]);
    now += 6000;
    assert.deepEqual(await used(), [1100, 11]);
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

  it('cannot tell while the directory cannot be read, and a delivery waits then (RULES 34)', async (t) => {
    const store = await startStore(t, { quota: ['*:messages=1'] });
    await store.deliver([store.mailbox('bob@d.example')]);
    mkdirSync(store.maildir(ANN), { recursive: true });
    renameSync(join(store.root, '.postern-root'), join(store.root, '.away'));
    assert.equal((await store.meter.check(mailUser(ANN), { bytes: 1, messages: 1 })).kind, 'unknown');
    assert.equal((await store.meter.measure(mailUser(ANN))).kind, 'unknown');
    renameSync(join(store.root, '.away'), join(store.root, '.postern-root'));
    assert.equal((await store.meter.check(mailUser(ANN), { bytes: 1, messages: 1 })).kind, 'fits');
  });
});
