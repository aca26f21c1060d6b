/** Penalties and the clock of Postfix: what waits is answered in time, or the connection ends (RULES 19, 39). */
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { AttemptLimits } from '../../../../src/auth/attempt-limits.ts';
import { DelaySlots } from '../../../../src/auth/delay-slots.ts';
import type { Hasher, HashOptions, HashVerdict } from '../../../../src/auth/hasher.ts';
import { parseNetworks } from '../../../../src/auth/networks.ts';
import { AttemptPenalties } from '../../../../src/auth/penalties.ts';
import { systemClock } from '../../../../src/core/clock.ts';
import { CollectingLogger } from '../../../support/collecting-logger.ts';
import { createLoginCore, stepOf } from '../../../support/login-core.ts';
import { MemoryPassdb } from '../../../support/memory-passdb.ts';
import { startSaslServer, type SaslServer } from '../../../support/sasl-server.ts';

const BOB = 'bob@example.com';
const HOME = '192.0.2.7';
const PENALTY_MS = 6000;
const LIMIT_MS = 8000;

interface Answer {
  /** OK, FAIL, or closed. */
  readonly kind: string;
  readonly ms: number;
}

/** Compares as if each comparison took that long; keeps what it was asked with. */
class SlowHasher implements Hasher {
  readonly #ms: number;
  readonly asked: HashOptions[] = [];

  constructor(ms: number) {
    this.#ms = ms;
  }

  async verify(password: Buffer, stored: string, options: HashOptions = {}): Promise<HashVerdict> {
    this.asked.push(options);
    await new Promise((resolve) => setTimeout(resolve, this.#ms));
    return stored === `{PLAIN}${password.toString()}` ? 'match' : 'mismatch';
  }

  spend(): Promise<HashVerdict> {
    return Promise.resolve('mismatch');
  }

  hash(): Promise<string> {
    return Promise.reject(new Error('no new passwords here'));
  }

  deriveScram(): Promise<'busy'> {
    return Promise.resolve('busy');
  }
}

describe('the SASL service with penalties', () => {
  const servers: SaslServer[] = [];
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.stop()));
  });

  interface Scene {
    readonly server: SaslServer;
    readonly slots: DelaySlots;
    readonly hasher: SlowHasher;
    readonly penalties: AttemptPenalties;
    login(password: string, remoteAddress?: string): Promise<Answer>;
  }

  async function start({ hashMs = 0, maxHeld = 50, wrap = (limits: AttemptLimits) => limits } = {}): Promise<Scene> {
    const logger = new CollectingLogger();
    const hasher = new SlowHasher(hashMs);
    const slots = new DelaySlots({ maxHeld });
    const trustedNetworks = parseNetworks([]);
    const penalties = new AttemptPenalties({
      trustedNetworks,
      isHashingScarce: () => false,
      clock: systemClock,
      logger,
    });
    const passdb = new MemoryPassdb();
    passdb.set(BOB, '{PLAIN}secret');
    const authenticator = createLoginCore({
      steps: [stepOf(passdb)],
      trustedNetworks,
      cacheMaxEntries: 0,
      hasher,
      limits: wrap(penalties),
      waitingRoom: slots,
      logger,
    });
    const server = await startSaslServer({ failureDelayMs: 100 }, { authenticator, slots });
    servers.push(server);
    return { server, slots, hasher, penalties, login: (password, from) => login(server, password, from) };
  }

  /** So many failures that a pair waits 6 s. */
  function penalise({ penalties }: Scene): void {
    for (let i = 0; i < 9; i++) penalties.failed({ user: BOB, remoteAddress: HOME }, Buffer.from(`guess ${i}`));
  }

  it('RULES 39: a penalised right password is answered OK after its wait, a wrong one FAIL, both in time', async () => {
    const scene = await start();
    penalise(scene);
    const [right, wrong, elsewhere] = await Promise.all([
      scene.login('secret'),
      scene.login('wrong'),
      scene.login('secret', '198.51.100.7'),
    ]);
    assert.deepEqual([right.kind, wrong.kind, elsewhere.kind], ['OK', 'FAIL', 'OK']);
    for (const { ms } of [right, wrong]) assert.ok(ms >= PENALTY_MS - 1 && ms < LIMIT_MS, `${ms} ms`);
    assert.ok(elsewhere.ms < 1000, `${elsewhere.ms} ms`);
    assert.equal(scene.hasher.asked.length, 3);
  });

  it('RULES 39: past the deadline the connection closes: 6 s of penalty and a slow hash, right or wrong', async () => {
    const scene = await start({ hashMs: 3000 });
    penalise(scene);
    const answers = await Promise.all([scene.login('secret'), scene.login('wrong')]);
    for (const { kind, ms } of answers) {
      assert.equal(kind, 'closed');
      assert.ok(ms > PENALTY_MS && ms < LIMIT_MS, `${ms} ms`);
    }
    for (const { deadlineMs, priority } of scene.hasher.asked) {
      assert.ok((deadlineMs ?? Number.NaN) <= 1001, `${deadlineMs} ms`);
      assert.equal(priority, 'penalised');
    }
  });

  it('RULES 39: who finds no place to wait is answered at once, and their turn comes last', async () => {
    const scene = await start({ maxHeld: 2 });
    penalise(scene);
    const waiting = scene.login('secret');
    while (scene.slots.heldCount === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const [right, wrong] = [await scene.login('secret'), await scene.login('another guess')];
    assert.deepEqual([right.kind, wrong.kind], ['OK', 'FAIL']);
    assert.ok(right.ms < 1000 && wrong.ms < 1000, `${right.ms} and ${wrong.ms} ms`);
    // The success made the pair known; the guess after it came in its usual turn.
    assert.deepEqual(
      scene.hasher.asked.map(({ priority }) => priority),
      ['penalised', 'known'],
    );
    scene.slots.releaseAll();
    assert.equal((await waiting).kind, 'OK');
  });

  it('answers what waits at once when the service stops', async () => {
    const scene = await start();
    penalise(scene);
    const answers = [scene.login('secret'), scene.login('wrong')];
    while (scene.slots.heldCount < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    const stoppedAt = performance.now();
    await scene.server.service.stop(2000);
    assert.deepEqual(
      (await Promise.all(answers)).map(({ kind }) => kind),
      ['OK', 'FAIL'],
    );
    assert.ok(performance.now() - stoppedAt < 1500);
  });

  it('counts nothing for an outage, and a success only once it is one', async () => {
    const counted: string[] = [];
    const scene = await start({
      wrap: (limits) => ({
        judge: (attempt) => limits.judge(attempt),
        failed: (attempt, password) => {
          counted.push(`failed ${attempt.user}`);
          limits.failed(attempt, password);
        },
        succeeded: (attempt) => {
          counted.push(`succeeded ${attempt.user}`);
          limits.succeeded(attempt);
        },
      }),
    });
    await scene.login('secret');
    await scene.login('wrong');
    assert.deepEqual(counted, [`succeeded ${BOB}`, `failed ${BOB}`]);
    const slow = await start({
      hashMs: 60_000,
      wrap: (limits) => ({
        ...limits,
        judge: () => ({ delayMs: PENALTY_MS, priority: 'usual' }),
        failed: () => counted.push('outage'),
        succeeded: () => counted.push('outage'),
      }),
    });
    assert.equal((await slow.login('secret')).kind, 'closed');
    assert.equal(counted.length, 2);
  });
});

/** One login as bob, on a connection of its own. */
function login(server: SaslServer, password: string, remoteAddress = HOME): Promise<Answer> {
  const socket = server.connect();
  const startedAt = performance.now();
  const response = Buffer.from(`\0${BOB}\0${password}`).toString('base64');
  socket.write(
    `VERSION\t1\t0\nCPID\t7\nAUTH\t1\tPLAIN\tservice=smtp\trip=${remoteAddress}\tsecured\tresp=${response}\n`,
  );
  return new Promise((resolve) => {
    let text = '';
    const settle = (kind: string): void => {
      resolve({ kind, ms: performance.now() - startedAt });
      socket.destroy();
    };
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const [, kind] = /^(OK|FAIL)\t1\t/m.exec(text) ?? [];
      if (kind !== undefined) settle(kind);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => settle('closed'));
  });
}
