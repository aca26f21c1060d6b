/**
 * AUTH PLAIN of known users over 50 connections, beside Dovecot with the same users in the same passwd-file, in turn. The
 * passwords are stored as PLAIN, which is what Dovecot is fastest with; Postern remembers good logins whatever the scheme.
 */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startDovecot } from '../support/dovecot.ts';
import { makeAddresses, PASSWORD, withBenchSite, type BenchSite } from './bench-site.ts';
import { runLoad, SHORT, type LoadJob, type LoadResult } from './load.ts';
import { median } from './statistics.ts';
import { formatNumber } from './table.ts';
import { reportRuns, type Report, type Run, type Work } from './work.ts';

const USERS = 10_000;
const CONNECTIONS = 50;
const ROUNDS = 3;
const NEEDS_ROOT = 'Without Dovecot: it starts only as root';

const users = makeAddresses('user', USERS);

export const authPlain: Work = {
  name: 'auth-plain',
  about: `AUTH PLAIN, known login, ${USERS} users in a passwd-file, ${CONNECTIONS} connections, beside Dovecot`,
  run: () =>
    withBenchSite(
      {
        prepare: (folder) => {
          const path = join(folder, 'users');
          writeFileSync(path, users.map((user) => `${user}:{PLAIN}${PASSWORD}::::::\n`).join(''));
          chmodSync(path, 0o644);
          const settings = { driver: 'passwd-file', path };
          return { 'passdb users': settings, 'userdb users': settings };
        },
      },
      measure,
    ),
};

async function measure(site: BenchSite): Promise<Report> {
  const postern = makeJob(site.socket('auth'), site.postern.pid);
  // The first login of each user compares the password; the measured ones are known.
  await runLoad({ ...postern, connections: 1, limit: { kind: 'requests', count: USERS } });
  if (process.getuid?.() !== 0) {
    const runs = [await run('Postern', postern), await run('Postern', postern)];
    return reportRuns(runs, [NEEDS_ROOT, ...site.complaints()]);
  }
  const socket = join(site.folder, 'dovecot-auth');
  const dovecot = await startDovecot({
    folder: join(site.folder, 'dovecot'),
    home: site.postern.home,
    auth: { socket, passwdFile: join(site.folder, 'users') },
  });
  try {
    const runs: Run[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      runs.push(await run('Postern', postern), await run('Dovecot', makeJob(socket, dovecot.pid)));
    }
    return reportRuns(runs, [...compareSides(runs), ...dovecot.complaints(), ...site.complaints()]);
  } finally {
    await dovecot.stop();
  }
}

async function run(side: string, job: LoadJob): Promise<Run> {
  return { side, result: await runLoad(job) };
}

function makeJob(path: string, serverPid: number): LoadJob {
  const logins = users.map((user) => ({ user, password: PASSWORD, expected: 'OK' as const }));
  return { path, dialogue: { kind: 'sasl', logins }, connections: CONNECTIONS, limit: SHORT, serverPid };
}

/** Each run of Postern against the one of Dovecot after it, so that a slow moment of the machine hits both. */
function compareSides(runs: readonly Run[]): string[] {
  const findRatios = (figure: (result: LoadResult) => number): number[] => {
    const of = (name: string): number[] => runs.filter(({ side }) => side === name).map(({ result }) => figure(result));
    const others = of('Dovecot');
    return of('Postern').map((value, i) => value / (others[i] ?? Number.NaN));
  };
  return [
    `Postern does ${describeRatios(findRatios(({ rate }) => rate))} x the logins of Dovecot`,
    `and takes ${describeRatios(findRatios(({ serverCpuUs }) => serverCpuUs))} x its CPU time for each`,
  ];
}

/** The middle one, and all of them as the spread. */
function describeRatios(ratios: readonly number[]): string {
  return `${formatNumber(median(ratios), 2)} (${ratios.map((ratio) => formatNumber(ratio, 2)).join(', ')})`;
}
