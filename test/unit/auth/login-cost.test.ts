import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { StepRules } from '../../../src/auth/chain-step.ts';
import { sealToken } from '../../../src/auth/app-password.ts';
import type { LoginOutcome } from '../../../src/auth/login.ts';
import type { PassdbEntry } from '../../../src/auth/passdb.ts';
import { ABSENT, found, type Lookup } from '../../../src/core/outcome.ts';
import { stepOf } from '../../support/login-core.ts';
import { BOB, createLoginScene, sayWhy, type LoginScene } from '../../support/login-scene.ts';
import { MemoryPassdb } from '../../support/memory-passdb.ts';

const SLOW = '{SHA512-CRYPT}secret';
const TOKEN = 'abcdeabcdeabcdeabcdeabcdef';

interface Case {
  readonly what: string;
  readonly reason: string;
  readonly stored?: string | undefined;
  readonly entry?: Partial<PassdbEntry>;
  readonly typed?: string;
  readonly user?: string;
  /** Passdbs that stand before and behind the one with bob in it. */
  readonly before?: Partial<StepRules>;
}

const CASES: readonly Case[] = [
  { what: 'an unknown user', user: 'nobody@example.com', reason: 'unknown-user' },
  { what: 'a wrong password', typed: 'wrong', reason: 'wrong-password' },
  { what: 'a wrong password beside a fast scheme', stored: '{PLAIN}secret', typed: 'wrong', reason: 'wrong-password' },
  { what: 'a user without a password', stored: undefined, reason: 'no-password' },
  { what: 'a suspended user', entry: { canLogin: false }, reason: 'login-off' },
  { what: 'a suspended user’s wrong password', entry: { canLogin: false }, typed: 'x', reason: 'wrong-password' },
  {
    what: 'a suspended user with a fast scheme',
    stored: '{PLAIN}secret',
    entry: { canLogin: false },
    reason: 'login-off',
  },
  { what: 'a wrong network', entry: { allowNets: ['10.0.0.0/8'] }, reason: 'network' },
  {
    what: 'a main password that is refused',
    entry: { appPasswordsRequired: 'account' },
    reason: 'app-password-required',
  },
  { what: 'an app password that has expired', typed: TOKEN, reason: 'app-password-expired' },
  {
    what: 'an app password that has expired, without a main password',
    stored: undefined,
    typed: TOKEN,
    reason: 'app-password-expired',
  },
];

function addExpiredToken(entry: Partial<PassdbEntry>): Partial<PassdbEntry> {
  const sealed = sealToken(TOKEN);
  const appPassword = { id: 1, label: 'old', scopes: ['smtp'], allowNets: [], expiresAt: 1, ...sealed } as const;
  return { ...entry, appPasswords: [appPassword] };
}

describe('PasswordAuthenticator’s failures (RULES 40)', () => {
  for (const { what, reason, entry = {}, typed = 'secret', user = BOB, ...rest } of CASES) {
    it(`cost one slow hash for ${what}, every time`, async () => {
      const { login, passdb, hasher } = createLoginScene();
      passdb.set(BOB, 'stored' in rest ? rest.stored : SLOW, addExpiredToken(entry));
      for (let i = 0; i < 3; i++) {
        assert.equal(sayWhy(await login(user, typed)), reason);
        assert.equal(hasher.takeSlowCount(), 1);
      }
    });
  }

  it('cost one for whom a passdb denies, right or wrong', async () => {
    const deny = new MemoryPassdb('deny');
    deny.set(BOB, undefined);
    const local = new MemoryPassdb('local');
    local.set(BOB, SLOW);
    const { login, hasher } = createLoginScene({ steps: [stepOf(deny, { isDeny: true }), stepOf(local)] });
    for (const password of ['secret', 'wrong']) {
      assert.equal(sayWhy(await login(BOB, password)), 'denied');
      assert.equal(hasher.takeSlowCount(), 1);
    }
  });

  it('cost one when no passdb is asked at all', async () => {
    const { login, hasher } = createLoginScene({ steps: [stepOf(new MemoryPassdb(), { mechanisms: ['cram-md5'] })] });
    assert.equal(sayWhy(await login(BOB, 'secret')), 'unknown-user');
    assert.equal(hasher.takeSlowCount(), 1);
  });

  it('cost one where the right password was remembered', async () => {
    const { login, passdb, hasher } = createLoginScene();
    await login(BOB, 'secret');
    passdb.set(BOB, SLOW, { canLogin: false });
    hasher.takeSlowCount();
    assert.equal(sayWhy(await login(BOB, 'secret')), 'login-off');
    assert.equal(hasher.takeSlowCount(), 1);
  });

  it('cost none where nobody is looked up, whoever it is', async () => {
    const { login, hasher } = createLoginScene();
    assert.equal(sayWhy(await login(BOB, 'secret', { isSecured: false })), 'plaintext');
    assert.equal(sayWhy(await login('b\nb', 'secret')), 'bad-username');
    assert.equal(hasher.takeSlowCount(), 0);
  });

  it('are no answer when the queue is full, whoever it is', async () => {
    for (const { entry = {}, typed = 'secret', user = BOB, ...rest } of CASES) {
      const { login, passdb, hasher } = createLoginScene();
      passdb.set(BOB, 'stored' in rest ? rest.stored : SLOW, addExpiredToken(entry));
      hasher.verdict = 'busy';
      assert.equal((await login(user, typed)).kind, 'unavailable');
    }
  });

  it('cost one whatever the chain, for who is in one of its passdbs at most', async () => {
    const action = fc.constantFrom('return-ok', 'return', 'return-fail', 'continue', 'continue-ok', 'continue-fail');
    const rules = fc.record({
      isDeny: fc.boolean(),
      skip: fc.constantFrom('never', 'authenticated', 'unauthenticated'),
      resultSuccess: action,
      resultFailure: action,
      resultInternalfail: action,
    });
    const entry = fc.record({ canLogin: fc.boolean(), hasPassword: fc.boolean(), isSlow: fc.boolean() });
    const chain = fc.record({ rules: fc.array(rules, { maxLength: 5 }), place: fc.nat(5), entry });
    await fc.assert(
      fc.asyncProperty(chain, fc.boolean(), async ({ rules: all, place, entry: bob }, isRight) => {
        const steps = all.map((own, i) => stepOf(new MemoryPassdb(String(i)), own as Partial<StepRules>));
        const { passdb } = steps[place] ?? {};
        const stored = bob.isSlow ? SLOW : '{PLAIN}secret';
        if (passdb instanceof MemoryPassdb)
          passdb.set(BOB, bob.hasPassword ? stored : undefined, { canLogin: bob.canLogin });
        const { login, hasher } = createLoginScene({ steps });
        for (const user of [BOB, 'nobody@example.com']) {
          const outcome = await login(user, isRight ? 'secret' : 'wrong');
          const count = hasher.takeSlowCount();
          if (outcome.kind === 'rejected') assert.equal(count, 1);
          else assert.ok(count <= 1);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('cost a user with two hashes in two passdbs both', async () => {
    const [one, two] = [new MemoryPassdb('one'), new MemoryPassdb('two')];
    one.set(BOB, '{SHA512-CRYPT}a');
    two.set(BOB, '{SHA512-CRYPT}b');
    const { login, hasher } = createLoginScene({ steps: [stepOf(one), stepOf(two)] });
    await login(BOB, 'c');
    assert.equal(hasher.takeSlowCount(), 2);
  });
});

describe('PasswordAuthenticator’s failures look the same (RULES 40)', () => {
  it('but for the reason, which is for the log', async () => {
    const scenes: (readonly [LoginScene, string, string])[] = CASES.map((given) => {
      const scene = createLoginScene();
      scene.passdb.set(BOB, 'stored' in given ? given.stored : SLOW, addExpiredToken(given.entry ?? {}));
      return [scene, given.user ?? BOB, given.typed ?? 'secret'];
    });
    for (const [{ login }, user, typed] of scenes)
      assert.deepEqual(strip(await login(user, typed)), { kind: 'rejected', reason: undefined, user: undefined });
  });
});

describe('PasswordAuthenticator’s master failures (RULES 40)', () => {
  it('cost one slow hash, whatever is wrong', async () => {
    const masters = new MemoryPassdb('masters');
    masters.set('admin', '{SHA512-CRYPT}root');
    const local = new MemoryPassdb('local');
    local.set(BOB, SLOW);
    local.set('off@example.com', SLOW, { canLogin: false });
    local.set('gone@example.com', SLOW);
    const steps = [stepOf(masters, { isMaster: true }), stepOf(local)];
    const { act, hasher } = createLoginScene({ steps, findAccount });
    const cases: [target: string, master: string, password: string, reason: string][] = [
      [BOB, 'admin', 'wrong', 'wrong-password'],
      [BOB, 'nobody', 'root', 'unknown-user'],
      ['nobody@example.com', 'admin', 'root', 'unknown-target'],
      ['gone@example.com', 'admin', 'root', 'unknown-target'],
      ['off@example.com', 'admin', 'root', 'login-off'],
    ];
    for (const [target, master, password, reason] of cases) {
      assert.equal(sayWhy(await act(target, master, password)), reason);
      assert.equal(hasher.takeSlowCount(), 1, reason);
    }
  });
});

function strip(outcome: LoginOutcome): unknown {
  return { ...outcome, reason: undefined, user: undefined };
}

function findAccount(address: string): Promise<Lookup<unknown>> {
  return Promise.resolve(address === BOB ? found({}) : ABSENT);
}
