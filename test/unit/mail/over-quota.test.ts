/** Accounts over quota for days, and what sees that they are not any more. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ABSENT, found, unavailable, type Lookup } from '../../../src/core/outcome.ts';
import type { MailUser } from '../../../src/mail/mail-user.ts';
import { OverQuotaSweep } from '../../../src/mail/over-quota-sweep.ts';
import { OverQuota } from '../../../src/mail/over-quota.ts';
import type { UsageVerdict } from '../../../src/mail/quota-meter.ts';
import { OverQuotaFile } from '../../../src/store/over-quota-file.ts';
import { CollectingLogger } from '../../support/collecting-logger.ts';
import { mailUser } from '../../support/mail-store.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const ANN = 'ann@d.example';
const DAY_MS = 86_400_000;
const LIMITS = { storageBytes: 1000, messages: 100 };
const ROOT = { name: 'quota', scope: 'user', isEnforcing: true } as const;

function setUp() {
  const clock = { nowMs: 1000 * DAY_MS, now: () => clock.nowMs };
  const changes: string[] = [];
  const onChange = (address: string, isOverdue: boolean): void => {
    changes.push(`${address} ${isOverdue ? 'overdue' : 'free'}`);
  };
  const accounts = new OverQuota({ afterMs: 14 * DAY_MS, clock, onChange });
  const see = (bytes: number, { messages = 1, isRefused = false, root = {} } = {}): void =>
    accounts.observe(
      { ...ROOT, ...root },
      { address: ANN },
      { bytes, messages, limits: LIMITS, isOwnNotice: false, isRefused },
    );
  const usage = {
    kind: 'measured' as const,
    bytes: 0,
    lookup: found(mailUser(ANN)) as Lookup<MailUser>,
    isKnown: true,
  };
  const logger = new CollectingLogger();
  const measure = (): Promise<UsageVerdict> =>
    Promise.resolve(
      usage.isKnown
        ? { kind: 'measured', roots: [{ ...ROOT, used: { bytes: usage.bytes, messages: 1 }, limits: LIMITS }] }
        : { kind: 'unknown', reason: 'hung' },
    );
  const sweep = new OverQuotaSweep({
    accounts,
    findUser: () => Promise.resolve(usage.lookup),
    meter: () => ({ measure }),
    intervalMs: 1000,
    logger,
  });
  return { accounts, clock, changes, see, sweep, usage, logger };
}

describe('OverQuota', () => {
  it('makes an account overdue that is full for so long, and frees it when there is room again', async () => {
    const { accounts, clock, changes, see, sweep, usage } = setUp();
    see(1000);
    clock.nowMs += 14 * DAY_MS - 1;
    usage.bytes = 990;
    await sweep.sweep();
    assert.deepEqual([accounts.isOverdue(ANN), accounts.due()], [false, []]);
    clock.nowMs += 1;
    await sweep.sweep();
    await sweep.sweep();
    assert.deepEqual([accounts.isOverdue(ANN), changes], [true, [`${ANN} overdue`]]);
    usage.bytes = 949;
    await sweep.sweep();
    assert.deepEqual([accounts.isOverdue(ANN), accounts.size, changes], [false, 0, [`${ANN} overdue`, `${ANN} free`]]);
  });

  it('counts from anew when there was room in between, seen by a delivery or by the last look', async () => {
    const { accounts, clock, changes, see, sweep, usage } = setUp();
    see(1000);
    clock.nowMs += 10 * DAY_MS;
    see(900);
    see(1, { messages: 100 });
    clock.nowMs += 13 * DAY_MS;
    await sweep.sweep();
    clock.nowMs += DAY_MS;
    usage.bytes = 10;
    await sweep.sweep();
    assert.deepEqual([accounts.size, changes], [0, []]);
  });

  it('takes one for full that refuses mail in its last 5 %, and none that is only counted or a domain', () => {
    const { accounts, see } = setUp();
    see(940, { isRefused: true });
    see(999);
    see(5000, { root: { isEnforcing: false } });
    see(5000, { root: { scope: 'domain' } });
    assert.equal(accounts.size, 0);
    see(950, { isRefused: true });
    assert.equal(accounts.size, 1);
    see(950);
    assert.equal(accounts.size, 1);
    see(949, { isRefused: true });
    assert.equal(accounts.size, 0);
  });

  it('frees an account only when no root is overdue any more', async () => {
    const { accounts, clock, changes, see, sweep, usage } = setUp();
    usage.bytes = 1000;
    see(1000);
    see(1000, { root: { name: 'total' } });
    clock.nowMs += 14 * DAY_MS;
    await sweep.sweep();
    see(1);
    assert.deepEqual([accounts.isOverdue(ANN), changes], [true, [`${ANN} overdue`]]);
    see(1, { root: { name: 'total' } });
    assert.deepEqual([accounts.isOverdue(ANN), changes.length], [false, 2]);
  });

  it('leaves things as they are when it cannot tell, and forgets an account that is gone', async () => {
    const { accounts, clock, changes, see, sweep, usage } = setUp();
    see(1000);
    clock.nowMs += 14 * DAY_MS;
    usage.isKnown = false;
    await sweep.sweep();
    usage.lookup = unavailable('out');
    await sweep.sweep();
    assert.deepEqual([accounts.isOverdue(ANN), accounts.size], [false, 1]);
    usage.lookup = ABSENT;
    await sweep.sweep();
    assert.deepEqual([accounts.size, changes], [0, []]);
  });

  it('survives a restart in its file, which is whole or refused', async (t) => {
    const { accounts, see, clock } = setUp();
    see(1000);
    clock.nowMs += 14 * DAY_MS;
    accounts.review(ANN);
    const path = join(temporaryFolder(t), 'over-quota');
    const file = new OverQuotaFile(path);
    await file.save(accounts.list());
    const again = setUp();
    await file.load((record) => again.accounts.restore(record));
    assert.equal(again.accounts.isOverdue(ANN), true);
    assert.deepEqual(again.changes, []);
    const good = readFileSync(path, 'utf8');
    for (const [from, to] of [
      ['true', '1'],
      ['"quota"', '""'],
      [String(1000 * DAY_MS), '1.5'],
    ] as const) {
      writeFileSync(path, good.replace(from, to));
      await assert.rejects(
        file.load(() => undefined),
        SyntaxError,
        to,
      );
    }
  });
});
