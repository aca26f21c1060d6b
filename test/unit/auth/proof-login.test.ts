import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Claim, Credential, LoginContext, LoginOutcome, PendingProof } from '../../../src/auth/login.ts';
import { ABSENT, found } from '../../../src/core/outcome.ts';
import { stepOf, type LoginCoreOptions } from '../../support/login-core.ts';
import { BOB, CONTEXT, createLoginScene, sayWhy, type LoginScene } from '../../support/login-scene.ts';
import { MemoryPassdb } from '../../support/memory-passdb.ts';

interface ProofScene extends LoginScene {
  readonly claim: (username: string, more?: Partial<Claim & LoginContext>) => Promise<PendingProof>;
  /** The verdict after a proof. */
  readonly prove: (username: string, more?: Partial<Claim & LoginContext>) => Promise<LoginOutcome>;
}

function setUp(options: Partial<LoginCoreOptions> = {}): ProofScene {
  const scene = createLoginScene(options);
  scene.passdb.set(BOB, '{PLAIN}secret');
  const ask = (username: string, { scheme = 'CRAM-MD5', authorizationId, ...context }: Partial<Claim & LoginContext>) =>
    scene.core.findCredential({ username, scheme, authorizationId }, { ...CONTEXT, mechanism: scheme, ...context });
  const claim: ProofScene['claim'] = async (username, more = {}) => {
    const pending = await ask(username, more);
    assert.ok(pending.kind === 'pending', JSON.stringify(pending));
    return pending;
  };
  return {
    ...scene,
    claim,
    prove: async (username, more = {}) => {
      const pending = await ask(username, more);
      return pending.kind === 'pending' ? pending.conclude(true) : pending;
    },
  };
}

const ACCEPTED: LoginOutcome = { kind: 'accepted', user: BOB, isCached: false, passdb: 'local' };
const PLAIN: Credential = { kind: 'plain', password: Buffer.from('secret') };

describe('PasswordAuthenticator and proofs', () => {
  it('gives the stored password, and the verdict after the proof', async () => {
    const { claim } = setUp();
    const pending = await claim('Bob@example.com');
    assert.deepEqual(pending.credential, PLAIN);
    assert.deepEqual(await pending.conclude(true), ACCEPTED);
    const wrong = await (await claim(BOB)).conclude(false);
    assert.deepEqual(wrong, { kind: 'rejected', reason: 'wrong-proof', user: BOB });
  });

  it('invents the same credential every time, and takes no proof of it', async () => {
    const { claim, passdb } = setUp();
    passdb.set('hashed@example.com', '{SHA512-CRYPT}secret');
    passdb.set('empty@example.com', undefined);
    passdb.set('open@example.com', undefined, { isPasswordless: true });
    const cases = [
      ['nobody@example.com', 'unknown-user'],
      ['hashed@example.com', 'no-credential'],
      ['empty@example.com', 'no-credential'],
      ['open@example.com', 'no-credential'],
      ['b\nb', 'bad-username'],
    ] as const;
    const seen = new Set<string>();
    for (const [user, reason] of cases) {
      const first = await claim(user);
      const second = await claim(user);
      assert.deepEqual(first.credential, second.credential);
      seen.add(JSON.stringify(first.credential));
      assert.equal(sayWhy(await first.conclude(true)), reason);
    }
    assert.equal(seen.size, cases.length);
  });

  it('passes over entries that cannot serve, as if the user were not there', async () => {
    const first = new MemoryPassdb('first');
    const second = new MemoryPassdb('second');
    first.set(BOB, '{SHA512-CRYPT}other');
    second.set(BOB, '{PLAIN}secret');
    const { claim, prove } = setUp({ steps: [stepOf(first), stepOf(second)] });
    assert.deepEqual((await claim(BOB)).credential, PLAIN);
    assert.deepEqual(await prove(BOB), { ...ACCEPTED, passdb: 'second' });
    assert.deepEqual(await prove(BOB, { scheme: 'SCRAM-SHA-256' }), { ...ACCEPTED, passdb: 'second' });
  });

  it('heeds mechanisms, username_filter and skip', async () => {
    const local = new MemoryPassdb('local');
    local.set(BOB, '{PLAIN}secret');
    const cases = [
      [{ mechanisms: ['plain'] }, 'unknown-user'],
      [{ mechanisms: ['cram-md5'] }, 'accepted'],
      [{ usernameFilter: ['!bob@*'] }, 'unknown-user'],
      [{ skip: 'unauthenticated' }, 'unknown-user'],
    ] as const;
    for (const [rules, verdict] of cases)
      assert.equal(sayWhy(await setUp({ steps: [stepOf(local, rules)] }).prove(BOB)), verdict);
  });

  it('takes the credential of the passdb that says yes, not of one that refuses', async () => {
    const first = new MemoryPassdb('first');
    const second = new MemoryPassdb('second');
    first.set(BOB, '{PLAIN}first', { allowNets: ['10.0.0.0/8'] });
    second.set(BOB, '{PLAIN}secret');
    const { claim } = setUp({ steps: [stepOf(first), stepOf(second)] });
    assert.deepEqual((await claim(BOB)).credential, PLAIN);
  });

  it('refuses only after the proof: login off, networks, denied, app passwords (RULES 38)', async () => {
    const deny = new MemoryPassdb('deny');
    const cases = [
      [{ canLogin: false }, 'login-off'],
      [{ allowNets: ['10.0.0.0/8'] }, 'network'],
      [{ appPasswordsRequired: 'account' }, 'app-password-required'],
      [{}, 'denied'],
    ] as const;
    for (const [entry, reason] of cases) {
      const local = new MemoryPassdb('local');
      local.set(BOB, '{PLAIN}secret', entry);
      if (reason === 'denied') deny.set(BOB, undefined);
      const { claim } = setUp({ steps: [stepOf(deny, { isDeny: true }), stepOf(local)] });
      const pending = await claim(BOB);
      assert.deepEqual(pending.credential, PLAIN);
      assert.equal(sayWhy(await pending.conclude(true)), reason);
      assert.equal(sayWhy(await (await claim(BOB)).conclude(false)), 'wrong-proof');
    }
  });

  it('takes no main password by proof where the site wants app passwords, and says so (RULES 41)', async () => {
    const { prove, claim } = setUp({ areAppPasswordsRequired: true });
    const outcome = await prove(BOB);
    assert.ok(outcome.kind === 'rejected' && outcome.tellsAppPassword === true);
    assert.equal(outcome.reason, 'app-password-required');
    const unknown = await (await claim('nobody@example.com')).conclude(false);
    assert.ok(unknown.kind === 'rejected' && unknown.tellsAppPassword === true);
  });

  it('lets a change between claim and proof bite (DESIGN 1.6)', async () => {
    const { claim, passdb } = setUp();
    const changes = [
      () => passdb.set(BOB, '{PLAIN}new'),
      () => passdb.set(BOB, '{PLAIN}secret', { canLogin: false }),
      () => passdb.set(BOB, '{SHA512-CRYPT}secret'),
    ];
    const reasons: string[] = [];
    for (const change of changes) {
      passdb.set(BOB, '{PLAIN}secret');
      const pending = await claim(BOB);
      change();
      reasons.push(sayWhy(await pending.conclude(true)));
    }
    assert.deepEqual(reasons, ['wrong-proof', 'login-off', 'wrong-proof']);
  });

  it('costs every SCRAM claim one derivation, and CRAM-MD5 none, whoever it is (RULES 40)', async () => {
    const { claim, passdb, hasher } = setUp();
    passdb.set('hashed@example.com', '{SHA512-CRYPT}secret');
    for (const user of [BOB, 'hashed@example.com', 'nobody@example.com', 'b\nb']) {
      hasher.derivedCount = 0;
      await (await claim(user, { scheme: 'SCRAM-SHA-1' })).conclude(false);
      assert.equal(hasher.derivedCount, 1);
      await (await claim(user)).conclude(false);
      assert.deepEqual([hasher.derivedCount, hasher.takeSlowCount()], [1, 0]);
    }
  });

  it('looks everybody up as often, whoever it is (RULES 40)', async () => {
    const { claim, passdb } = setUp();
    passdb.set('hashed@example.com', '{SHA512-CRYPT}secret');
    const counts: number[] = [];
    for (const user of [BOB, 'hashed@example.com', 'nobody@example.com']) {
      passdb.asked.length = 0;
      await (await claim(user)).conclude(false);
      counts.push(passdb.asked.length);
    }
    assert.deepEqual(counts, [2, 2, 2]);
  });

  it('cannot tell in an outage, when the queue is full, and of a hash that cannot be read', async () => {
    const { prove, passdb, hasher, logger } = setUp();
    hasher.verdict = 'busy';
    assert.equal(sayWhy(await prove(BOB, { scheme: 'SCRAM-SHA-1' })), 'unavailable');
    assert.equal(sayWhy(await prove('nobody@example.com', { scheme: 'SCRAM-SHA-1' })), 'unavailable');
    passdb.set(BOB, '{CRAM-MD5}short');
    assert.equal(sayWhy(await prove(BOB)), 'unavailable');
    assert.equal(logger.of('auth.fault').length, 1);
    passdb.outage = 'gone';
    assert.equal(sayWhy(await prove(BOB)), 'unavailable');
  });

  it('lets in who was good lately in an outage, and refuses nobody then', async () => {
    const { claim, prove, passdb } = setUp();
    await prove(BOB);
    passdb.outage = 'gone';
    assert.equal(sayWhy(await prove(BOB)), 'accepted');
    assert.equal(sayWhy(await (await claim(BOB)).conclude(false)), 'unavailable');
    assert.equal(sayWhy(await prove('zoe@example.com')), 'unavailable');
  });

  it('counts how it ended, and waits before it looks', async () => {
    const { prove, claim, limits, passdb } = setUp();
    limits.verdict = { delayMs: 1, priority: 'penalised' };
    await (await claim(BOB)).conclude(false);
    await prove(BOB);
    const counted = { user: BOB, remoteAddress: CONTEXT.remoteAddress };
    assert.deepEqual(limits.judged, [counted, counted]);
    assert.deepEqual(limits.failures, [{ ...counted, password: undefined }]);
    assert.deepEqual(limits.successes, [counted]);
    assert.ok(passdb.asked.length > 0);
  });

  it('lets a master in as another', async () => {
    const masters = new MemoryPassdb('masters');
    masters.set('admin', '{PLAIN}root');
    const local = new MemoryPassdb('local');
    local.set(BOB, '{SHA512-CRYPT}secret');
    const { claim, prove } = setUp({
      steps: [stepOf(masters, { isMaster: true }), stepOf(local)],
      findAccount: (address) => Promise.resolve(address === BOB ? found({}) : ABSENT),
    });
    const pending = await claim('admin', { authorizationId: BOB });
    assert.deepEqual(pending.credential, { kind: 'plain', password: Buffer.from('root') });
    assert.deepEqual(await pending.conclude(true), { ...ACCEPTED, masterUser: 'admin' });
    assert.equal(sayWhy(await prove('admin', { authorizationId: 'nobody@example.com' })), 'unknown-target');
  });
});

describe('PasswordAuthenticator and certificates (RULES 37)', () => {
  it('lets in the name of a verified certificate whose entry asks for no password', async () => {
    const scene = setUp();
    scene.passdb.set(BOB, undefined, { isPasswordless: true });
    assert.deepEqual(await external(scene, 'Bob@example.com'), ACCEPTED);
    assert.deepEqual(await external(scene, BOB, BOB), ACCEPTED);
  });

  it('refuses everything else', async () => {
    const scene = setUp();
    scene.passdb.set('empty@example.com', undefined);
    scene.passdb.set('off@example.com', undefined, { isPasswordless: true, canLogin: false });
    const cases = [
      [undefined, 'no-certificate'],
      ['', 'no-certificate'],
      [BOB, 'no-credential'],
      ['empty@example.com', 'no-credential'],
      ['off@example.com', 'login-off'],
      ['nobody@example.com', 'unknown-user'],
      ['b\nb', 'bad-username'],
    ] as const;
    for (const [name, reason] of cases) assert.equal(sayWhy(await external(scene, name)), reason);
    assert.equal(sayWhy(await external(scene, BOB, 'zoe@example.com')), 'authorization-id');
    scene.passdb.outage = 'gone';
    assert.equal(sayWhy(await external(scene, 'nobody@example.com')), 'unavailable');
  });
});

describe('PasswordAuthenticator and ANONYMOUS (RULES 37)', () => {
  it('gives everybody the one name, and says that it is nobody’s', async () => {
    const { core } = setUp({ anonymousUsername: 'guest' });
    assert.deepEqual(await core.acceptAnonymous(), {
      kind: 'accepted',
      user: 'guest',
      isCached: false,
      isAnonymous: true,
    });
  });

  it('refuses when the name is an account’s', async () => {
    const { core } = setUp({ anonymousUsername: BOB, findAccount: () => Promise.resolve(found({})) });
    assert.equal(sayWhy(await core.acceptAnonymous()), 'denied');
  });
});

function external(scene: LoginScene, certificateName?: string, authorizationId?: string): Promise<LoginOutcome> {
  return scene.core.verifyExternal(authorizationId, { ...CONTEXT, mechanism: 'EXTERNAL', certificateName });
}
