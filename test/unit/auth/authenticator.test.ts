import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Hasher, HashVerdict } from '../../../src/auth/hasher.ts';
import type { LoginContext, LoginOutcome } from '../../../src/auth/login.ts';
import { CollectingLogger } from '../../support/collecting-logger.ts';
import { createLoginCore, stepOf, type LoginCoreOptions } from '../../support/login-core.ts';
import { MemoryPassdb } from '../../support/memory-passdb.ts';

/** Compares plainly and writes down what it was asked, so that its cost can be seen. */
class CountingHasher implements Hasher {
  readonly verified: string[] = [];
  spentCount = 0;
  /** Set it and every answer is this. */
  verdict: HashVerdict | undefined;

  async verify(password: Buffer, stored: string): Promise<HashVerdict> {
    this.verified.push(stored);
    return this.verdict ?? (stored === `{PLAIN}${password.toString()}` ? 'match' : 'mismatch');
  }
  async spend(): Promise<HashVerdict> {
    this.spentCount += 1;
    return this.verdict ?? 'mismatch';
  }
  async hash(password: Buffer): Promise<string> {
    return `{PLAIN}${password.toString()}`;
  }
  deriveScram(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
}

const CONTEXT: LoginContext = {
  service: 'smtp',
  mechanism: 'PLAIN',
  remoteAddress: '198.51.100.7',
  localAddress: '192.0.2.1',
  isSecured: true,
};
const BOB = 'bob@example.com';

function setUp(options: Partial<LoginCoreOptions> = {}): {
  passdb: MemoryPassdb;
  hasher: CountingHasher;
  logger: CollectingLogger;
  clock: { time: number; now: () => number };
  login: (username: string, password: string, context?: Partial<LoginContext>) => Promise<LoginOutcome>;
} {
  const passdb = new MemoryPassdb('local');
  passdb.set(BOB, '{PLAIN}secret');
  const hasher = new CountingHasher();
  const logger = new CollectingLogger();
  const clock = { time: 0, now: (): number => clock.time };
  const authenticator = createLoginCore({ steps: [stepOf(passdb)], hasher, logger, clock, ...options });
  return {
    passdb,
    hasher,
    logger,
    clock,
    login: (username, password, context = {}) =>
      authenticator.verify({ username, password: Buffer.from(password) }, { ...CONTEXT, ...context }),
  };
}

const ACCEPTED: LoginOutcome = { kind: 'accepted', user: BOB, isCached: false, passdb: 'local' };
const CACHED: LoginOutcome = { ...ACCEPTED, isCached: true };
const WRONG: LoginOutcome = { kind: 'rejected', reason: 'wrong-password', user: BOB };

describe('PasswordAuthenticator', () => {
  it('accepts a good login under the canonical address of the passdb (RULES 22)', async () => {
    const { login, passdb } = setUp();
    passdb.set('b', '{PLAIN}secret', { user: BOB });
    assert.deepEqual(await login('B', 'secret'), ACCEPTED);
    assert.deepEqual(passdb.asked, ['b']);
  });

  it('rejects a wrong password and an unknown user, and the unknown one costs one hash (RULES 40)', async () => {
    const { login, hasher } = setUp();
    assert.deepEqual(await login(BOB, 'wrong'), WRONG);
    // The stored {PLAIN} took no time, and must not be told by that.
    assert.deepEqual([hasher.verified.length, hasher.spentCount], [1, 1]);
    const unknown = await login('Nobody@example.com', 'x');
    assert.deepEqual(unknown, { kind: 'rejected', reason: 'unknown-user', user: 'nobody@example.com' });
    assert.deepEqual([hasher.verified.length, hasher.spentCount], [1, 2]);
  });

  it('tells nothing about an unknown user by a full hash queue (RULES 40)', async () => {
    const { login, hasher } = setUp();
    hasher.verdict = 'busy';
    assert.equal((await login(BOB, 'secret')).kind, 'unavailable');
    assert.equal((await login('nobody@example.com', 'secret')).kind, 'unavailable');
  });

  it('rejects impossible names without asking anybody', async () => {
    const { login, passdb } = setUp();
    assert.deepEqual(await login('bob\n', 'secret'), { kind: 'rejected', reason: 'bad-username', user: undefined });
    assert.deepEqual(passdb.asked, []);
  });

  const places: [string, Partial<LoginContext>, boolean][] = [
    ['from afar without TLS', { isSecured: false }, false],
    ['from an address that is none', { isSecured: false, remoteAddress: 'localhost' }, false],
    ['from loopback', { isSecured: false, remoteAddress: '127.0.0.1' }, true],
    ['from loopback of IPv6', { isSecured: false, remoteAddress: '::1' }, true],
    ['without an address', { isSecured: false, remoteAddress: '' }, true],
    ['from a trusted network', { isSecured: false, remoteAddress: '203.0.113.9' }, true],
    ['under TLS', {}, true],
  ];
  for (const [where, context, isAllowed] of places) {
    it(`${isAllowed ? 'takes' : 'refuses, before any lookup,'} a password ${where} (RULES 36)`, async () => {
      const { login, passdb } = setUp();
      const outcome = await login(BOB, 'secret', context);
      if (isAllowed) assert.deepEqual(outcome, ACCEPTED);
      else assert.deepEqual(outcome, { kind: 'rejected', reason: 'plaintext', user: undefined });
      assert.equal(passdb.asked.length, isAllowed ? 1 : 0);
    });
  }

  it('takes a password from anywhere when disable_plaintext_auth is off (RULES 36)', async () => {
    const { login } = setUp({ disablePlaintextAuth: false });
    assert.deepEqual(await login(BOB, 'secret', { isSecured: false }), ACCEPTED);
  });

  it('refuses users that may not log in, but only after their password was right (RULES 38)', async () => {
    const { login, passdb, hasher } = setUp();
    passdb.set(BOB, '{PLAIN}secret', { canLogin: false });
    assert.deepEqual(await login(BOB, 'secret'), { kind: 'rejected', reason: 'login-off', user: BOB });
    assert.deepEqual(await login(BOB, 'wrong'), WRONG);
    assert.equal(hasher.verified.length, 2);
  });

  it('takes nopassword beside a password for a fault of the administrator (RULES 38)', async () => {
    const { login, passdb, logger } = setUp();
    passdb.set(BOB, '{PLAIN}secret', { isPasswordless: true });
    assert.equal((await login(BOB, 'secret')).kind, 'unavailable');
    assert.equal(logger.of('auth.fault').length, 1);
    passdb.set(BOB, undefined, { isPasswordless: true });
    assert.deepEqual(await login(BOB, 'anything'), ACCEPTED);
  });

  it('matches nothing against an entry without a password', async () => {
    const { login, passdb, hasher } = setUp();
    passdb.set(BOB, undefined);
    assert.deepEqual(await login(BOB, ''), { kind: 'rejected', reason: 'no-password', user: BOB });
    assert.equal(hasher.spentCount, 1);
  });

  it('keeps a login inside its networks, and is unsure when their list is broken', async () => {
    const { login, passdb, logger } = setUp();
    passdb.set(BOB, '{PLAIN}secret', { allowNets: ['198.51.100.0/24'] });
    assert.deepEqual(await login(BOB, 'secret'), ACCEPTED);
    const outside = await login(BOB, 'secret', { remoteAddress: '192.0.2.9' });
    assert.deepEqual(outside, { kind: 'rejected', reason: 'network', user: BOB });
    passdb.set(BOB, '{PLAIN}secret', { allowNets: ['198.51.100.0/24', 'nonsense'] });
    assert.equal((await login(BOB, 'secret')).kind, 'accepted');
    assert.equal((await login(BOB, 'secret', { remoteAddress: '192.0.2.9' })).kind, 'unavailable');
    assert.equal(logger.of('auth.fault').length, 1);
  });

  it('is unsure about a stored hash it cannot read, and says who has it', async () => {
    const { login, hasher, logger } = setUp();
    hasher.verdict = 'unusable';
    assert.equal((await login(BOB, 'secret')).kind, 'unavailable');
    assert.deepEqual(logger.of('auth.fault')[0]?.fields['user'], `"${BOB}"`);
  });
});

describe('PasswordAuthenticator with two passdbs', () => {
  it('goes on after a mismatch', async () => {
    const second = new MemoryPassdb('second');
    const first = new MemoryPassdb('first');
    const { login } = setUp({ steps: [stepOf(first), stepOf(second)] });
    first.set(BOB, '{PLAIN}old');
    second.set(BOB, '{PLAIN}new');
    assert.deepEqual(await login(BOB, 'new'), { ...ACCEPTED, passdb: 'second' });
    assert.deepEqual(await login(BOB, 'old'), { ...ACCEPTED, passdb: 'first' });
    assert.deepEqual(await login(BOB, 'other'), WRONG);
  });

  it('could not tell when one is down and the other has no match, in either order', async () => {
    const up = new MemoryPassdb('up');
    const down = new MemoryPassdb('down');
    up.set(BOB, '{PLAIN}secret');
    down.outage = 'gone';
    for (const passdbs of [
      [up, down],
      [down, up],
    ]) {
      const { login } = setUp({ steps: passdbs.map((passdb) => stepOf(passdb)) });
      assert.equal((await login(BOB, 'wrong')).kind, 'unavailable');
      assert.equal((await login('nobody@example.com', 'x')).kind, 'unavailable');
      assert.deepEqual(await login(BOB, 'secret'), { ...ACCEPTED, passdb: 'up' });
    }
  });
});

describe('PasswordAuthenticator during an outage', () => {
  it('answers before the deadline when a passdb hangs', async () => {
    const { login, passdb } = setUp({ deadlineMs: 30 });
    passdb.outage = 'hang';
    const outcome = await login(BOB, 'secret');
    assert.deepEqual(outcome, { kind: 'unavailable', reason: 'no decision before the deadline' });
  });

  it('never throws when a passdb does, and logs it once', async () => {
    const { login, passdb, logger } = setUp();
    passdb.outage = 'throw';
    assert.equal((await login(BOB, 'secret')).kind, 'unavailable');
    assert.equal(logger.of('auth.fault').length, 1);
  });

  it('lets in who was good lately, and nobody else', async () => {
    const { login, passdb, clock } = setUp();
    await login(BOB, 'secret');
    passdb.outage = 'gone';
    assert.deepEqual(await login(BOB, 'secret'), CACHED);
    assert.equal((await login(BOB, 'wrong')).kind, 'unavailable');
    assert.equal((await login(BOB, 'secret', { service: 'imap' })).kind, 'unavailable');
    clock.time = 1000;
    assert.equal((await login(BOB, 'secret')).kind, 'unavailable');
  });

  it('still keeps a known login inside its networks', async () => {
    const { login, passdb } = setUp();
    passdb.set(BOB, '{PLAIN}secret', { allowNets: ['198.51.100.0/24'] });
    await login(BOB, 'secret');
    passdb.outage = 'gone';
    assert.deepEqual(await login(BOB, 'secret'), CACHED);
    assert.equal((await login(BOB, 'secret', { remoteAddress: '192.0.2.9' })).kind, 'unavailable');
  });
});

describe('PasswordAuthenticator’s cache (RULES 33)', () => {
  it('spares the hash of a known login but still asks the passdb', async () => {
    const { login, hasher, passdb } = setUp();
    assert.deepEqual(await login(BOB, 'secret'), ACCEPTED);
    assert.deepEqual(await login(BOB, 'secret'), CACHED);
    assert.equal(hasher.verified.length, 1);
    assert.equal(passdb.asked.length, 2);
  });

  it('lets a changed password, a suspension and a new network bite at once', async () => {
    const { login, passdb } = setUp();
    await login(BOB, 'secret');
    passdb.set(BOB, '{PLAIN}secret', { canLogin: false });
    assert.equal((await login(BOB, 'secret')).kind, 'rejected');
    passdb.set(BOB, '{PLAIN}secret', { allowNets: ['10.0.0.0/8'] });
    assert.equal((await login(BOB, 'secret')).kind, 'rejected');
    passdb.set(BOB, '{PLAIN}changed');
    assert.deepEqual(await login(BOB, 'secret'), WRONG);
    passdb.outage = 'gone';
    assert.equal((await login(BOB, 'secret')).kind, 'unavailable');
  });

  it('never remembers a failure', async () => {
    const { login, hasher, passdb } = setUp();
    await login(BOB, 'right');
    passdb.set(BOB, '{PLAIN}right');
    assert.deepEqual(await login(BOB, 'right'), ACCEPTED);
    assert.equal(hasher.verified.length, 2);
  });
});
