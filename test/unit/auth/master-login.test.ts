import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LoginOutcome } from '../../../src/auth/login.ts';
import { UsernameReader } from '../../../src/auth/username.ts';
import { ABSENT, found, unavailable, type Lookup } from '../../../src/core/outcome.ts';
import { sealToken } from '../../../src/auth/app-password.ts';
import { PLAIN_ENTRY, type PassdbQuery } from '../../../src/auth/passdb.ts';
import { stepOf, type LoginCoreOptions } from '../../support/login-core.ts';
import { BOB, createLoginScene, sayWhy, type LoginScene } from '../../support/login-scene.ts';
import { MemoryPassdb } from '../../support/memory-passdb.ts';

const ADMIN = 'admin';
const TOKEN = 'abcdeabcdeabcdeabcdeabcdef';

interface MasterScene extends LoginScene {
  readonly masters: MemoryPassdb;
}

function setUp(options: Partial<LoginCoreOptions> = {}): MasterScene {
  const masters = new MemoryPassdb('masters');
  masters.set(ADMIN, '{SHA512-CRYPT}root');
  const local = new MemoryPassdb('local');
  local.set(BOB, '{SHA512-CRYPT}secret');
  const scene = createLoginScene({
    steps: [stepOf(masters, { isMaster: true }), stepOf(local)],
    usernames: new UsernameReader({ format: '%Lu', masterSeparator: '*' }),
    findAccount: (address) => Promise.resolve(address === BOB ? found({}) : ABSENT),
    ...options,
  });
  return { ...scene, masters, passdb: local };
}

const ACCEPTED: LoginOutcome = { kind: 'accepted', user: BOB, isCached: false, passdb: 'local', masterUser: ADMIN };

function rejected(reason: string): unknown {
  return { kind: 'rejected', reason, user: BOB, masterUser: ADMIN };
}

describe('PasswordAuthenticator and masters', () => {
  it('lets a master in as another, by authorization id and by name', async () => {
    const { act, login } = setUp();
    assert.deepEqual(await act(BOB, 'Admin', 'root'), ACCEPTED);
    assert.deepEqual(await login('Bob@example.com*admin', 'root'), { ...ACCEPTED, isCached: true });
  });

  it('takes no other password, not that of the user either', async () => {
    const { act } = setUp();
    assert.deepEqual(await act(BOB, ADMIN, 'wrong'), rejected('wrong-password'));
    assert.deepEqual(await act(BOB, ADMIN, 'secret'), rejected('wrong-password'));
    const unknown = await act(BOB, 'nobody', 'root');
    assert.deepEqual(unknown, { kind: 'rejected', reason: 'unknown-user', user: BOB, masterUser: 'nobody' });
  });

  it('lets nobody act as another who is no master', async () => {
    const { act, passdb } = setUp();
    passdb.set('zoe@example.com', '{SHA512-CRYPT}pw');
    assert.equal(sayWhy(await act(BOB, 'zoe@example.com', 'pw')), 'unknown-user');
  });

  it('is refused without a passdb for masters', async () => {
    const { act, passdb } = createLoginScene();
    passdb.set(ADMIN, '{SHA512-CRYPT}root');
    assert.deepEqual(await act(BOB, ADMIN, 'root'), rejected('authorization-id'));
    assert.deepEqual(passdb.asked, []);
  });

  it('asks passdbs for masters about nobody else', async () => {
    const { login, masters } = setUp();
    assert.equal(sayWhy(await login(ADMIN, 'root')), 'unknown-user');
    assert.deepEqual(masters.asked, []);
  });

  it('lets a master in as somebody only: in a passdb and with an account', async () => {
    const { act, passdb } = setUp();
    assert.equal(sayWhy(await act('nobody@example.com', ADMIN, 'root')), 'unknown-target');
    passdb.set('no-account@example.com', '{SHA512-CRYPT}x');
    assert.equal(sayWhy(await act('no-account@example.com', ADMIN, 'root')), 'unknown-target');
  });

  it('lets a master in as nobody either when a rule says yes to everybody', async () => {
    const masters = new MemoryPassdb('masters');
    masters.set(ADMIN, '{SHA512-CRYPT}root');
    const open = stepOf(new MemoryPassdb('open'), { resultFailure: 'return-ok' });
    const { act } = createLoginScene({
      steps: [stepOf(masters, { isMaster: true }), open],
      findAccount: findEverybody,
    });
    assert.equal(sayWhy(await act(BOB, ADMIN, 'root')), 'unknown-target');
    const openMasters = stepOf(masters, { isMaster: true, resultFailure: 'return-ok' });
    const other = createLoginScene({ steps: [openMasters, stepOf(new MemoryPassdb())], findAccount: findEverybody });
    assert.equal(sayWhy(await other.act(BOB, 'stranger', 'x')), 'unknown-user');
  });

  it('refuses whom login is turned off for, whom a passdb denies, and who is elsewhere', async () => {
    const { act, passdb } = setUp();
    passdb.set(BOB, '{SHA512-CRYPT}secret', { canLogin: false });
    assert.deepEqual(await act(BOB, ADMIN, 'root'), rejected('login-off'));
    passdb.set(BOB, '{SHA512-CRYPT}secret', { allowNets: ['10.0.0.0/8'] });
    assert.deepEqual(await act(BOB, ADMIN, 'root'), rejected('network'));
    const deny = new MemoryPassdb('deny');
    deny.set(BOB, undefined);
    const { masters } = setUp();
    const local = new MemoryPassdb('local');
    local.set(BOB, '{SHA512-CRYPT}secret');
    const steps = [stepOf(masters, { isMaster: true }), stepOf(deny, { isDeny: true }), stepOf(local)];
    assert.deepEqual(await setUp({ steps }).act(BOB, ADMIN, 'root'), rejected('denied'));
  });

  it('refuses a master whose own login is off, or who is elsewhere', async () => {
    const { act, masters } = setUp();
    masters.set(ADMIN, '{SHA512-CRYPT}root', { canLogin: false });
    assert.deepEqual(await act(BOB, ADMIN, 'root'), rejected('login-off'));
    masters.set(ADMIN, '{SHA512-CRYPT}root', { allowNets: ['10.0.0.0/8'] });
    assert.deepEqual(await act(BOB, ADMIN, 'root'), rejected('network'));
  });

  it('takes oneself for nobody else, in whatever form', async () => {
    const { act, login, passdb } = setUp();
    const expected = { kind: 'accepted', user: BOB, isCached: false, passdb: 'local' };
    passdb.set(BOB, '{PLAIN}secret');
    assert.deepEqual(await act(BOB, BOB, 'secret'), expected);
    assert.deepEqual(await act('BOB@example.com', 'Bob@Example.com', 'secret'), { ...expected, isCached: true });
    assert.deepEqual(await login('bob@example.com*BOB@example.com', 'secret'), { ...expected, isCached: true });
  });

  it('cannot tell while any of the three it asks is down', async () => {
    const { act, masters, passdb } = setUp();
    passdb.outage = 'gone';
    assert.equal(sayWhy(await act(BOB, ADMIN, 'root')), 'unavailable');
    passdb.outage = undefined;
    masters.outage = 'gone';
    assert.equal(sayWhy(await act(BOB, ADMIN, 'wrong')), 'unavailable');
    assert.equal(sayWhy(await setUp({ findAccount: findNobody }).act(BOB, ADMIN, 'root')), 'unavailable');
  });

  it('remembers the master’s password, and never whom they may act as', async () => {
    const { act, hasher, masters, passdb, recall } = setUp();
    masters.version = 1;
    passdb.version = 1;
    await act(BOB, ADMIN, 'root');
    assert.deepEqual(await act(BOB, ADMIN, 'root'), { ...ACCEPTED, isCached: true });
    assert.equal(hasher.takeSlowCount(), 1);
    assert.equal(passdb.asked.length, 2);
    assert.equal(recall(ADMIN, 'root'), undefined);
    passdb.outage = 'gone';
    assert.equal(sayWhy(await act(BOB, ADMIN, 'root')), 'unavailable');
  });

  it('is counted under the master’s name, and never free of penalties', async () => {
    const { core, limits } = setUp();
    const login = { username: ADMIN, authorizationId: BOB, password: Buffer.from('x') };
    const context = { service: 'smtp', mechanism: 'PLAIN', localAddress: '', isSecured: true };
    await core.verify(login, { ...context, remoteAddress: '127.0.0.1', skipsPenalty: true });
    assert.deepEqual(limits.failures, [{ user: ADMIN, remoteAddress: '127.0.0.1', password: 'x' }]);
  });

  it('asks for the target with who acts as it', async () => {
    const queries: PassdbQuery[] = [];
    const masters = new MemoryPassdb('masters');
    masters.set(ADMIN, '{SHA512-CRYPT}root');
    const passdb = {
      name: 'local',
      readVersion: () => undefined,
      find: (query: PassdbQuery) => {
        queries.push(query);
        return Promise.resolve(found({ ...PLAIN_ENTRY, user: BOB, password: undefined }));
      },
    };
    const { act } = setUp({ steps: [stepOf(masters, { isMaster: true }), stepOf(passdb)] });
    assert.equal(sayWhy(await act('Bob@example.com', ADMIN, 'root')), 'accepted');
    const asked = queries.map(({ username, typedName, masterUser }) => ({ username, typedName, masterUser }));
    assert.deepEqual(asked, [{ username: BOB, typedName: 'Bob@example.com', masterUser: ADMIN }]);
  });

  it('takes a master’s main password only, also where the site wants app passwords of everybody else (RULES 41)', async () => {
    const { act, masters } = setUp({ areAppPasswordsRequired: true });
    assert.equal(sayWhy(await act(BOB, ADMIN, 'root')), 'accepted');
    const appPassword = { id: 1, label: 'x', scopes: ['smtp'], allowNets: [], expiresAt: undefined } as const;
    masters.set(ADMIN, '{SHA512-CRYPT}root', { appPasswords: [{ ...appPassword, ...sealToken(TOKEN) }] });
    assert.equal(sayWhy(await act(BOB, ADMIN, TOKEN)), 'wrong-password');
    masters.set(ADMIN, '{SHA512-CRYPT}root', { appPasswordsRequired: 'account' });
    assert.equal(sayWhy(await act(BOB, ADMIN, 'root')), 'app-password-required');
  });
});

function findEverybody(): Promise<Lookup<unknown>> {
  return Promise.resolve(found({}));
}

function findNobody(): Promise<Lookup<unknown>> {
  return Promise.resolve(unavailable('gone'));
}
