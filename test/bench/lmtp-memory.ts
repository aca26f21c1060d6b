/**
 * What memory parallel deliveries take: a hundred at a time, of 1, 10 and 100 MB each. No dot is sent before all bodies
 * are out, so that all of them are under way at once. The memory must not depend on the size.
 */
import { readdirSync, readFileSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { DirectoryAdmin } from '../../src/directory/admin.ts';
import { addAccounts, makeAddresses, withBenchSite, type BenchSite } from './bench-site.ts';
import { BodySender } from './body-sender.ts';
import { WITH_QUOTA } from './mail-work.ts';
import { formatNumber } from './table.ts';
import type { Report, Work } from './work.ts';

const DELIVERIES = 100;
/** The first run only warms up: code is compiled and buffers are made. */
const SIZES_MB = [1, 1, 10, 100];
const SIZES_SHORT_MB = [1, 1, 10];
/** What is not collected yet comes and goes; half a megabyte a delivery is far from a message held in memory. */
const MAX_GROWTH_MB = 50;
const SAMPLE_MS = 50;
const KB_PER_MB = 1024;

export const lmtpMemory: Work = {
  name: 'lmtp-memory',
  about: `memory during ${DELIVERIES} parallel LMTP deliveries, by their size`,
  isLong: true,
  run: ({ isShort }) => {
    const recipients = makeAddresses('user', DELIVERIES);
    const populate = (admin: DirectoryAdmin): Promise<void> => addAccounts(admin, recipients);
    const settings = { ...WITH_QUOTA, lmtp: { max_message_size: '200M' } };
    return withBenchSite({ settings, populate }, async (site) => {
      const runs: MemoryRun[] = [];
      for (const sizeMb of isShort ? SIZES_SHORT_MB : SIZES_MB) runs.push(await deliverAll(site, recipients, sizeMb));
      return report(runs, site);
    });
  },
};

interface MemoryRun {
  readonly sizeMb: number;
  readonly beforeMb: number;
  readonly peakMb: number;
  readonly seconds: number;
  /** Replies nobody expected. */
  readonly errors: readonly string[];
}

async function deliverAll(site: BenchSite, recipients: readonly string[], sizeMb: number): Promise<MemoryRun> {
  const residentMb = (): number => readResidentMb(site.postern.pid);
  const beforeMb = residentMb();
  let peakMb = beforeMb;
  const timer = setInterval(() => (peakMb = Math.max(peakMb, residentMb())), SAMPLE_MS);
  const startedAt = performance.now();
  const replies: string[] = [];
  try {
    const senders = await Promise.all(recipients.map(() => BodySender.connect(site.socket('lmtp'))));
    await Promise.all(senders.map((sender, i) => sender.sendBody(recipients[i] ?? '', sizeMb)));
    replies.push(...(await Promise.all(senders.map((sender) => sender.finish()))));
  } finally {
    clearInterval(timer);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  // The next run needs the room.
  for (const recipient of recipients) {
    const directory = join(site.postern.maildir(recipient), 'new');
    for (const name of readdirSync(directory)) unlinkSync(join(directory, name));
  }
  return { sizeMb, beforeMb, peakMb, seconds, errors: replies.filter((reply) => !reply.startsWith('250 ')) };
}

function report(runs: readonly MemoryRun[], site: BenchSite): Report {
  const [, ...counted] = runs;
  const errors = runs.flatMap((run) => run.errors);
  const grownMb = (counted.at(-1)?.peakMb ?? Number.NaN) - (counted[0]?.peakMb ?? Number.NaN);
  const verdict = grownMb <= MAX_GROWTH_MB ? 'flat' : 'GROWS';
  return {
    tables: [
      {
        head: ['each', 'before MB', 'peak MB', 'MB a second', 'errors'],
        rows: runs.map(({ sizeMb, beforeMb, peakMb, seconds, errors: { length } }, i) => [
          i === 0 ? `${sizeMb} MB, warm-up` : `${sizeMb} MB`,
          formatNumber(beforeMb, 0),
          formatNumber(peakMb, 0),
          formatNumber((sizeMb * DELIVERIES) / seconds, 0),
          String(length),
        ]),
      },
    ],
    notes: [
      `${verdict}: the largest messages take ${formatNumber(grownMb, 0)} MB more than the smallest`,
      ...errors.slice(0, 3).map((reply) => `unexpected: ${JSON.stringify(reply)}`),
      ...site.complaints(),
    ],
    errorCount: errors.length + (verdict === 'flat' ? 0 : 1),
  };
}

function readResidentMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / KB_PER_MB;
}
