/** One user, typed in many ways: nothing that goes by the name may be got round by another spelling of it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isAsked, PLAIN_RULES } from '../../../src/auth/chain-step.ts';
import type { Passdb } from '../../../src/auth/passdb.ts';
import { UsernameReader } from '../../../src/auth/username.ts';
import { normalizeLogin } from '../../../src/core/address.ts';
import { stepOf, type LoginCoreOptions } from '../../support/login-core.ts';
import { BOB, CONTEXT, createLoginScene, sayWhy, type LoginScene } from '../../support/login-scene.ts';
import { MemoryPassdb } from '../../support/memory-passdb.ts';

const SPELLINGS = [
  BOB,
  'BOB@example.com',
  '"bob"@example.com',
  String.raw`"b\ob"@example.com`,
  'bob@example.com.',
  'bob@\uFF45xample.com',
];
const SALT = 'c2FsdHNhbHRzYWx0c2FsdA==';
const KEY = `${'A'.repeat(43)}=`;

/** A passdb that finds a user by every spelling, as all drivers do. */
function lenient(users: Readonly<Record<string, string>>): Passdb {
  const passdb = new MemoryPassdb('local');
  for (const [user, password] of Object.entries(users)) passdb.set(user, password);
  return {
    name: 'local',
    readVersion: () => undefined,
    find: (query) => passdb.find({ ...query, username: normalizeLogin(query.username) }),
  };
}

function setUp(passdb: Passdb, options: Partial<LoginCoreOptions> = {}): LoginScene {
  return createLoginScene({ steps: [stepOf(passdb)], usernames: new UsernameReader({ format: '%u' }), ...options });
}

describe('Another spelling of a name', () => {
  it('passes no username_filter that its user does not pass', async () => {
    const step = stepOf(lenient({ [BOB]: '{PLAIN}secret' }), { usernameFilter: [`!${BOB}`] });
    const { login } = createLoginScene({ steps: [step] });
    for (const typed of SPELLINGS) assert.equal(sayWhy(await login(typed, 'secret')), 'unknown-user', typed);
  });

  it('is counted as the same user', async () => {
    const { login, limits } = setUp(lenient({ [BOB]: '{PLAIN}secret' }));
    for (const typed of SPELLINGS) {
      await login(typed, 'wrong');
      await login(typed, 'secret');
    }
    const names = [...limits.judged, ...limits.failures, ...limits.successes].map(({ user }) => user);
    assert.equal(names.length, SPELLINGS.length * 4);
    assert.deepEqual([...new Set(names)], [BOB]);
  });

  it('has the same SCRAM salt, whether the user exists or not', async () => {
    const { core } = setUp(lenient({ [BOB]: `{SCRAM-SHA-256}4096,${SALT},${KEY},${KEY}` }));
    for (const local of ['bob', 'nobody']) {
      const salts = new Set<string>();
      for (const typed of SPELLINGS) {
        const username = typed
          .replace('bob', local)
          .replace(String.raw`b\ob`, local)
          .replace('BOB', local.toUpperCase());
        const context = { ...CONTEXT, mechanism: 'SCRAM-SHA-256' };
        const pending = await core.findCredential({ username, scheme: 'SCRAM-SHA-256' }, context);
        assert.ok(pending.kind === 'pending' && pending.credential.kind === 'verifier');
        salts.add(pending.credential.data.split(',')[1] ?? '');
      }
      assert.equal(salts.size, 1, local);
    }
  });
});

describe('isAsked() about a domain in its own script', () => {
  const subject = { username: 'bob@xn--e1afmkfd.xn--p1ai', mechanism: 'PLAIN', isAuthenticated: false };
  for (const domain of ['пример.рф', 'xn--e1afmkfd.xn--p1ai']) {
    it(`knows it by ${domain}`, () => {
      assert.ok(isAsked({ ...PLAIN_RULES, usernameFilter: [`*@${domain}`] }, subject));
      assert.ok(!isAsked({ ...PLAIN_RULES, usernameFilter: [`!*@${domain}`] }, subject));
    });
  }
});
