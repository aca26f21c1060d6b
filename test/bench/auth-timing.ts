/**
 * RULES 40: does the time of a failed login tell whether the user exists? One connection asks, one login after the other,
 * for unknown users, known ones with a wrong password, and suspended ones with the right password, in an order of
 * chance within each round. `failure_delay = 0` sends every failure at once, so neither the delay nor its half-second
 * marks hide anything.
 *
 * Further known users with a wrong password are the control: what differs between the two sets of them is noise.
 */
import { makeAddresses, addAccounts, PASSWORD, withBenchSite, type BenchSite } from './bench-site.ts';
import type { Login } from './sasl-dialogue.ts';
import { runLoad } from './load.ts';
import { compareQuantiles, compareRanks, createRandom, mean, median, quantile, shuffle } from './statistics.ts';
import { formatNumber, formatSigned, type Table } from './table.ts';
import { countErrors, describeErrors, type Report, type Work } from './work.ts';

/** The fastest of the schemes that Postern makes new passwords with: more samples, and differences weigh more. */
const SCHEME = 'SHA512-CRYPT';
const NAMES = 600;
const PASSES = ['the first login of each name', 'the second'] as const;
/** Logins before the samples, with names of their own. */
const WARM_UP = 40;
const SEED = 40;
/** As long as the right one: some schemes take longer for longer passwords. */
const WRONG_PASSWORD = PASSWORD.replace('battery', 'buttery');
/** A difference is called one below this chance of being none. */
const SIGNIFICANT = 0.001;
/** Waiting for a core only ever adds time, so the fast tail is where a small difference shows first. */
const FAST = 0.1;
const MS_TO_US = 1000;

const KINDS = ['wrong password', 'unknown user', 'suspended account', 'control'] as const;
type Kind = (typeof KINDS)[number];

/** Prefixes have the same length, so that all names have. */
const PREFIXES: Readonly<Record<Kind, string>> = {
  'wrong password': 'w',
  'unknown user': 'u',
  'suspended account': 's',
  control: 'c',
};

interface Sample {
  readonly kind: Kind;
  readonly login: Login;
}

export const authTiming: Work = {
  name: 'auth-timing',
  about: `failed logins one by one, ${SCHEME}, failure_delay 0: can they be told apart by their time?`,
  run: () =>
    withBenchSite(
      {
        settings: { auth: { default_scheme: SCHEME, failure_delay: '0s' } },
        populate: async (admin, hash) => {
          const password = hash(PASSWORD, SCHEME);
          for (const kind of KINDS) {
            if (kind === 'unknown user') continue;
            const canLogin = kind !== 'suspended account';
            await addAccounts(admin, namesOf(kind), { password, canLogin });
          }
          await addAccounts(admin, makeAddresses('x', WARM_UP), { password });
        },
      },
      measure,
    ),
};

async function measure(site: BenchSite): Promise<Report> {
  const warmUp = makeAddresses('x', WARM_UP).map((user) => failedLogin(user, WRONG_PASSWORD));
  const passes = orderSamples();
  const samples = passes.flat();
  const logins = [...warmUp, ...samples.map(({ login }) => login)];
  const result = await runLoad({
    path: site.socket('auth'),
    dialogue: { kind: 'sasl', mechanism: 'PLAIN', logins, origin: 'many networks' },
    connections: 1,
    limit: { kind: 'requests', count: logins.length },
  });
  const errorCount = countErrors([result]);
  // A missing time would give all after it to the wrong kind.
  if (errorCount > 0) return { tables: [], notes: [...describeErrors([result]), ...site.complaints()], errorCount };
  const times = result.times.slice(WARM_UP);
  const size = samples.length / PASSES.length;
  return {
    tables: passes.flatMap((pass, i) => tabulatePass(pass, times.slice(i * size, (i + 1) * size), PASSES[i] ?? '')),
    notes: site.complaints(),
    errorCount,
  };
}

function namesOf(kind: Kind): string[] {
  return makeAddresses(PREFIXES[kind], NAMES);
}

function failedLogin(user: string, password: string): Login {
  return { user, password, expected: 'FAIL' };
}

/** For each pass, rounds of one login of each kind, shuffled within the round: what drifts, drifts for all. */
function orderSamples(): Sample[][] {
  const random = createRandom(SEED);
  const columns = KINDS.map((kind) => ({ kind, names: namesOf(kind) }));
  return PASSES.map(() =>
    Array.from({ length: NAMES }, (_, round) =>
      shuffle(
        columns.map(({ kind, names }) => {
          const password = kind === 'suspended account' ? PASSWORD : WRONG_PASSWORD;
          return { kind, login: failedLogin(names[round] ?? '', password) };
        }),
        random,
      ),
    ).flat(),
  );
}

function tabulatePass(samples: readonly Sample[], times: readonly number[], title: string): Table[] {
  const timesOf = (kind: Kind): number[] =>
    samples.flatMap((sample, i) => (sample.kind === kind ? [(times[i] ?? Number.NaN) * MS_TO_US] : []));
  const reference = timesOf('wrong password');
  return [
    {
      head: [`${title}, us`, 'logins', 'fastest 10 %', 'median', 'mean', 'p99'],
      rows: KINDS.map((kind) => {
        const own = timesOf(kind);
        const figures = [quantile(own, FAST), median(own), mean(own), quantile(own, 0.99)];
        return [kind, String(own.length), ...figures.map((figure) => formatNumber(figure, 1))];
      }),
    },
    {
      head: ['minus wrong password, us', 'fastest 10 %', '99 % within', 'median', '99 % within', 'rank-sum p', ''],
      rows: KINDS.slice(1).map((kind) => [kind, ...compare(timesOf(kind), reference)]),
    },
  ];
}

/** How a kind differs from a wrong password: figures, and what to make of them. */
function compare(own: readonly number[], reference: readonly number[]): string[] {
  const differences = [FAST, 0.5].map((share) => compareQuantiles(own, reference, share));
  const { p } = compareRanks(own, reference);
  const isClear = differences.some(({ low, high }) => low > 0 || high < 0);
  return [
    ...differences.flatMap(({ estimate, low, high }) => [
      formatSigned(estimate, 1),
      `${formatSigned(low, 1)} .. ${formatSigned(high, 1)}`,
    ]),
    p < SIGNIFICANT ? `< ${SIGNIFICANT}` : p.toFixed(3),
    p < SIGNIFICANT ? 'DIFFERENT' : isClear ? 'look again' : 'no difference seen',
  ];
}
