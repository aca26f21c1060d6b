/**
 * A flood of wrong logins: 100 a second for five minutes, from 100 /24 networks, at users that exist and at some that do
 * not, each with a password of its own, and SHA512-CRYPT to pay for each. Meanwhile people log in: in a network where they
 * are known, in one that is new, and in one of those that guess. The first two are to be answered within a second; the
 * others may have to wait, and get in.
 */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeAddresses, PASSWORD, withBenchSite, type BenchSite } from './bench-site.ts';
import { PacedLogins, type LoginEnd, type PacedLogin } from './paced-logins.ts';
import { createRandom, quantile } from './statistics.ts';
import { formatNumber, type Table } from './table.ts';
import type { Report, Work } from './work.ts';

const USERS = 10_000;
const KNOWN_USERS = 50;
const NETWORKS = 100;
const WRONG_A_SECOND = 100;
const GOOD_A_SECOND = 10;
const FLOOD_MS = 300_000;
const SHORT_FLOOD_MS = 15_000;
/** The figure to reach. */
const GOOD_LIMIT_MS = 1000;
/** RULES 19: Postfix gives up at 10 s. */
const ANY_LIMIT_MS = 8000;
const SECOND_MS = 1000;
const SEED = 39;

const users = makeAddresses('user', USERS);

/** Everything that ended, by who asked. */
interface Outcomes {
  readonly wrong: LoginEnd[];
  readonly known: LoginEnd[];
  readonly fresh: LoginEnd[];
  readonly caught: LoginEnd[];
}

type Kind = keyof Outcomes;

const TITLES: Readonly<Record<Kind, string>> = {
  wrong: 'wrong passwords',
  known: 'good, known network',
  fresh: 'good, new network',
  caught: 'good, new, in a guessing network',
};

export const authFlood: Work = {
  name: 'auth-flood',
  about: `${WRONG_A_SECOND} wrong logins a second, SHA512-CRYPT, from ${NETWORKS} /24 networks, no cache, and good ones beside`,
  run: ({ isShort }) =>
    withBenchSite(
      {
        settings: { auth: { cache_size: '0', default_scheme: 'SHA512-CRYPT' } },
        hasProbe: true,
        prepare: ({ folder, hash }) => {
          const path = join(folder, 'users');
          const stored = hash(PASSWORD, 'SHA512-CRYPT');
          writeFileSync(path, users.map((user) => `${user}:${stored}::::::\n`).join(''));
          chmodSync(path, 0o644);
          const driver = { driver: 'passwd-file', path };
          return { 'passdb users': driver, 'userdb users': driver };
        },
      },
      (site) => measure(site, isShort ? SHORT_FLOOD_MS : FLOOD_MS),
    ),
};

async function measure(site: BenchSite, floodMs: number): Promise<Report> {
  const logins = new PacedLogins(site.socket('auth'));
  try {
    for (let i = 0; i < KNOWN_USERS; i++) await logins.login(knownLogin(i));
    await site.probe?.read();
    const outcomes = await flood(logins, floodMs);
    const delay = await site.probe?.read();
    const figures = [delay?.delayP50Ms, delay?.delayP99Ms, delay?.delayMaxMs].map((ms) => formatNumber(ms ?? NaN, 2));
    const faults = findFaults(outcomes);
    return {
      tables: [tabulate(outcomes, floodMs)],
      notes: [
        `Postern's event loop was held up p50 ${figures[0]}, p99 ${figures[1]}, most ${figures[2]} ms`,
        `${logins.mostConnections} connections at most; ${describeLimits(site)}`,
        ...faults,
        ...site.complaints(),
      ],
      errorCount: faults.length,
    };
  } finally {
    logins.close();
  }
}

/** Everybody at their pace until the time is over, then waits for what is still out. */
async function flood(logins: PacedLogins, floodMs: number): Promise<Outcomes> {
  const random = createRandom(SEED);
  const outcomes: Outcomes = { wrong: [], known: [], fresh: [], caught: [] };
  const pending = new Set<Promise<void>>();
  const answer = async (kind: Kind, login: PacedLogin): Promise<void> => {
    outcomes[kind].push(await logins.login(login));
  };
  const ask = (kind: Kind, login: PacedLogin): void => {
    const ended: Promise<void> = answer(kind, login).finally(() => pending.delete(ended));
    pending.add(ended);
  };
  const pick = (): string => users[Math.floor(random() * USERS)] ?? '';
  const sequences = [
    startSequence(WRONG_A_SECOND, (i) => {
      const user = i % 2 === 0 ? pick() : `no${pick()}`;
      ask('wrong', { user, password: `guess ${i}`, remoteAddress: `20.0.${i % NETWORKS}.${i & 127}` });
    }),
    startSequence(GOOD_A_SECOND, (i) => ask('known', knownLogin(i))),
    startSequence(GOOD_A_SECOND, (i) =>
      ask('fresh', { user: pick(), password: PASSWORD, remoteAddress: `30.${i >> 8}.${i & 255}.1` }),
    ),
    startSequence(1, (i) =>
      ask('caught', { user: pick(), password: PASSWORD, remoteAddress: `20.0.${i % NETWORKS}.200` }),
    ),
  ];
  await new Promise((resolve) => setTimeout(resolve, floodMs));
  for (const stop of sequences) stop();
  await Promise.all(pending);
  return outcomes;
}

function knownLogin(i: number): PacedLogin {
  const place = i % KNOWN_USERS;
  return { user: users[place] ?? '', password: PASSWORD, remoteAddress: `10.0.${place}.7` };
}

/** Calls `act` with 0, 1, 2 … so many times a second, and catches up when a timer was late; returns how to end it. */
function startSequence(aSecond: number, act: (serial: number) => void): () => void {
  const startedAt = performance.now();
  let serial = 0;
  const timer = setInterval(
    () => {
      const due = ((performance.now() - startedAt) / SECOND_MS) * aSecond;
      while (serial < due) {
        act(serial);
        serial += 1;
      }
    },
    SECOND_MS / aSecond / 2,
  );
  return () => clearInterval(timer);
}

function tabulate(outcomes: Outcomes, floodMs: number): Table {
  return {
    head: ['logins', 'per second', 'p50 ms', 'p99 ms', 'most ms', 'OK', 'FAIL', 'closed'],
    rows: listKinds(outcomes).map(([kind, ends]) => {
      const times = ends.map(({ ms }) => ms);
      const figures = [quantile(times, 0.5), quantile(times, 0.99), Math.max(...times)];
      const counts = (['OK', 'FAIL', 'closed'] as const).map((end) => ends.filter((one) => one.kind === end).length);
      const rate = formatNumber((ends.length * SECOND_MS) / floodMs, 1);
      return [TITLES[kind], rate, ...figures.map((ms) => formatNumber(ms, 1)), ...counts.map(String)];
    }),
  };
}

/** What was not as it has to be, one note each. Who guesses, or comes from where somebody does, may be told to come later. */
function findFaults(outcomes: Outcomes): string[] {
  return listKinds(outcomes).flatMap(([kind, ends]) => {
    const wrong = ends.filter((end) => !ALLOWED[kind].includes(end.kind)).length;
    const late = ends.filter(({ ms }) => ms > LIMITS_MS[kind]).length;
    return [
      ...(wrong === 0 ? [] : [`FAULT: ${TITLES[kind]}: ${wrong} not answered ${ALLOWED[kind].join(' or ')}`]),
      ...(late === 0 ? [] : [`FAULT: ${TITLES[kind]}: ${late} answered after ${LIMITS_MS[kind]} ms`]),
    ];
  });
}

const ALLOWED: Readonly<Record<Kind, readonly LoginEnd['kind'][]>> = {
  wrong: ['FAIL', 'closed'],
  known: ['OK'],
  fresh: ['OK'],
  caught: ['OK', 'closed'],
};

const LIMITS_MS: Readonly<Record<Kind, number>> = {
  wrong: ANY_LIMIT_MS,
  known: GOOD_LIMIT_MS,
  fresh: GOOD_LIMIT_MS,
  caught: ANY_LIMIT_MS,
};

function listKinds(outcomes: Outcomes): [Kind, LoginEnd[]][] {
  return (['wrong', 'known', 'fresh', 'caught'] as const).map((kind) => [kind, outcomes[kind]]);
}

function describeLimits(site: BenchSite): string {
  const { limits }: { limits: Readonly<Record<string, unknown>> } = JSON.parse(site.postern.run(['status', '--json']));
  return Object.entries(limits)
    .map(([name, value]) => `${name} ${String(value)}`)
    .join(', ');
}
