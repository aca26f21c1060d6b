/**
 * The same rules, mailboxes and messages for Postern and for a private Dovecot: usage as `doveadm quota get` shows it, and
 * the verdict on messages of sizes around each limit, through LMTP and through the policy services. Both must agree,
 * but where the table says that they differ and why.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Settings } from '../support/postern.ts';
import { QuotaPair, SIDES, type ShownUsage, type Side } from '../support/quota-pair.ts';
import { waitFor } from '../support/wait.ts';

/** Rules and a state of the mailbox. */
interface Case {
  readonly rules: readonly string[];
  /** Sizes of what is there, by folder; '' is the INBOX. */
  readonly holds?: Readonly<Record<string, readonly number[]>>;
  /** The mailbox that mail goes to; the INBOX when not given. */
  readonly to?: string;
  /** Sizes that fit and sizes that do not, as stored. */
  readonly fits: readonly number[];
  readonly refused: readonly number[];
  /** Why Dovecot takes what we refuse. */
  readonly dovecotTakes?: string;
}

const KIB = 1024;
const LIMIT = 100 * KIB;
const GRACE = LIMIT / 10;
const STORAGE = '*:storage=100K';
const HALF = LIMIT / 2;
const FULL = [40_000, 62_400];
const FEW = 2000;

const UNDER_GRACE: readonly Case[] = [
  { rules: ['*:storage=0'], holds: { '': FULL }, fits: [FEW, 3 * LIMIT], refused: [] },
  { rules: [STORAGE], fits: [FEW, LIMIT - 1, LIMIT, LIMIT + 1, LIMIT + GRACE], refused: [LIMIT + GRACE + 1] },
  { rules: [STORAGE], holds: { '': [HALF] }, fits: [HALF, HALF + GRACE], refused: [HALF + GRACE + 1, LIMIT + 1] },
  { rules: [STORAGE], holds: { '': [LIMIT - 1] }, fits: [FEW, 1 + GRACE], refused: [2 + GRACE] },
  { rules: [STORAGE], holds: { '': FULL }, fits: [], refused: [FEW, LIMIT + 1] },
  { rules: [STORAGE], holds: { '': [LIMIT + 500] }, fits: [], refused: [FEW] },
  { rules: ['*:storage=100'], holds: { '': [HALF] }, fits: [HALF + GRACE], refused: [HALF + GRACE + 1] },
  { rules: ['*:bytes=50000'], holds: { '': [20_000] }, fits: [30_000, 35_000], refused: [35_001] },
  { rules: ['*:messages=3'], holds: { '': [10, 20] }, fits: [FEW, LIMIT], refused: [] },
  { rules: ['*:messages=3'], holds: { '': [10, 20, 30] }, fits: [], refused: [FEW] },
  { rules: ['*:messages=3'], holds: { '': [10, 20], Sent: [30] }, fits: [], refused: [FEW] },
  {
    rules: ['*:storage=100K:messages=3'],
    holds: { '': [10, HALF] },
    fits: [FEW, HALF - 10 + GRACE],
    refused: [HALF - 9 + GRACE],
  },
  // What one layer says twice: the later counts.
  { rules: [STORAGE, '*:storage=50K'], fits: [HALF + GRACE / 2], refused: [HALF + GRACE / 2 + 1] },
  { rules: [STORAGE, '*:messages=2'], holds: { '': [10, 20] }, fits: [], refused: [FEW] },
  // More, or less, for a mailbox. The grace stays that of the account.
  { rules: [STORAGE, 'trash:storage=+10%'], holds: { '': FULL, trash: [] }, fits: [], refused: [FEW] },
  {
    rules: [STORAGE, 'trash:storage=+10%'],
    holds: { '': FULL, trash: [] },
    to: 'trash',
    fits: [FEW, GRACE, 2 * GRACE],
    refused: [2 * GRACE + 1],
  },
  {
    rules: [STORAGE, 'trash:storage=+20K'],
    holds: { '': FULL, trash: [] },
    to: 'trash',
    fits: [20 * KIB + GRACE],
    refused: [20 * KIB + GRACE + 1],
  },
  {
    rules: [STORAGE, 'junk:storage=-50%'],
    holds: { '': [HALF - 1000], junk: [] },
    to: 'junk',
    fits: [1000 + GRACE],
    refused: [1001 + GRACE],
    dovecotTakes:
      'it puts into the INBOX what a folder has no room for; a rule that allows a folder less is there to refuse',
  },
  {
    rules: [STORAGE, 'arch*:storage=+50%', 'archive:storage=+10%'],
    holds: { '': FULL, archive: [] },
    to: 'archive',
    fits: [HALF + GRACE],
    refused: [HALF + GRACE + 1],
  },
  {
    rules: ['*:messages=2', 'trash:messages=+100%'],
    holds: { '': [10, 20], trash: [30] },
    to: 'trash',
    fits: [FEW],
    refused: [],
  },
  {
    rules: ['*:messages=2', 'trash:messages=+100%'],
    holds: { '': [10, 20], trash: [30, 40] },
    to: 'trash',
    fits: [],
    refused: [FEW],
    dovecotTakes: 'its 2.3.19 sees no limit at all where one of messages changes by a share; +2 is a limit',
  },
  {
    rules: ['*:messages=2', 'trash:messages=+2'],
    holds: { '': [10, 20], trash: [30, 40] },
    to: 'trash',
    fits: [],
    refused: [FEW],
  },
  // A rule for a mailbox is nothing without one for the account.
  { rules: ['*:storage=0', 'trash:storage=+10K'], holds: { trash: FULL }, to: 'trash', fits: [LIMIT], refused: [] },
  // Neither counted nor limited.
  {
    rules: [STORAGE, 'spam:ignore'],
    holds: { '': [HALF], spam: FULL },
    fits: [HALF + GRACE],
    refused: [HALF + GRACE + 1],
  },
  { rules: [STORAGE, 'spam:ignore'], holds: { '': FULL, spam: [] }, to: 'spam', fits: [FEW, 2 * LIMIT], refused: [] },
  {
    rules: [STORAGE, 'sp*:ignore'],
    holds: { '': [10], 'spam.Old': FULL },
    fits: [LIMIT - 10 + GRACE],
    refused: [LIMIT - 9 + GRACE],
  },
  { rules: ['*:messages=2', 'spam:ignore'], holds: { '': [10], spam: [20, 30] }, fits: [FEW], refused: [] },
];

const MAX_MAIL = 30_000;
const FIXED_GRACE = 5000;

/** Grace as a size, and no message above one size. */
const UNDER_MAXIMUM: readonly Case[] = [
  { rules: ['*:storage=0'], fits: [MAX_MAIL - 1, MAX_MAIL], refused: [MAX_MAIL + 1] },
  { rules: [STORAGE], holds: { '': [LIMIT - 10_000] }, fits: [10_000 + FIXED_GRACE], refused: [10_001 + FIXED_GRACE] },
  { rules: [STORAGE], fits: [MAX_MAIL], refused: [MAX_MAIL + 1, 2 * LIMIT] },
  {
    rules: [STORAGE, 'spam:ignore'],
    holds: { '': FULL, spam: [] },
    to: 'spam',
    fits: [MAX_MAIL],
    refused: [MAX_MAIL + 1],
  },
];

const NO_GRACE: readonly Case[] = [
  { rules: [STORAGE], fits: [LIMIT - 1, LIMIT], refused: [LIMIT + 1] },
  { rules: [STORAGE], holds: { '': [HALF] }, fits: [HALF], refused: [HALF + 1, LIMIT + 1] },
  {
    rules: [STORAGE, 'trash:storage=+10%'],
    holds: { '': FULL, trash: [] },
    to: 'trash',
    fits: [GRACE],
    refused: [GRACE + 1],
  },
];

interface Setup {
  readonly name: string;
  readonly cases: readonly Case[];
  readonly plugin: string;
  readonly settings: Settings;
  readonly maxBytes?: number;
}

const SETUPS: readonly Setup[] = [
  { name: 'grace of 10 %, as both have it', cases: UNDER_GRACE, plugin: '', settings: {} },
  { name: 'no grace', cases: NO_GRACE, plugin: 'quota_grace = 0', settings: { quota: { grace: '0' } } },
  {
    name: 'grace as a size and a largest message',
    cases: UNDER_MAXIMUM,
    plugin: `quota_grace = ${FIXED_GRACE}B\n  quota_max_mail_size = ${MAX_MAIL}B`,
    settings: { quota: { grace: String(FIXED_GRACE), max_mail_size: String(MAX_MAIL) } },
    maxBytes: MAX_MAIL,
  },
];

/** One message to one user, who gets no other. */
interface Probe {
  readonly user: string;
  readonly one: Case;
  readonly size: number;
  readonly isFitting: boolean;
}

/** Every address has the same length: it is part of the headers. */
function listProbes(cases: readonly Case[]): Probe[] {
  return cases.flatMap((one, c) =>
    [...one.fits, ...one.refused].map((size, i) => {
      const user = `c${String(c).padStart(2, '0')}s${i}@example.test`;
      return { user, one, size, isFitting: i < one.fits.length };
    }),
  );
}

/**
 * What a verdict is about: with `quota = maildir` Dovecot charges what is stored, as we do, and yet judges what came in, with a
 * byte more for each line. So do not we: what is judged is what is charged.
 */
const JUDGED = { postern: 'S', dovecot: 'W' } as const;
/** Dovecot has the sender try again with what is larger than any message may be; for us that is as final as any size. */
const DOVECOT_PAST_MAXIMUM = 451;

const MEASURED = 'c99s9@example.test';
const FOLDERS = ['trash', 'junk', 'archive', 'spam'];

for (const { name, cases, plugin, settings, maxBytes = Infinity } of SETUPS) {
  describe(`quota beside Dovecot, ${name}`, () => {
    const probes = listProbes(cases);
    const differing = new Set(probes.filter(({ one }) => one.dovecotTakes !== undefined).map(({ user }) => user));
    let pair: QuotaPair;

    before(async () => {
      const users = new Map(probes.map(({ user, one }) => [user, one.rules]));
      pair = await QuotaPair.start({
        users: new Map([...users, [MEASURED, ['*:storage=0']]]),
        driver: 'maildir',
        plugin,
        settings,
      });
      for (const side of SIDES) {
        for (const { user, one } of probes) {
          for (const [folder, sizes] of Object.entries({ '': [], ...one.holds })) {
            pair.plant(side, user, { folder: folder === '' ? undefined : folder, sizes });
          }
        }
        for (const folder of [undefined, ...FOLDERS]) pair.plant(side, MEASURED, { folder, sizes: [] });
      }
    });
    after(() => pair.stop());

    test('usage is the same', () => {
      const [postern, dovecot] = SIDES.map((side) => pair.usage(side));
      assert.equal(postern?.size, probes.length + 1);
      assert.deepEqual(postern, dovecot);
    });

    test('the policy services give the same verdicts', async () => {
      const questions = probes.map(({ user, one, size }) => ({ to: addressOf(user, one), size }));
      const [postern = [], dovecot = []] = await Promise.all(SIDES.map((side) => pair.ask(side, questions)));
      for (const [i, { one, size, isFitting }] of probes.entries()) {
        const said = `${describeCase(one)}, ${size} bytes: ${postern[i]} and ${dovecot[i]}`;
        assert.equal(postern[i] === 'DUNNO', isFitting, said);
        // Dovecot looks at the INBOX whatever the detail says; we look where LMTP will put the message.
        if (one.to === undefined) assert.equal(dovecot[i] === 'DUNNO', isFitting, said);
      }
    });

    test('LMTP gives the same verdicts, for the same bytes stored', async () => {
      const overheads = await measureHeaders(pair);
      for (const { user, one, size, isFitting } of probes) {
        const codes: number[] = [];
        for (const side of SIDES) {
          const overhead = overheads[side].get(one.to) ?? Number.NaN;
          const code = await pair.deliver(side, addressOf(user, one), size - overhead);
          codes.push(code);
          if (code !== 250 || !isFitting) continue;
          const sizes = pair.deliveredSizes(side, user, { folder: one.to, letter: JUDGED[side] });
          assert.deepEqual(sizes, [size], `stored by ${side}: ${describeCase(one)}`);
        }
        const other = one.dovecotTakes === undefined ? 552 : 250;
        const refusal = [552, size > maxBytes ? DOVECOT_PAST_MAXIMUM : other];
        assert.deepEqual(codes, isFitting ? [250, 250] : refusal, `${describeCase(one)}, ${size} bytes`);
      }
    });

    test('usage is the same after that, but for the headers', async () => {
      const dovecot = pair.usage('dovecot');
      // Deliveries count at once where there is a limit, else within five seconds.
      await waitFor(
        'the same usage',
        () =>
          [...pair.usage('postern')].every(([user, usage]) => differing.has(user) || isAlike(usage, dovecot.get(user))),
        15_000,
      );
      pair.postern.assertQuiet();
    });
  });
}

function isAlike(one: ShownUsage, other: ShownUsage | undefined): boolean {
  return one.messages === other?.messages && Math.abs(one.kib - other.kib) <= 1;
}

function addressOf(user: string, { to }: Case): string {
  return to === undefined ? user : user.replace('@', `+${to}@`);
}

function describeCase({ rules, holds = {}, to = 'INBOX' }: Case): string {
  return `${rules.join(' ')} with ${JSON.stringify(holds)}, to ${to}`;
}

/** How many bytes each side puts before a message, by the mailbox that it goes to. */
async function measureHeaders(pair: QuotaPair): Promise<Record<Side, Map<string | undefined, number>>> {
  const bytes = 1000;
  // The number of the session is among our headers: from here on it has three digits.
  for (let i = 0; i < 100; i++) await pair.greet('postern');
  const measure = async (side: Side): Promise<Map<string | undefined, number>> => {
    const found = new Map<string | undefined, number>();
    for (const to of [undefined, ...FOLDERS]) {
      const one: Case = { rules: [], fits: [], refused: [], ...(to === undefined ? {} : { to }) };
      assert.equal(await pair.deliver(side, addressOf(MEASURED, one), bytes), 250, side);
      found.set(
        to,
        (pair.deliveredSizes(side, MEASURED, { folder: to, letter: JUDGED[side] })[0] ?? Number.NaN) - bytes,
      );
    }
    return found;
  };
  return { postern: await measure('postern'), dovecot: await measure('dovecot') };
}
