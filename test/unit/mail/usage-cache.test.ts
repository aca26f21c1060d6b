/** What is measured, seen through the meter. */
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { MailUser } from '../../../src/mail/mail-user.ts';
import { mailUser, startStore } from '../../support/mail-store.ts';
import { userQuota } from '../../support/quota.ts';

const ANN = 'ann@d.example';

function limited(storageBytes: number): MailUser {
  return mailUser(ANN, { quota: userQuota(`*:storage=${storageBytes}B`) });
}

describe('UsageCache', () => {
  it('measures an account at most once in 5 s, sooner near the limit (RULES 34)', async (t) => {
    let now = 1_790_000_000_000;
    const store = await startStore(t, { clock: { now: () => now } });
    store.plant(ANN, ['cur/1.a,S=100:2,']);
    const used = async (): Promise<unknown> => {
      const usage = await store.meter.measure(limited(1000));
      return usage.kind === 'measured' ? usage.roots[0]?.used.bytes : usage.reason;
    };
    assert.equal(await used(), 100);
    store.plant(ANN, ['cur/2.b,S=870:2,']);
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
    store.plant(ANN, ['cur/1.a,S=800:2,']);
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
    store.plant(ANN, ['cur/1.a,S=1000:2,']);
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
      const room = usage.kind === 'measured' ? usage.roots[0]?.used : undefined;
      return [room?.bytes, room?.messages];
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
