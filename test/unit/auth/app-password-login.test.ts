import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digestToken, makeToken, parseToken, sealToken, type AppPassword } from '../../../src/auth/app-password.ts';
import { BOB, createLoginScene, sayWhy, type LoginScene } from '../../support/login-scene.ts';
import { stepOf } from '../../support/login-core.ts';
import { MemoryPassdb } from '../../support/memory-passdb.ts';

const PHONE = makeToken();
const LAPTOP = makeToken();

function seal(shown: string, rest: Partial<AppPassword> = {}): AppPassword {
  const token = parseToken(Buffer.from(shown)) ?? '';
  return { id: 1, label: 'phone', scopes: ['smtp'], allowNets: [], expiresAt: undefined, ...sealToken(token), ...rest };
}

function setUp(appPasswords: readonly AppPassword[] = [seal(PHONE)]): LoginScene {
  const scene = createLoginScene();
  scene.passdb.set(BOB, '{SHA512-CRYPT}secret', { appPasswords });
  return scene;
}

const ACCEPTED = { kind: 'accepted', user: BOB, isCached: false, passdb: 'local', appPassword: 'phone' };

describe('PasswordAuthenticator and app passwords', () => {
  it('takes one beside the main password, with or without its separators, at the cost of no slow hash', async () => {
    const { login, hasher } = setUp([seal(LAPTOP, { id: 2, label: 'laptop' }), seal(PHONE)]);
    for (const typed of [PHONE, PHONE.replaceAll('-', ''), PHONE.toUpperCase(), ` ${PHONE.replaceAll('-', ' ')}`])
      assert.deepEqual(await login(BOB, typed), ACCEPTED);
    assert.deepEqual(await login(BOB, LAPTOP), { ...ACCEPTED, appPassword: 'laptop' });
    assert.equal(hasher.takeSlowCount(), 0);
    assert.equal(sayWhy(await login(BOB, 'secret')), 'accepted');
  });

  it('takes no other token, and costs one slow hash to say so (RULES 40)', async () => {
    const { login, hasher } = setUp();
    assert.equal(sayWhy(await login(BOB, LAPTOP)), 'wrong-password');
    assert.equal(hasher.takeSlowCount(), 1);
    // Digests are no passwords.
    assert.equal(sayWhy(await login(BOB, digestToken('x', Buffer.alloc(32)).toString('base64'))), 'wrong-password');
  });

  const refusals: [string, Partial<AppPassword>, string][] = [
    ['of another scope', { scopes: ['imap', 'pop3', 'sieve'] }, 'app-password-scope'],
    ['of no scope', { scopes: [] }, 'app-password-scope'],
    ['that has expired', { expiresAt: 1000 }, 'app-password-expired'],
    ['of another network', { allowNets: ['10.0.0.0/8'] }, 'app-password-network'],
    ['whose networks cannot be read', { allowNets: ['nonsense'] }, 'app-password-network'],
  ];
  for (const [what, rest, reason] of refusals) {
    it(`refuses one ${what}, after the main password was compared (RULES 40)`, async () => {
      const { login, hasher } = setUp([seal(PHONE, rest)]);
      assert.deepEqual(await login(BOB, PHONE), { kind: 'rejected', reason, user: BOB });
      assert.equal(hasher.takeSlowCount(), 1);
    });
  }

  it('takes one inside its networks and before it expires', async () => {
    const { login, clock } = setUp([seal(PHONE, { allowNets: ['198.51.100.0/24'], expiresAt: 1001 })]);
    assert.equal(sayWhy(await login(BOB, PHONE)), 'accepted');
    clock.time = 1001;
    assert.equal(sayWhy(await login(BOB, PHONE)), 'app-password-expired');
  });

  it('lets none past a suspension or the account’s own networks', async () => {
    const { login, passdb } = setUp();
    const appPasswords = [seal(PHONE)];
    passdb.set(BOB, '{SHA512-CRYPT}secret', { appPasswords, canLogin: false });
    assert.equal(sayWhy(await login(BOB, PHONE)), 'login-off');
    passdb.set(BOB, '{SHA512-CRYPT}secret', { appPasswords, allowNets: ['10.0.0.0/8'] });
    assert.equal(sayWhy(await login(BOB, PHONE)), 'network');
  });

  it('tells the store of a use at most once a minute for each password and address', async () => {
    const { login, recall, passdb, clock, updates } = setUp([seal(PHONE), seal(LAPTOP, { id: 2 })]);
    passdb.version = 1;
    const remoteAddress = '192.0.2.44';
    await login(BOB, PHONE);
    await login(BOB, PHONE);
    assert.ok(recall(BOB, PHONE) !== undefined);
    await login(BOB, LAPTOP);
    await login(BOB, PHONE, { remoteAddress });
    clock.time += 60_000;
    assert.equal(recall(BOB, PHONE), undefined);
    await login(BOB, PHONE);
    const told = updates.uses.map(({ id, at, remoteAddress: from, service }) => [id, at, from, service].join(' '));
    assert.deepEqual(told, [
      '1 1000 198.51.100.7 smtp',
      '2 1000 198.51.100.7 smtp',
      '1 1000 192.0.2.44 smtp',
      '1 61000 198.51.100.7 smtp',
    ]);
  });

  it('tells the store of a recalled use as well', async () => {
    const { login, recall, passdb, clock, updates } = setUp();
    passdb.version = 1;
    await login(BOB, PHONE);
    clock.time += 59_999;
    recall(BOB, PHONE);
    assert.equal(updates.uses.length, 1);
    assert.ok(recall(BOB, PHONE, { remoteAddress: '192.0.2.44' }) !== undefined);
    assert.deepEqual(
      updates.uses.map(({ remoteAddress }) => remoteAddress),
      ['198.51.100.7', '192.0.2.44'],
    );
  });
});

describe('PasswordAuthenticator where app passwords are required (RULES 41)', () => {
  it('refuses the main password of one account, which only the log says', async () => {
    const { login, passdb } = setUp();
    passdb.set(BOB, '{SHA512-CRYPT}secret', { appPasswords: [seal(PHONE)], appPasswordsRequired: 'account' });
    assert.deepEqual(await login(BOB, PHONE), ACCEPTED);
    const main = await login(BOB, 'secret');
    assert.deepEqual(main, { kind: 'rejected', reason: 'app-password-required', user: BOB });
    assert.deepEqual(await login(BOB, 'wrong'), { kind: 'rejected', reason: 'wrong-password', user: BOB });
  });

  it('refuses any password of an account without one', async () => {
    const { login, passdb } = setUp();
    passdb.set(BOB, undefined, { isPasswordless: true, appPasswordsRequired: 'account' });
    assert.equal(sayWhy(await login(BOB, 'anything')), 'app-password-required');
  });

  it('says so for every failure in a domain that requires them, and in no other', async () => {
    const { login, passdb } = setUp();
    passdb.requiredIn.add('example.com');
    passdb.set(BOB, '{SHA512-CRYPT}secret', { appPasswords: [seal(PHONE)], appPasswordsRequired: 'domain' });
    passdb.set('off@example.com', '{SHA512-CRYPT}secret', { canLogin: false });
    passdb.set('far@example.com', '{SHA512-CRYPT}secret', { allowNets: ['10.0.0.0/8'] });
    const users = [BOB, 'off@example.com', 'far@example.com', 'nobody@example.com'];
    for (const user of users) {
      for (const password of ['secret', 'wrong', LAPTOP]) {
        const outcome = await login(user, password);
        assert.ok(outcome.kind === 'rejected' && outcome.tellsAppPassword === true, `${user} ${password}`);
      }
    }
    const other = await login('nobody@example.org', 'x');
    assert.ok(other.kind === 'rejected' && other.tellsAppPassword === undefined);
    assert.deepEqual(await login(BOB, PHONE), ACCEPTED);
  });

  it('says so for every failure of the whole site, and asks it of every passdb', async () => {
    const old = new MemoryPassdb('old');
    old.set(BOB, '{SHA512-CRYPT}secret');
    const { login } = createLoginScene({ steps: [stepOf(old)], areAppPasswordsRequired: true });
    const failures = [await login(BOB, 'secret'), await login('nobody', 'x'), await login('b\nb', 'x')];
    for (const outcome of failures) assert.ok(outcome.kind === 'rejected' && outcome.tellsAppPassword === true);
    assert.deepEqual(failures.map(sayWhy), ['app-password-required', 'unknown-user', 'bad-username']);
  });
});
