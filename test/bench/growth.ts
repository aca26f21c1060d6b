/**
 * Whether a delivery stays what it is when there is more of everything: messages in the mailbox, also while flags change
 * there, and accounts in the database. The same 4 KB each time, synced, with a quota, whose usage has to be known.
 *
 * Two loads for each size: one connection says how long one delivery takes, twenty how many there are in a second.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { DirectoryAdmin } from '../../src/directory/admin.ts';
import { MAIL_USER } from '../support/system-folder.ts';
import { addAccounts, DOMAIN, makeAddresses, withBenchSite, type BenchSite } from './bench-site.ts';
import { multiplyAccounts } from './many-accounts.ts';
import { runLoad, type LoadLimit, type LoadResult } from './load.ts';
import { WITH_QUOTA } from './mail-work.ts';
import { median } from './statistics.ts';
import { formatNumber, type Table } from './table.ts';
import { countErrors, describeErrors, type Report, type RunOptions, type Work } from './work.ts';

const MESSAGE_COUNTS = [100, 10_000, 100_000];
const ACCOUNT_COUNTS = [100, 10_000, 1_000_000];
const SHORT_COUNTS = [100, 10_000];
/** Mailboxes that are filled, and that each load goes to. */
const MAILBOXES = 4;
const RECIPIENTS = 100;
/** Addresses that are asked for, more than any cache of recent answers would help with. */
const PROBED = 10_000;
const CONNECTIONS = 20;
const MESSAGE_BYTES = 4096;
/** In each mailbox: an IMAP client that marks a folder as read. */
const FLAG_PAUSE_MS = 50;
/** Usage is measured anew every five seconds: each load sees that. */
const LIMIT: LoadLimit = { kind: 'time', warmUpMs: 2000, measureMs: 6000 };
const LIMIT_SHORT: LoadLimit = { kind: 'time', warmUpMs: 1000, measureMs: 2000 };
/** Longer than a measurement of a mailbox is valid: each of these deliveries needs a new one. */
const RARE_PAUSE_MS = 5500;
const RARE_ROUNDS = 4;
/** The goal for one delivery: what Postern does for it itself. */
const MAX_OWN_MS = 2;

export const growth: Work = {
  name: 'growth',
  about: `LMTP, messages of 4 KB with quota, as mailboxes and accounts get many, 1 and ${CONNECTIONS} connections`,
  isLong: true,
  run: async (options) => {
    const rows: Row[] = [];
    for (const count of options.isShort ? SHORT_COUNTS : MESSAGE_COUNTS)
      rows.push(...(await growMailboxes(count, options)));
    for (const count of options.isShort ? SHORT_COUNTS : ACCOUNT_COUNTS) rows.push(await growAccounts(count, options));
    return report(rows);
  },
};

interface Row {
  readonly what: string;
  readonly alone: LoadResult;
  readonly many: LoadResult;
  readonly probes: LoadResult;
  /** Milliseconds of deliveries to mailboxes that got none for a while; none for accounts. */
  readonly rare: readonly number[];
  readonly notes: readonly string[];
}

async function growMailboxes(count: number, options: RunOptions): Promise<Row[]> {
  const recipients = makeAddresses('user', MAILBOXES);
  const populate = (admin: DirectoryAdmin): Promise<void> => addAccounts(admin, recipients);
  const what = `${formatNumber(count, 0)} messages`;
  return withBenchSite({ settings: WITH_QUOTA, populate }, async (site) => {
    const maildirs = recipients.map((recipient) => site.postern.maildir(recipient));
    for (const maildir of maildirs) fillMaildir(maildir, count);
    const rareRounds = options.isShort ? 1 : RARE_ROUNDS;
    const scene = { recipients, probed: recipients, options, rareRounds };
    const quiet = await measure(site, { ...scene, what });
    const changer = fork(join(import.meta.dirname, 'flag-changer.js'), [String(FLAG_PAUSE_MS), ...maildirs]);
    try {
      await once(changer, 'message');
      return [quiet, await measure(site, { ...scene, what: `${what}, flags change` })];
    } finally {
      changer.kill('SIGKILL');
    }
  });
}

function growAccounts(count: number, options: RunOptions): Promise<Row> {
  const [first = ''] = makeAddresses('user', 1);
  const site = {
    settings: WITH_QUOTA,
    populate: (admin: DirectoryAdmin) => addAccounts(admin, [first]),
    finishDatabase: (path: string) => multiplyAccounts(path, { like: first, count }),
  };
  return withBenchSite(site, (running) => {
    const spread = (wanted: number): string[] =>
      Array.from(
        { length: Math.min(wanted, count) },
        (_, i) => `many${Math.floor((i * count) / Math.min(wanted, count))}@${DOMAIN}`,
      );
    const what = `${formatNumber(count, 0)} accounts`;
    return measure(running, { what, recipients: spread(RECIPIENTS), probed: spread(PROBED), options, rareRounds: 0 });
  });
}

interface Scene {
  readonly what: string;
  readonly recipients: readonly string[];
  readonly probed: readonly string[];
  readonly options: RunOptions;
  readonly rareRounds: number;
}

async function measure(site: BenchSite, { what, recipients, probed, options, rareRounds }: Scene): Promise<Row> {
  const limit = options.isShort ? LIMIT_SHORT : LIMIT;
  const job = { path: site.socket('lmtp'), serverPid: site.postern.pid, limit };
  const dialogue = { kind: 'lmtp', recipients, messageBytes: MESSAGE_BYTES } as const;
  const name = what.replaceAll(/\W/g, '-');
  const deliver = (connections: number): Promise<LoadResult> =>
    runLoad({ ...job, connections, dialogue: { ...dialogue, runId: `${name}-${connections}` } });
  // First the one that has V8 compile everything.
  const many = await deliver(CONNECTIONS);
  const alone = await deliver(1);
  const probes = await runLoad({ ...job, connections: 1, dialogue: { kind: 'probe', recipients: probed } });
  const rare: number[] = [];
  for (let round = 0; round < rareRounds; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, RARE_PAUSE_MS));
    const load = { ...job, connections: 1, limit: { kind: 'requests', count: recipients.length } } as const;
    const { times } = await runLoad({ ...load, dialogue: { ...dialogue, runId: `${name}-rare${round}` } });
    rare.push(...times);
  }
  return { what, alone, many, probes, rare, notes: site.complaints() };
}

function report(rows: readonly Row[]): Report {
  const results = rows.flatMap(({ alone, many, probes }) => [alone, many, probes]);
  const table: Table = {
    head: [
      'size',
      'p50 ms',
      'p99 ms',
      'CPU ms each',
      'per second',
      'p50 ms',
      'p99 ms',
      'CPU ms each',
      'probe ms',
      'rare ms',
      'errors',
    ],
    rows: rows.map(({ what, alone, many, probes, rare }) => [
      what,
      formatNumber(alone.p50Ms, 3),
      formatNumber(alone.p99Ms, 3),
      formatNumber(alone.serverCpuUs / 1000, 3),
      formatNumber(many.rate, 0),
      formatNumber(many.p50Ms, 2),
      formatNumber(many.p99Ms, 2),
      formatNumber(many.serverCpuUs / 1000, 3),
      formatNumber(probes.p50Ms, 3),
      rare.length === 0 ? '-' : formatNumber(median(rare), 2),
      String(countErrors([alone, many, probes])),
    ]),
  };
  const slow = rows.filter(({ alone, many }) => Math.max(alone.serverCpuUs, many.serverCpuUs) > MAX_OWN_MS * 1000);
  return {
    tables: [table],
    notes: [
      'The first three columns are of one connection, the next four of twenty; the time includes what the disk takes',
      ...slow.map(({ what }) => `SLOW: ${what} takes Postern more than ${MAX_OWN_MS} ms itself`),
      ...describeErrors(results),
      ...new Set(rows.flatMap(({ notes }) => notes)),
    ],
    errorCount: countErrors(results),
  };
}

/** A Maildir with read messages, of which only the names are what they would be: nobody reads the files. */
function fillMaildir(maildir: string, count: number): void {
  for (const path of [dirname(dirname(maildir)), dirname(maildir), maildir]) makeOwn(path);
  for (const part of ['tmp', 'new', 'cur']) makeOwn(join(maildir, part));
  for (let i = 0; i < count; i += 1) {
    const name = `${1_700_000_000 + i}.M${i}P1.old,S=${MESSAGE_BYTES},W=${MESSAGE_BYTES + 60}:2,`;
    closeSync(openSync(join(maildir, 'cur', name), 'w', 0o600));
  }
}

function makeOwn(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  chownSync(path, MAIL_USER.uid, MAIL_USER.gid);
}
