/**
 * Deliveries that meet at a limit, hundreds at once, in accounts of one domain: whatever the sizes, however measurements
 * fall between, and whatever fails, no root ever holds more than it may. The disk is in memory, and slow at random.
 */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { parseQuotaGrace } from '../../../src/core/quota-rule.ts';
import { DomainUsage } from '../../../src/mail/domain-usage.ts';
import { createMailboxNamer } from '../../../src/mail/mailbox-name.ts';
import { QuotaMeter } from '../../../src/mail/quota-meter.ts';
import { judgeRoom } from '../../../src/mail/quota-verdict.ts';
import { UsageCache } from '../../../src/mail/usage-cache.ts';
import { addResults, type ScanRequest, type ScanResult } from '../../../src/mail/usage-scan.ts';
import type { ScanReply } from '../../../src/mail/usage-worker.ts';
import { listUsers, mailUser, startStore } from '../../support/mail-store.ts';
import { quotaRoot } from '../../support/quota.ts';

interface Wish {
  readonly accounts: number;
  /** Of each account, and of the domain. */
  readonly limits: readonly [bytes: number, messages: number];
  readonly total: number;
  readonly grace: string;
  readonly deliveries: readonly {
    readonly account: number;
    readonly bytes: number;
    readonly turns: number;
    readonly fails: boolean;
  }[];
}

/** The messages of each account by the sequences in their names. */
class Disk {
  readonly #messages = new Map<string, Map<number, number>>();
  #turns = 0;

  put(path: string, message: { readonly sequence: number; readonly bytes: number }): void {
    const messages = this.#messages.get(path) ?? new Map<number, number>();
    messages.set(message.sequence, message.bytes);
    this.#messages.set(path, messages);
  }

  sum(path: string): { bytes: number; messages: number } {
    const sizes = [...(this.#messages.get(path) ?? new Map<number, number>()).values()];
    return { bytes: sizes.reduce((sum, size) => sum + size, 0), messages: sizes.length };
  }

  async measure(request: ScanRequest): Promise<ScanReply> {
    return { id: 0, kind: 'measured', result: await this.#read(request) };
  }

  async measureAll(requests: readonly ScanRequest[]): Promise<ScanReply> {
    const results: ScanResult[] = [];
    for (const request of requests) results.push(await this.#read(request));
    return { id: 0, kind: 'measured', result: addResults(results) };
  }

  async #read({ path, sinceSequence }: ScanRequest): Promise<ScanResult> {
    this.#turns = (this.#turns + 1) % 4;
    for (let i = 0; i < this.#turns; i += 1) await nextTurn();
    const room = this.sum(path);
    const seen = [...(this.#messages.get(path)?.keys() ?? [])].filter((sequence) => sequence >= sinceSequence);
    const result = { ...room, mailboxes: new Map([['', room]]), seen };
    for (let i = 0; i < this.#turns; i += 1) await nextTurn();
    return result;
  }
}

async function run(t: TestContext, wish: Wish): Promise<void> {
  const store = await startStore(t);
  const disk = new Disk();
  let now = 1_790_000_000_000;
  // Time flies, so that measurements begin and end among the deliveries.
  const clock = { now: () => (now += 97) };
  const users = Array.from({ length: wish.accounts }, (_, i) => mailUser(`u${i}@d.example`));
  const { roots, names, logger } = store;
  const settings = {
    home: `${store.root}/%d/%n`,
    location: 'maildir:~/Maildir',
    roots: [store.root],
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
  };
  const place = { settings, roots, names, thread: disk, clock, logger };
  const [bytes, messages] = wish.limits;
  const grace = parseQuotaGrace(wish.grace);
  const meter = new QuotaMeter({
    usage: new UsageCache(place),
    names,
    domains: new DomainUsage({ ...place, list: () => listUsers(users) }),
    roots: [
      quotaRoot([`*:storage=${bytes}B:messages=${messages}`], { grace }),
      quotaRoot([`*:storage=${wish.total}B`], { name: 'total', scope: 'domain' }),
    ],
    maxMailBytes: 0,
    canCreateFolders: false,
    nameOf: createMailboxNamer('/'),
  });
  const pathOf = (account: number): string => store.maildir(`u${account}@d.example`);
  /** What was let in and has not failed: on the disk or on its way. */
  const taken = users.map(() => ({ bytes: 0, messages: 0 }));
  const total = (): number => taken.reduce((sum, room) => sum + room.bytes, 0);

  const graceBytes = grace.by === 'percent' ? Math.trunc((bytes * grace.value) / 100) : grace.value;
  await Promise.all(
    wish.deliveries.map(async (delivery) => {
      const { account, turns } = delivery;
      const user = users[account];
      const room = taken[account];
      assert.ok(user !== undefined && room !== undefined);
      for (let i = 0; i < turns; i += 1) await nextTurn();
      const verdict = await meter.reserve(user, { bytes: delivery.bytes, folder: undefined }, 60_000);
      assert.notEqual(verdict.kind, 'unknown');
      if (verdict.kind !== 'reserved') {
        const rooms = [
          { limits: { storageBytes: bytes, messages }, graceBytes, used: room },
          { limits: { storageBytes: wish.total, messages: 0 }, graceBytes: 0, used: { bytes: total(), messages: 0 } },
        ];
        // Since it was judged, others may have been let in; nobody left.
        assert.notEqual(
          judgeRoom(rooms, { bytes: delivery.bytes, messages: 1 }).kind,
          'fits',
          'refused with room left',
        );
        return;
      }
      assert.ok(room.bytes < bytes, 'the account was full');
      room.bytes += delivery.bytes;
      room.messages += 1;
      assert.ok(room.bytes <= bytes + graceBytes && room.messages <= messages, 'the account overflows');
      assert.ok(total() <= wish.total, 'the domain overflows');
      // At least one, so that nobody who was judged before it fails hears of it before that.
      for (let i = 0; i <= turns; i += 1) await nextTurn();
      if (delivery.fails) {
        verdict.reservation.cancel();
        room.bytes -= delivery.bytes;
        room.messages -= 1;
        return;
      }
      disk.put(pathOf(account), { sequence: verdict.name.sequence, bytes: delivery.bytes });
      for (let i = 0; i < turns; i += 1) await nextTurn();
      verdict.reservation.finish();
    }),
  );

  // Nothing was counted twice or forgotten: in the end the meter says what the disk holds, whenever it is asked.
  for (const pauseMs of [0, 6000, 40_000]) {
    now += pauseMs;
    for (const [account, user] of users.entries()) {
      const usage = await meter.measure(user, 60_000);
      assert.ok(usage.kind === 'measured');
      assert.deepEqual(usage.roots[0]?.used, disk.sum(pathOf(account)));
      assert.equal(usage.roots[1]?.used.bytes, total());
    }
  }
}

describe('QuotaMeter', () => {
  it('never overshoots, whatever meets at the limits of accounts and their domain (RULES 34, 44)', async (t) => {
    const wishes: fc.Arbitrary<Wish> = fc.integer({ min: 1, max: 4 }).chain((accounts) =>
      fc.record({
        accounts: fc.constant(accounts),
        limits: fc.tuple(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 60 })),
        total: fc.integer({ min: 1, max: 10_000 }),
        grace: fc.constantFrom('0', '10%', '50'),
        deliveries: fc.array(
          fc.record({
            account: fc.nat(accounts - 1),
            bytes: fc.integer({ min: 1, max: 400 }),
            turns: fc.nat(6),
            fails: fc.integer({ min: 0, max: 6 }).map((n) => n === 0),
          }),
          { minLength: 100, maxLength: 400, size: 'max' },
        ),
      }),
    );
    await fc.assert(
      fc.asyncProperty(wishes, (wish) => run(t, wish)),
      { numRuns: 40, endOnFailure: true },
    );
  });
});
