/**
 * Works about logins: one kind of load on Postern and on a private Dovecot in turn, with the same users in the same
 * passwd-file, so that a slow moment of the machine hits both. Without root there is no Dovecot and Postern runs alone.
 */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startDovecot } from '../support/dovecot.ts';
import type { ProbeReport } from '../support/probe.ts';
import type { Settings } from '../support/postern.ts';
import { measureHashThreads } from './hash-threads.ts';
import { makeAddresses, PASSWORD, withBenchSite, type BenchSite, type HashPassword } from './bench-site.ts';
import { compareSides, describeRatios } from './comparison.ts';
import { runLoad, SHORT, type LoadJob, type LoadLimit } from './load.ts';
import type { Login, SaslSettings } from './sasl-dialogue.ts';
import { formatNumber } from './table.ts';
import { reportRuns, type Report, type Run, type RunOptions, type Work } from './work.ts';

export interface BesideOptions {
  readonly name: string;
  readonly about: string;
  readonly users: number;
  /** The stored password of all users. */
  readonly store: (hash: HashPassword) => string;
  readonly mechanism: SaslSettings['mechanism'];
  /** What is asked, given the users of the file. */
  readonly makeLogins?: (users: readonly string[]) => readonly Login[];
  readonly origin?: SaslSettings['origin'];
  /** Each user logs in once before anything is measured. */
  readonly knowsUsers?: boolean;
  readonly settings?: Settings;
  /** Lines of dovecot.conf. */
  readonly dovecot?: string;
  /** How long each side is asked; the usual two seconds when not given. */
  readonly limit?: LoadLimit;
  /** Says what the cores can hash, in the same round. */
  readonly knowsCeiling?: boolean;
  /** Says how long the event loop was held up meanwhile. */
  readonly watchesLoop?: boolean;
}

const CONNECTIONS = 50;
const ROUNDS = 3;
const NEEDS_ROOT = 'Without Dovecot: it starts only as root';
const USERS_FILE = 'users';
const CORES = { warmUpMs: 300, measureMs: 3000 };
/** DESIGN 1.4. */
const MAX_DELAY_MS = 20;

/** Logins of these users with their own password. */
export function rightLogins(users: readonly string[]): Login[] {
  return users.map((user) => ({ user, password: PASSWORD, expected: 'OK' }));
}

/** Makes the work. */
export function createBesideWork(options: BesideOptions): Work {
  const { name, about, users: count, store, settings, watchesLoop } = options;
  const users = makeAddresses('user', count);
  const site = {
    settings: settings ?? {},
    prepare: ({ folder, hash }: { readonly folder: string; readonly hash: HashPassword }): Settings => {
      const path = join(folder, USERS_FILE);
      const stored = store(hash);
      writeFileSync(path, users.map((user) => `${user}:${stored}::::::\n`).join(''));
      chmodSync(path, 0o644);
      const driver = { driver: 'passwd-file', path };
      return { 'passdb users': driver, 'userdb users': driver };
    },
  };
  return {
    name,
    about: `${about}, ${formatNumber(count, 0)} users in a passwd-file, ${CONNECTIONS} connections, beside Dovecot`,
    run: async ({ isShort }: RunOptions) => {
      const measured = { ...options, rounds: isShort ? 1 : ROUNDS, names: users };
      const report = await withBenchSite({ ...site, hasProbe: false }, (opened) => measure(opened, measured));
      if (watchesLoop !== true) return report;
      const delays = await withBenchSite({ ...site, hasProbe: true }, (opened) => watchLoop(opened, measured));
      return { ...report, notes: [...report.notes, delays] };
    },
  };
}

type Measured = BesideOptions & { readonly rounds: number; readonly names: readonly string[] };

async function measure(site: BenchSite, options: Measured): Promise<Report> {
  const { rounds, names } = options;
  const postern = makeJob(options, { path: site.socket('auth'), serverPid: site.postern.pid });
  if (options.knowsUsers === true) {
    await runLoad({ ...postern, connections: 1, limit: { kind: 'requests', count: names.length } });
  }
  const runPostern = async (): Promise<Run> => ({ side: 'Postern', result: await runLoad(postern) });
  if (process.getuid?.() !== 0) {
    const runs: Run[] = [];
    for (let round = 0; round < rounds; round++) runs.push(await runPostern());
    return reportRuns(runs, [NEEDS_ROOT, ...site.complaints()]);
  }
  const socket = join(site.folder, 'dovecot-auth');
  const dovecot = await startDovecot({
    folder: join(site.folder, 'dovecot'),
    home: site.postern.home,
    auth: { socket, passwdFile: join(site.folder, USERS_FILE), settings: options.dovecot ?? '' },
  });
  try {
    const runs: Run[] = [];
    const ceilings: number[] = [];
    const other = makeJob(options, { path: socket, serverPid: dovecot.pid });
    for (let round = 0; round < rounds; round++) {
      runs.push(await runPostern(), { side: 'Dovecot', result: await runLoad(other) });
      if (options.knowsCeiling === true) ceilings.push(await measureCores(site));
    }
    const notes = [
      ...compareSides(runs, 'logins'),
      ...(ceilings.length === 0 ? [] : [describeCeiling(runs, ceilings)]),
      ...dovecot.complaints(),
      ...site.complaints(),
    ];
    return reportRuns(runs, notes);
  } finally {
    await dovecot.stop();
  }
}

/** A run of its own: a timer a thousand times a second takes part of what is measured beside Dovecot. */
async function watchLoop(site: BenchSite, options: Measured): Promise<string> {
  if (site.probe === undefined) throw new Error('Cannot watch the event loop: the site has no probe');
  await site.probe.read();
  await runLoad(makeJob(options, { path: site.socket('auth'), serverPid: site.postern.pid }));
  return describeDelay(await site.probe.read());
}

function makeJob(options: Measured, server: { readonly path: string; readonly serverPid: number }): LoadJob {
  const { mechanism, makeLogins = rightLogins, origin = 'one client', limit = SHORT, names } = options;
  const dialogue = { kind: 'sasl', mechanism, logins: makeLogins(names), origin } as const;
  return { ...server, dialogue, connections: CONNECTIONS, limit };
}

/** All users have one stored password. */
function measureCores(site: BenchSite): Promise<number> {
  const [, stored = ''] = readFileSync(join(site.folder, USERS_FILE), 'utf8').split(':');
  return measureHashThreads({ password: PASSWORD, stored, ...CORES });
}

function describeCeiling(runs: readonly Run[], ceilings: readonly number[]): string {
  const shares = (side: string): string => {
    const rates = runs.filter((run) => run.side === side).map(({ result }) => result.rate);
    return describeRatios(rates.map((rate, i) => rate / (ceilings[i] ?? Number.NaN)));
  };
  const rates = ceilings.map((rate) => formatNumber(rate, 0)).join(', ');
  return `All cores alone hash ${rates} a second: Postern does ${shares('Postern')} of it, Dovecot ${shares('Dovecot')}`;
}

function describeDelay({ delayP50Ms, delayP99Ms, delayMaxMs }: ProbeReport): string {
  const figures = [delayP50Ms, delayP99Ms, delayMaxMs].map((ms) => formatNumber(ms, 2));
  const isLate = delayP99Ms > MAX_DELAY_MS ? `: OVER ${MAX_DELAY_MS}` : '';
  return `Postern's event loop was held up p50 ${figures[0]}, p99 ${figures[1]}, most ${figures[2]} ms${isLate}`;
}
