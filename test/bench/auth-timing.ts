/**
 * RULES 40: does the time of a failed login tell anything? Known users with a wrong password, unknown users, suspended
 * accounts and accounts that need an app password (both with the right password), in an order of chance within each
 * round, each from a network of its own. Further known users with a wrong password are the control: what differs between
 * the two sets of them is noise.
 *
 * With `failure_delay = 0` every failure leaves at once, so neither the delay nor its half-second marks hide anything.
 * As shipped the delay is there too; then the failures of several Posterns wait side by side.
 */
import { makeAddresses, addAccounts, PASSWORD, withBenchSite, type BenchSite } from './bench-site.ts';
import { runLoad, type LoadResult } from './load.ts';
import type { Login, SaslSettings } from './sasl-dialogue.ts';
import { createRandom, shuffle } from './statistics.ts';
import type { Table } from './table.ts';
import { tabulateTimes, type KindOfTimes } from './timing-tables.ts';
import { countErrors, describeErrors, type Report, type Work } from './work.ts';

type Mechanism = SaslSettings['mechanism'];

/** Logins before the samples, with names of their own. */
const WARM_UP = 40;
const SEED = 40;
/** As long as the right one: some schemes take longer for longer passwords. */
const WRONG_PASSWORD = PASSWORD.replace('battery', 'buttery');

/** The stored passwords: what new ones are by default where it is fast, and what each challenge mechanism needs. */
const SCHEMES: Readonly<Record<Mechanism, string>> = {
  PLAIN: 'SHA512-CRYPT',
  'CRAM-MD5': 'CRAM-MD5',
  'SCRAM-SHA-256': 'SCRAM-SHA-256',
};

/** A kind of failed logins. Prefixes have the same length, so that all names have. */
interface Kind {
  readonly name: string;
  readonly prefix: string;
  readonly password: string;
  /** Undefined for users that do not exist. */
  readonly account: { readonly canLogin?: boolean; readonly appPasswordsRequired?: boolean } | undefined;
}

/** The first is what the others are compared with. */
const KINDS: readonly Kind[] = [
  { name: 'wrong password', prefix: 'w', password: WRONG_PASSWORD, account: {} },
  { name: 'unknown user', prefix: 'u', password: WRONG_PASSWORD, account: undefined },
  { name: 'suspended account', prefix: 's', password: PASSWORD, account: { canLogin: false } },
  { name: 'app password needed', prefix: 'a', password: PASSWORD, account: { appPasswordsRequired: true } },
  { name: 'control', prefix: 'c', password: WRONG_PASSWORD, account: {} },
];

interface Form {
  readonly mechanism: Mechanism;
  readonly delay: '0s' | 'as shipped';
  /** All kinds are asked for each of their names this often. */
  readonly passes: number;
  readonly names: number;
  /** Posterns side by side, and connections to each. */
  readonly sites: number;
  readonly connections: number;
}

const ALONE = { delay: '0s', passes: 5, names: 1000, sites: 1, connections: 1 } as const;
/** Only so many failures are held at once by one Postern (RULES 39), each for 2 s. */
const HELD = { delay: 'as shipped', passes: 5, names: 125, sites: 8, connections: 40 } as const;
const FORMS: readonly Form[] = [
  { mechanism: 'PLAIN', ...ALONE },
  { mechanism: 'SCRAM-SHA-256', ...ALONE },
  { mechanism: 'CRAM-MD5', ...ALONE },
  { mechanism: 'PLAIN', ...HELD },
];
const SHORT_FORMS: readonly Form[] = FORMS.map((form) => ({
  ...form,
  passes: 2,
  names: form.delay === '0s' ? 100 : 20,
  sites: 1,
}));

export const authTiming: Work = {
  name: 'auth-timing',
  about: `failed logins of ${KINDS.length} kinds, mixed: can they be told apart by their time?`,
  run: async ({ isShort }) => {
    const reports: Report[] = [];
    for (const form of isShort ? SHORT_FORMS : FORMS) reports.push(await runForm(form));
    return {
      tables: reports.flatMap(({ tables }) => tables),
      notes: reports.flatMap(({ notes }) => notes),
      errorCount: reports.reduce((sum, { errorCount }) => sum + errorCount, 0),
    };
  },
};

/** What one Postern gave. */
interface Measured {
  readonly samples: readonly Sample[];
  readonly result: LoadResult;
  readonly complaints: readonly string[];
}

interface Sample {
  readonly kind: Kind;
  readonly pass: number;
  readonly login: Login;
}

async function runForm(form: Form): Promise<Report> {
  const measured = await Promise.all(Array.from({ length: form.sites }, (_, i) => measureSite(form, SEED + i)));
  const results = measured.map(({ result }) => result);
  const errorCount = countErrors(results);
  const notes = measured.flatMap(({ complaints }) => complaints);
  // A login that went wrong has no time; what is left would still be compared, but somebody has to look first.
  if (errorCount > 0) return { tables: [], notes: [...describeErrors(results), ...notes], errorCount };
  return { tables: tabulate(form, measured), notes, errorCount };
}

function tabulate({ mechanism, delay, passes }: Form, measured: readonly Measured[]): Table[] {
  const title = `${mechanism}, failure_delay ${delay}`;
  const timesOf = (isWanted: (sample: Sample) => boolean): KindOfTimes[] =>
    KINDS.map((kind) => ({
      name: kind.name,
      times: measured.flatMap(({ samples, result }) =>
        result.times.filter((_, i) => {
          const sample = samples[(result.serials[i] ?? 0) - WARM_UP];
          return sample?.kind === kind && isWanted(sample);
        }),
      ),
    }));
  return [
    ...tabulateTimes(
      `${title}: the first of ${passes} logins of each name`,
      timesOf(({ pass }) => pass === 0),
    ),
    ...tabulateTimes(
      `${title}: all ${passes}`,
      timesOf(() => true),
    ),
  ];
}

function measureSite(form: Form, seed: number): Promise<Measured> {
  const { mechanism, delay, names } = form;
  const scheme = SCHEMES[mechanism];
  const auth = {
    mechanisms: mechanism.toLowerCase(),
    default_scheme: SCHEMES.PLAIN,
    ...(delay === '0s' ? { failure_delay: delay } : {}),
  };
  return withBenchSite(
    {
      settings: { auth },
      populate: async (admin, hash) => {
        const password = hash(PASSWORD, scheme);
        for (const { prefix, account } of KINDS) {
          if (account !== undefined) await addAccounts(admin, makeAddresses(prefix, names), { password, ...account });
        }
        await addAccounts(admin, makeAddresses('x', WARM_UP), { password });
      },
    },
    (site) => measure(site, form, orderSamples(form, seed)),
  );
}

async function measure(site: BenchSite, form: Form, samples: readonly Sample[]): Promise<Measured> {
  const warmUp = makeAddresses('x', WARM_UP).map((user) => failedLogin(user, WRONG_PASSWORD));
  const logins = [...warmUp, ...samples.map(({ login }) => login)];
  const result = await runLoad({
    path: site.socket('auth'),
    dialogue: { kind: 'sasl', mechanism: form.mechanism, logins, origin: 'many networks', isForgetful: true },
    connections: form.connections,
    limit: { kind: 'requests', count: logins.length },
  });
  return { samples, result, complaints: site.complaints() };
}

/** For each pass, rounds of one login of each kind, shuffled within the round: what drifts, drifts for all. */
function orderSamples({ passes, names }: Form, seed: number): Sample[] {
  const random = createRandom(seed);
  const columns = KINDS.map((kind) => ({ kind, users: makeAddresses(kind.prefix, names) }));
  const rounds = Array.from({ length: passes * names }, (_, round) => {
    const pass = Math.floor(round / names);
    return shuffle(
      columns.map(({ kind, users }) => ({
        kind,
        pass,
        login: failedLogin(users[round % names] ?? '', kind.password),
      })),
      random,
    );
  });
  return rounds.flat();
}

function failedLogin(user: string, password: string): Login {
  return { user, password, expected: 'FAIL' };
}
