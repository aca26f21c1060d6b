import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LoginContext, LoginOutcome } from '../../../src/auth/login.ts';
import { stepOf } from '../../support/login-core.ts';
import { BOB, CONTEXT, createLoginScene as setUp } from '../../support/login-scene.ts';
import { MemoryPassdb } from '../../support/memory-passdb.ts';

const ACCEPTED: LoginOutcome = { kind: 'accepted', user: BOB, isCached: false, passdb: 'local' };
const WRONG: LoginOutcome = { kind: 'rejected', reason: 'wrong-password', user: BOB };

describe('PasswordAuthenticator', () => {
  it('accepts a good login under the canonical address of the passdb (RULES 22)', async () => {
    const { login, passdb } = setUp();
    passdb.set('b', '{PLAIN}secret', { user: BOB });
    assert.deepEqual(await login('B', 'secret'), ACCEPTED);
    assert.deepEqual(passdb.asked, ['b']);
  });

  it('rejects a wrong password and an unknown user', async () => {
    const { login } = setUp();
    assert.deepEqual(await login(BOB, 'wrong'), WRONG);
    const unknown = await login('Nobody@example.com', 'x');
    assert.deepEqual(unknown, { kind: 'rejected', reason: 'unknown-user', user: 'nobody@example.com' });
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

describe('PasswordAuthenticator with a passdb that fails', () => {
  it('answers before the deadline when it hangs', async () => {
    const { login, passdb } = setUp({ deadlineMs: 30 });
    passdb.outage = 'hang';
    const outcome = await login(BOB, 'secret');
    assert.deepEqual(outcome, { kind: 'unavailable', reason: 'no decision before the deadline' });
  });

  it('never throws when it does, and logs it once', async () => {
    const { login, passdb, logger } = setUp();
    passdb.outage = 'throw';
    assert.equal((await login(BOB, 'secret')).kind, 'unavailable');
    assert.equal(logger.of('auth.fault').length, 1);
  });
});

describe('PasswordAuthenticator.explain()', () => {
  it('decides as verify does, and says what each passdb had to say', async () => {
    const [deny, old, local, last] = ['deny', 'old', 'local', 'last'].map((name) => new MemoryPassdb(name));
    assert.ok(deny !== undefined && old !== undefined && local !== undefined && last !== undefined);
    old.set(BOB, '{PLAIN}other', { fields: new Map([['a', '1']]) });
    local.set(BOB, '{PLAIN}secret', { fields: new Map([['userdb_home', '/b']]) });
    const steps = [
      stepOf(deny, { isDeny: true }),
      stepOf(new MemoryPassdb('cram'), { mechanisms: ['cram-md5'] }),
      stepOf(old),
      stepOf(local),
      stepOf(last),
    ];
    const { core } = setUp({ steps });
    const login = { username: BOB, password: Buffer.from('secret') };
    const explained = await core.explain(login, CONTEXT);
    assert.deepEqual(explained.outcome, ACCEPTED);
    assert.deepEqual(
      explained.steps.map(({ passdb, verdict }) => `${passdb}: ${verdict}`),
      ['deny: does not deny', 'cram: not asked', 'old: wrong-password', 'local: success'],
    );
    assert.deepEqual([...explained.fields], [['userdb_home', '/b']]);
    local.outage = 'gone';
    const { outcome, steps: verdicts } = await core.explain({ ...login, password: Buffer.from('x') }, CONTEXT);
    assert.deepEqual(outcome, { kind: 'unavailable', reason: 'gone' });
    assert.deepEqual(
      verdicts.slice(3).map(({ verdict }) => verdict),
      ['unavailable: gone', 'unknown-user'],
    );
  });
});
