/** Penalties through a real Postfix: who guesses is slowed, nobody is locked out, and kill -9 forgets ten seconds at most. */
import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { addAccount, openSubmission, PASSWORD, startSite, type MailSite } from '../support/mail-site.ts';
import { waitFor } from '../support/wait.ts';

const BOB = 'bob@example.test';
const ANNA = 'anna@example.test';
const CARL = 'carl@example.test';
const HOME = '192.0.2.7';
const GUESSER = '203.0.113.66';
/** Saved every 10 s; the rest is for a busy machine. */
const SAVED_WITHIN_MS = 14_000;
/** A login that nobody slows, with ARGON2ID and on a busy machine. */
const QUICK_MS = 2500;
const SETTINGS = { auth: { failure_delay: '0s' } };

interface Row {
  readonly network?: string;
  readonly user?: string;
  readonly failures: number;
  readonly delayMs: number;
  readonly goodUntil?: string;
}

describe('penalties through Postfix', () => {
  let site: MailSite;

  before(async () => {
    site = await startSite({
      settings: SETTINGS,
      populate: (postern) => {
        postern.run(['domain', 'add', 'example.test']);
        for (const address of [BOB, ANNA, CARL]) addAccount(postern, address);
      },
    });
  });
  after(() => site.stop());

  /** One login in a session of its own. */
  async function login(user: string, password: string, address: string): Promise<{ code: number; ms: number }> {
    const client = await openSubmission(site, address);
    const startedAt = performance.now();
    const { code } = await client.authPlain(user, password);
    const ms = performance.now() - startedAt;
    await client.quit();
    return { code, ms };
  }

  function list(...args: string[]): Row[] {
    const rows: Row[] = JSON.parse(site.postern.run(['auth', 'penalties', '--json', ...args]));
    return rows;
  }

  function readLimits(): Readonly<Record<string, unknown>> {
    const status: { limits: Readonly<Record<string, unknown>> } = JSON.parse(site.postern.run(['status', '--json']));
    return status.limits;
  }

  async function guess(user: string, address: string, count: number): Promise<number[]> {
    const client = await openSubmission(site, address);
    const times: number[] = [];
    for (let i = 0; i < count; i++) {
      const startedAt = performance.now();
      assert.equal((await client.authPlain(user, `guess ${i} from ${address}`)).code, 535);
      times.push(performance.now() - startedAt);
    }
    await client.quit();
    return times;
  }

  test('RULES 39: a user is never locked out by the guesses of others, near or far', async () => {
    assert.equal((await login(BOB, PASSWORD, HOME)).code, 235);
    const times = await guess(BOB, GUESSER, 7);
    for (const [i, leastMs] of [0, 0, 0, 0, 999, 1999, 3999].entries()) {
      assert.ok((times[i] ?? 0) >= leastMs, `guess ${i}: ${times.map(Math.round).join(' ')} ms`);
    }
    await Promise.all(Array.from({ length: 14 }, (_, i) => guess(BOB, `10.9.${i}.1`, 1)));

    const known = await login(BOB, PASSWORD, '192.0.2.8');
    assert.equal(known.code, 235);
    assert.ok(known.ms < QUICK_MS, `${known.ms} ms`);
    const [fresh, among] = await Promise.all([
      login(BOB, PASSWORD, '198.51.100.7'),
      login(BOB, PASSWORD, '203.0.113.99'),
    ]);
    assert.deepEqual([fresh.code, among.code], [235, 235]);
    assert.ok(fresh.ms >= 999 && fresh.ms < 4000 + QUICK_MS, `${fresh.ms} ms`);
    assert.ok(among.ms >= 5999 && among.ms < 8000, `${among.ms} ms`);
    assert.ok((await login(BOB, PASSWORD, '203.0.113.99')).ms < QUICK_MS, 'from now on they are known there');
  });

  test('a phone with the old password slows nobody, however often it tries', async () => {
    const phone = await openSubmission(site, '192.0.2.50');
    for (let i = 0; i < 30; i++) {
      const startedAt = performance.now();
      assert.equal((await phone.authPlain(ANNA, 'the old password')).code, 535);
      assert.ok(performance.now() - startedAt < QUICK_MS);
    }
    await phone.quit();
    assert.ok((await login(ANNA, PASSWORD, '192.0.2.50')).ms < QUICK_MS);
    assert.ok(Number(readLimits()['repeatedPasswords']) >= 29);
  });

  test('RULES 42: penalties are listed, counted and cleared', async () => {
    await guess(CARL, GUESSER, 4);
    const row = list().find(({ user, network }) => user === CARL && network === '203.0.113.0/24');
    assert.deepEqual([row?.failures, row?.delayMs, row?.goodUntil], [4, 1000, undefined]);
    assert.match(site.postern.run(['auth', 'penalties']), /^203\.0\.113\.0\/24 +carl@example\.test +4 +1 s +\d{4}-/m);
    const [known] = list(BOB).filter(({ network }) => network === '192.0.2.0/24');
    assert.ok(Date.parse(known?.goodUntil ?? '') > Date.now() + 29 * 86_400_000);
    assert.ok(Number(readLimits()['penalisedPairs']) >= 1);

    const line = site.postern.of('auth.penalty').find(({ user }) => user === `"${CARL}"`);
    assert.deepEqual([line?.['network'], line?.['remote'], line?.['delayMs']], ['203.0.113.0/24', GUESSER, 1000]);

    assert.match(site.postern.run(['auth', 'penalties', '--clear', CARL]), /^Cleared 2 entries\n$/);
    assert.deepEqual(list(CARL), []);
    assert.match(site.postern.run(['auth', 'penalties', '--clear', GUESSER]), /^Cleared \d+ entr(y|ies)\n$/);
    site.postern.run(['auth', 'penalties', '--clear', 'all']);
    assert.equal(site.postern.run(['auth', 'penalties']), '');
    assert.ok(
      list(BOB).some(({ network }) => network === '192.0.2.0/24'),
      'where a user is known stays',
    );
  });

  test('RULES 39: kill -9 forgets no more than the last ten seconds, a stop nothing', async () => {
    await guess(CARL, GUESSER, 5);
    const guessedAt = Date.now();
    const file = join(site.folder, 'postern', 'penalties');
    await waitFor('penalties to be saved', () => statSync(file).mtimeMs > guessedAt, SAVED_WITHIN_MS);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    await site.postern.kill();
    await site.postern.start();
    const row = list(CARL).find(({ network }) => network === '203.0.113.0/24');
    assert.deepEqual([row?.failures, row?.delayMs], [5, 2000]);
    assert.ok(list(BOB).some(({ network, goodUntil }) => network === '192.0.2.0/24' && goodUntil !== undefined));
    const right = await login(CARL, PASSWORD, GUESSER);
    assert.equal(right.code, 235);
    assert.ok(right.ms >= 1999, `${right.ms} ms`);

    await guess(ANNA, GUESSER, 5);
    await site.postern.stop();
    await site.postern.start();
    assert.deepEqual(
      list()
        .filter(({ user }) => user === ANNA)
        .map(({ delayMs }) => delayMs),
      [2000],
    );
  });

  test('a damaged file costs a line in the log, and penalties can be turned off', async () => {
    await site.postern.stop();
    const file = join(site.folder, 'postern', 'penalties');
    writeFileSync(file, readFileSync(file, 'utf8').slice(0, -9));
    await site.postern.start();
    assert.equal(site.postern.of('auth.penalties-fault').length, 1);
    assert.deepEqual(list(), []);
    assert.equal((await login(BOB, PASSWORD, HOME)).code, 235);

    await site.postern.stop();
    site.postern.configure({ auth: { ...SETTINGS.auth, penalties: 'no' } });
    await site.postern.start();
    for (const ms of await guess(CARL, GUESSER, 12)) assert.ok(ms < QUICK_MS, `${ms} ms`);
    const refused = site.postern.tryRun(['auth', 'penalties']);
    assert.equal(refused.status, 77);
    assert.match(refused.stderr, /penalties = no/);
  });

  test('nothing unexpected is logged', () => {
    site.postern.assertQuiet(['auth.penalties-fault']);
    assert.equal(site.postern.of('auth.penalties-fault').length, 1);
  });
});
