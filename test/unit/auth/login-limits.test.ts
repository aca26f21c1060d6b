import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BOB, CONTEXT, createLoginScene, sayWhy } from '../../support/login-scene.ts';

const REMOTE = CONTEXT.remoteAddress;

describe('PasswordAuthenticator and attempt limits (RULES 39)', () => {
  it('waits before it looks, and goes on when no place is free', async () => {
    for (const hasPlace of [true, false]) {
      const order: string[] = [];
      const waitingRoom = {
        wait: async (ms: number, address: string) => {
          order.push(`wait ${ms} ${address}`);
          await Promise.resolve();
          order.push(`asked ${scene.passdb.asked.length}`);
          return hasPlace;
        },
      };
      const scene = createLoginScene({ waitingRoom });
      scene.limits.verdict = { delayMs: 3000, priority: 'penalised' };
      assert.equal(sayWhy(await scene.login(BOB, 'secret')), 'accepted');
      assert.deepEqual(order, [`wait 3000 ${REMOTE}`, 'asked 0']);
    }
  });

  it('turns no right password into a failure', async () => {
    const { login, limits } = createLoginScene();
    limits.verdict = { delayMs: 6000, priority: 'penalised' };
    assert.equal(sayWhy(await login(BOB, 'secret')), 'accepted');
  });

  it('gives the hasher the priority, the typed name, and what is left of the time', async () => {
    const waitingRoom = { wait: (ms: number) => new Promise<boolean>((done) => setTimeout(done, ms, true)) };
    const { login, limits, hasher } = createLoginScene({ waitingRoom, deadlineMs: 1000 });
    limits.verdict = { delayMs: 200, priority: 'penalised' };
    await login('Bob@example.com', 'secret');
    await login('nobody', 'secret');
    const [compared, spent] = hasher.options;
    assert.deepEqual([compared?.priority, compared?.user], ['penalised', 'Bob@example.com']);
    assert.ok((compared?.deadlineMs ?? 0) <= 800 && (compared?.deadlineMs ?? 0) > 300, String(compared?.deadlineMs));
    assert.deepEqual([spent?.priority, spent?.user], ['penalised', 'nobody']);
    assert.ok((spent?.deadlineMs ?? 0) <= 800);
  });

  it('tells of every end under the name after formatting, and of no outage', async () => {
    const { login, limits, passdb } = createLoginScene();
    passdb.set('off@example.com', '{SHA512-CRYPT}secret', { canLogin: false });
    await login('BOB@example.com', 'secret');
    await login('Bob@example.com', 'wrong');
    await login('Nobody', 'x');
    await login('off@example.com', 'secret');
    passdb.outage = 'gone';
    await login('zoe@example.com', 'x');
    assert.deepEqual(limits.successes, [{ user: BOB, remoteAddress: REMOTE }]);
    assert.deepEqual(limits.failures, [
      { user: BOB, remoteAddress: REMOTE, password: 'wrong' },
      { user: 'nobody', remoteAddress: REMOTE, password: 'x' },
      { user: 'off@example.com', remoteAddress: REMOTE, password: 'secret' },
    ]);
    assert.equal(limits.judged.length, 5);
  });

  it('counts nothing where nobody is looked up', async () => {
    const { login, limits } = createLoginScene();
    await login(BOB, 'secret', { isSecured: false });
    await login('b\nb', 'secret');
    assert.deepEqual([limits.judged, limits.failures], [[], []]);
  });

  it('spares who asks for it, from this machine and trusted networks only', async () => {
    const cases: [string, boolean][] = [
      ['127.0.0.1', true],
      ['::1', true],
      ['', true],
      ['203.0.113.9', true],
      [REMOTE, false],
      ['127.999.1.1', false],
      ['localhost', false],
    ];
    for (const [remoteAddress, isSpared] of cases) {
      for (const skipsPenalty of [true, false]) {
        const { login, limits } = createLoginScene();
        await login(BOB, 'wrong', { remoteAddress, skipsPenalty });
        const expected = isSpared && skipsPenalty ? 0 : 1;
        assert.deepEqual([limits.judged.length, limits.failures.length], [expected, expected], remoteAddress);
      }
    }
  });
});

describe('PasswordAuthenticator within its time (RULES 21)', () => {
  it('is unavailable when the wait and the passdb together take too long', async () => {
    const waitingRoom = { wait: (ms: number) => new Promise<boolean>((done) => setTimeout(done, ms, true)) };
    const { core, login, limits, passdb } = createLoginScene({ waitingRoom, deadlineMs: 60 });
    limits.verdict = { delayMs: 40, priority: 'usual' };
    passdb.outage = 'hang';
    const startedAt = performance.now();
    assert.deepEqual(await login(BOB, 'secret'), { kind: 'unavailable', reason: 'no decision before the deadline' });
    assert.ok(performance.now() - startedAt < 95);
    assert.equal(core.deadlineCount, 1);
  });

  it('leaves the hasher no time at all when it is over', async () => {
    const { core, hasher, passdb } = createLoginScene({ deadlineMs: 0 });
    void core.verify({ username: BOB, password: Buffer.from('x') }, CONTEXT);
    for (let i = 0; i < 100 && hasher.options.length === 0; i++) await new Promise(setImmediate);
    assert.equal(passdb.asked.length, 1);
    assert.equal(hasher.options[0]?.deadlineMs, 0);
  });

  it('never throws, whatever the limits do', async () => {
    const { core, login, limits, logger } = createLoginScene();
    limits.judge = () => {
      throw new Error('table on fire');
    };
    assert.equal(sayWhy(await login(BOB, 'secret')), 'unavailable');
    const claim = await core.findCredential({ username: BOB, scheme: 'CRAM-MD5' }, CONTEXT);
    assert.equal(claim.kind, 'unavailable');
    assert.equal(logger.of('auth.fault').length, 2);
  });
});
