import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { makeToken, parseToken, sealToken } from '../../../src/auth/app-password.ts';
import { stepOf } from '../../support/login-core.ts';
import { BOB, createLoginScene, sayWhy } from '../../support/login-scene.ts';
import { MemoryPassdb } from '../../support/memory-passdb.ts';

const OTHER = '198.51.100.200';

describe('PasswordAuthenticator’s memory of good logins', () => {
  it('spares the hash of a known login and still asks the passdb', async () => {
    const { login, hasher, passdb, core } = createLoginScene();
    assert.equal(sayWhy(await login(BOB, 'secret')), 'accepted');
    const again = await login(BOB, 'secret');
    assert.ok(again.kind === 'accepted' && again.isCached);
    assert.deepEqual([hasher.verified.length, passdb.asked.length], [1, 2]);
    const { remembered, hits, misses } = core.counters;
    assert.deepEqual({ remembered, hits, misses }, { remembered: 1, hits: 1, misses: 1 });
  });

  it('asks the source again for a wrong password against a known login', async () => {
    const { login, passdb } = createLoginScene();
    await login(BOB, 'secret');
    passdb.set(BOB, '{SHA512-CRYPT}new');
    assert.equal(sayWhy(await login(BOB, 'new')), 'accepted');
    assert.equal(sayWhy(await login(BOB, 'secret')), 'wrong-password');
  });

  it('tells users, services and passdbs apart', async () => {
    const { login, passdb, hasher } = createLoginScene();
    passdb.set('zoe@example.com', '{SHA512-CRYPT}secret');
    await login(BOB, 'secret');
    hasher.takeSlowCount();
    await login('zoe@example.com', 'secret');
    assert.equal(hasher.takeSlowCount(), 1);
    await login(BOB, 'secret', { service: 'imap' });
    assert.equal(hasher.takeSlowCount(), 1);
    await login(BOB, 'secret', { remoteAddress: OTHER });
    assert.equal(hasher.takeSlowCount(), 0);
  });

  it('tells apart whatever a passdb’s answer depends on, and nothing else', async () => {
    for (const [variables, isKnown] of [
      [[], true],
      [['rip'], false],
      [['lip'], true],
    ] as const) {
      const passdb = new MemoryPassdb('local');
      passdb.set(BOB, '{SHA512-CRYPT}secret');
      const { login } = createLoginScene({ steps: [stepOf(passdb, { variables })] });
      await login(BOB, 'secret');
      passdb.outage = 'gone';
      const outcome = await login(BOB, 'secret', { remoteAddress: OTHER });
      assert.equal(outcome.kind === 'accepted', isKnown, variables.join());
    }
  });

  it('keeps a login for cache_ttl from when it was compared, not from when it was used', async () => {
    const { login, clock, hasher } = createLoginScene();
    await login(BOB, 'secret');
    clock.time += 59_999;
    await login(BOB, 'secret');
    assert.equal(hasher.takeSlowCount(), 1);
    clock.time += 1;
    await login(BOB, 'secret');
    assert.equal(hasher.takeSlowCount(), 1);
  });

  it('never remembers a failure', async () => {
    const { login, passdb, core } = createLoginScene();
    passdb.set('off@example.com', '{SHA512-CRYPT}secret', { canLogin: false });
    passdb.set('far@example.com', '{SHA512-CRYPT}secret', { allowNets: ['10.0.0.0/8'] });
    await login(BOB, 'wrong');
    await login('nobody@example.com', 'x');
    await login('off@example.com', 'secret');
    await login('far@example.com', 'secret');
    assert.equal(core.counters.remembered, 0);
  });
});

describe('PasswordAuthenticator in an outage (DESIGN 1.2)', () => {
  it('lets in who was good lately, again and again, and says no to nobody', async () => {
    const { login, passdb, hasher } = createLoginScene();
    await login(BOB, 'secret');
    passdb.outage = 'gone';
    hasher.takeSlowCount();
    for (let i = 0; i < 3; i++) assert.equal(sayWhy(await login(BOB, 'secret')), 'accepted');
    assert.equal(sayWhy(await login(BOB, 'wrong')), 'unavailable');
    assert.equal(sayWhy(await login('nobody@example.com', 'x')), 'unavailable');
    assert.equal(hasher.takeSlowCount(), 0);
    passdb.outage = undefined;
    assert.equal(sayWhy(await login(BOB, 'wrong')), 'wrong-password');
  });

  it('never makes an entry, and never prolongs one', async () => {
    const { login, passdb, clock, core } = createLoginScene();
    passdb.outage = 'gone';
    await login(BOB, 'secret');
    assert.equal(core.counters.remembered, 0);
    passdb.outage = undefined;
    await login(BOB, 'secret');
    passdb.outage = 'gone';
    clock.time += 59_999;
    assert.equal(sayWhy(await login(BOB, 'secret')), 'accepted');
    clock.time += 1;
    assert.equal(sayWhy(await login(BOB, 'secret')), 'unavailable');
  });

  it('does not let an old password in when the new one was seen before', async () => {
    const { login, passdb } = createLoginScene();
    await login(BOB, 'secret');
    passdb.set(BOB, '{SHA512-CRYPT}new');
    assert.equal(sayWhy(await login(BOB, 'new')), 'accepted');
    passdb.outage = 'gone';
    assert.equal(sayWhy(await login(BOB, 'secret')), 'unavailable');
    assert.equal(sayWhy(await login(BOB, 'new')), 'accepted');
  });

  it('does not let an old password in when anybody’s wrong one has shown the change', async () => {
    const { login, passdb } = createLoginScene();
    await login(BOB, 'secret');
    passdb.set(BOB, '{SHA512-CRYPT}new');
    await login(BOB, 'guess');
    passdb.outage = 'gone';
    assert.equal(sayWhy(await login(BOB, 'secret')), 'unavailable');
  });

  it('does not let an old password in whose comparison ended after the change was seen', async () => {
    const { login, passdb, hasher } = createLoginScene();
    const verify = hasher.verify.bind(hasher);
    const gate = new EventEmitter();
    hasher.verify = async (...question) => {
      await once(gate, 'open');
      return verify(...question);
    };
    const late = login(BOB, 'secret');
    await nextTurn();
    hasher.verify = verify;
    passdb.set(BOB, '{SHA512-CRYPT}new');
    assert.equal(sayWhy(await login(BOB, 'new')), 'accepted');
    gate.emit('open');
    assert.equal(sayWhy(await late), 'accepted');
    passdb.outage = 'gone';
    assert.equal(sayWhy(await login(BOB, 'secret')), 'unavailable');
    assert.equal(sayWhy(await login(BOB, 'new')), 'accepted');
  });

  it('does not let an old password in after an outage in which it was changed', async () => {
    const { login, passdb } = createLoginScene();
    await login(BOB, 'secret');
    passdb.outage = 'gone';
    passdb.set(BOB, '{SHA512-CRYPT}new');
    assert.equal(sayWhy(await login(BOB, 'secret')), 'accepted');
    passdb.outage = undefined;
    assert.equal(sayWhy(await login(BOB, 'secret')), 'wrong-password');
    passdb.outage = 'gone';
    assert.equal(sayWhy(await login(BOB, 'secret')), 'unavailable');
  });

  it('lets nobody in who was seen suspended, gone or out of their networks', async () => {
    const changes = [
      (passdb: MemoryPassdb) => passdb.set(BOB, '{SHA512-CRYPT}secret', { canLogin: false }),
      (passdb: MemoryPassdb) => passdb.set(BOB, '{SHA512-CRYPT}secret', { allowNets: ['10.0.0.0/8'] }),
      (passdb: MemoryPassdb) => passdb.remove(BOB),
    ];
    for (const change of changes) {
      const { login, passdb } = createLoginScene();
      await login(BOB, 'secret');
      change(passdb);
      await login(BOB, 'secret');
      passdb.outage = 'gone';
      assert.equal(sayWhy(await login(BOB, 'secret')), 'unavailable');
    }
  });

  it('knows the app passwords that were seen last', async () => {
    const shown = makeToken();
    const sealed = sealToken(parseToken(Buffer.from(shown)) ?? '');
    const appPassword = {
      id: 1,
      label: 'phone',
      scopes: ['smtp'],
      allowNets: [],
      expiresAt: undefined,
      ...sealed,
    } as const;
    const { login, passdb } = createLoginScene();
    passdb.set(BOB, '{SHA512-CRYPT}secret', { appPasswords: [appPassword] });
    await login(BOB, shown);
    passdb.outage = 'gone';
    assert.equal(sayWhy(await login(BOB, shown)), 'accepted');
    passdb.outage = undefined;
    passdb.set(BOB, '{SHA512-CRYPT}secret');
    await login(BOB, 'secret');
    passdb.outage = 'gone';
    assert.equal(sayWhy(await login(BOB, shown)), 'unavailable');
  });

  it('lets in whom a passdb that denies did not know, and nobody else', async () => {
    const deny = new MemoryPassdb('deny');
    const local = new MemoryPassdb('local');
    local.set(BOB, '{SHA512-CRYPT}secret');
    local.set('zoe@example.com', '{SHA512-CRYPT}secret');
    const { login } = createLoginScene({ steps: [stepOf(deny, { isDeny: true }), stepOf(local)] });
    await login(BOB, 'secret');
    deny.outage = 'gone';
    assert.equal(sayWhy(await login(BOB, 'secret')), 'accepted');
    assert.equal(sayWhy(await login('zoe@example.com', 'secret')), 'unavailable');
    deny.outage = undefined;
    deny.set(BOB, undefined);
    assert.equal(sayWhy(await login(BOB, 'secret')), 'denied');
    deny.outage = 'gone';
    assert.equal(sayWhy(await login(BOB, 'secret')), 'unavailable');
  });

  it('lets in through a chain as it did before', async () => {
    const first = new MemoryPassdb('first');
    const second = new MemoryPassdb('second');
    first.set(BOB, '{SHA512-CRYPT}secret');
    second.set(BOB, undefined, { allowNets: ['198.51.100.0/24'] });
    const steps = [stepOf(first, { resultSuccess: 'continue' }), stepOf(second)];
    const { login } = createLoginScene({ steps });
    assert.equal(sayWhy(await login(BOB, 'secret')), 'accepted');
    first.outage = 'gone';
    second.outage = 'gone';
    assert.equal(sayWhy(await login(BOB, 'secret')), 'accepted');
    assert.equal(sayWhy(await login(BOB, 'secret', { remoteAddress: '192.0.2.1' })), 'unavailable');
    assert.equal(sayWhy(await login(BOB, 'wrong')), 'unavailable');
  });
});
