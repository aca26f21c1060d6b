import assert from 'node:assert/strict';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createAuthenticator } from '../../src/app-login.ts';
import { createHasher, createUsers, databasePath } from '../../src/app-users.ts';
import { makeToken, parseToken, sealToken } from '../../src/auth/app-password.ts';
import type { PasswordAuthenticator } from '../../src/auth/authenticator.ts';
import type { LoginOutcome } from '../../src/auth/login.ts';
import { parseConfig } from '../../src/config/load-config.ts';
import type { DirectoryAdmin } from '../../src/directory/admin.ts';
import { openAdmin } from '../store/engines.ts';
import { CollectingLogger } from '../support/collecting-logger.ts';
import { CONTEXT, RecordingLimits, RecordingUpdates, sayWhy } from '../support/login-scene.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const BOB = 'bob@example.com';

interface Site {
  readonly core: PasswordAuthenticator;
  readonly admin: DirectoryAdmin;
  readonly updates: RecordingUpdates;
  readonly limits: RecordingLimits;
  readonly folder: string;
  readonly login: (username: string, password: string, more?: LoginMore) => Promise<LoginOutcome>;
  /** Whether the same login is known as it comes over the wire. */
  readonly isRecalled: (username: string, password: string) => boolean;
}

interface LoginMore {
  readonly authorizationId?: string;
  readonly service?: string;
  readonly remoteAddress?: string;
}

/** The login core of a configuration whose FOLDER has an embedded database with Bob in it. */
async function openSite(t: TestContext, text: string, files: Readonly<Record<string, string>> = {}): Promise<Site> {
  const folder = temporaryFolder(t);
  for (const [name, lines] of Object.entries(files)) writeFileSync(join(folder, name), lines);
  const common = `[postern]\nstate_dir = ${folder}\n[auth]\ndefault_scheme = SHA256-CRYPT\nhash_workers = 1\n`;
  const { config } = parseConfig(`${common}${text.replaceAll('FOLDER', folder)}`, 'postern.ini');
  mkdirSync(folder, { recursive: true });
  const admin = openAdmin(databasePath(config));
  await admin.domains.add('example.com', {});
  await admin.accounts.add(BOB, { adopt: true, password: '{PLAIN}secret' });
  const logger = new CollectingLogger();
  const users = createUsers(config, logger);
  const hasher = createHasher(config, logger);
  await hasher.start();
  t.after(async () => {
    admin.close();
    users.close();
    await hasher.stop();
  });
  const updates = new RecordingUpdates();
  const limits = new RecordingLimits();
  const waitingRoom = { wait: () => Promise.resolve(true) };
  const listMechanisms = (): readonly string[] => config.auth.mechanisms;
  const core = createAuthenticator({ config, logger, users, hasher, limits, waitingRoom, updates, listMechanisms });
  return {
    core,
    admin,
    updates,
    limits,
    folder,
    login: (username, password, { authorizationId, ...context } = {}) =>
      core.verify(
        { username, password: Buffer.from(password), authorizationId, initialResponse: encode(username, password) },
        { ...CONTEXT, ...context },
      ),
    isRecalled: (username, password) => core.recall(encode(username, password), CONTEXT) !== undefined,
  };
}

function encode(username: string, password: string): string {
  return Buffer.from(`\0${username}\0${password}`).toString('base64');
}

describe('createAuthenticator() with the embedded database', () => {
  it('recalls a login until anything is committed, and lets every change bite at once (DESIGN 1.6)', async (t) => {
    const { login, isRecalled, admin } = await openSite(t, '');
    const changes: [string, () => Promise<unknown>, string][] = [
      ['another domain', () => admin.domains.add('example.org', {}), 'accepted'],
      ['a suspension', () => admin.accounts.set(BOB, { canLogin: false }), 'login-off'],
      ['the end of it', () => admin.accounts.set(BOB, { canLogin: true }), 'accepted'],
      ['a network', () => admin.accounts.set(BOB, { allowNets: ['10.0.0.0/8'] }), 'network'],
      ['no network', () => admin.accounts.set(BOB, { allowNets: [] }), 'accepted'],
      ['a requirement', () => admin.accounts.set(BOB, { appPasswordsRequired: true }), 'app-password-required'],
      ['the end of that', () => admin.accounts.set(BOB, { appPasswordsRequired: false }), 'accepted'],
      ['a new password', () => admin.accounts.set(BOB, { password: '{PLAIN}new' }), 'wrong-password'],
    ];
    assert.equal(sayWhy(await login(BOB, 'secret')), 'accepted');
    for (const [what, change, verdict] of changes) {
      await change();
      await new Promise((resolve) => setTimeout(resolve, 2));
      assert.equal(isRecalled(BOB, 'secret'), false, what);
      assert.equal(sayWhy(await login(BOB, 'secret')), verdict, what);
      assert.equal(isRecalled(BOB, 'secret'), verdict === 'accepted', what);
    }
  });

  it('lets the end of an app password bite at once', async (t) => {
    const { login, isRecalled, admin, updates } = await openSite(t, '');
    const shown = makeToken();
    const sealed = sealToken(parseToken(Buffer.from(shown)) ?? '');
    await admin.appPasswords.add(BOB, {
      label: 'phone',
      scopes: ['smtp'],
      allowNets: [],
      expiresAt: undefined,
      ...sealed,
    });
    const outcome = await login(BOB, shown);
    assert.ok(outcome.kind === 'accepted' && outcome.appPassword === 'phone');
    assert.ok(isRecalled(BOB, shown));
    assert.equal(updates.uses.length, 1);
    await admin.appPasswords.revoke(BOB, 'phone');
    await new Promise((resolve) => setTimeout(resolve, 2));
    assert.equal(isRecalled(BOB, shown), false);
    assert.equal(sayWhy(await login(BOB, shown)), 'wrong-password');
  });

  it('knows in an outage who was good lately, and forgets an old password that was seen to change', async (t) => {
    const { login, admin, folder } = await openSite(t, '');
    await admin.accounts.add('zoe@example.com', { adopt: true, password: '{PLAIN}pw' });
    await login(BOB, 'secret');
    await admin.accounts.set(BOB, { password: '{PLAIN}new' });
    await new Promise((resolve) => setTimeout(resolve, 2));
    assert.equal(sayWhy(await login(BOB, 'new')), 'accepted');
    renameSync(join(folder, 'postern.db'), join(folder, 'away'));
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(sayWhy(await login(BOB, 'new')), 'accepted');
    assert.equal(sayWhy(await login(BOB, 'secret')), 'unavailable');
    assert.equal(sayWhy(await login('zoe@example.com', 'pw')), 'unavailable');
    renameSync(join(folder, 'away'), join(folder, 'postern.db'));
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(sayWhy(await login(BOB, 'secret')), 'wrong-password');
  });

  it('hashes a password anew when upgrade_scheme says so, and only then', async (t) => {
    for (const [setting, count] of [
      ['no', 0],
      ['yes', 1],
    ] as const) {
      const { core, login, updates } = await openSite(t, `upgrade_scheme = ${setting}\n`);
      await login(BOB, 'secret');
      for (let i = 0; i < 200 && core.counters.upgrades < count; i++) await new Promise((done) => setTimeout(done, 10));
      assert.equal(updates.replaced.length, count);
      if (count > 0) assert.match(updates.replaced[0]?.to ?? '', /^\{SHA256-CRYPT\}/);
    }
  });

  it('explains a login and changes nothing by it', async (t) => {
    const { core, updates, isRecalled } = await openSite(t, 'upgrade_scheme = yes\n');
    const login = { username: BOB, password: Buffer.from('secret'), initialResponse: encode(BOB, 'secret') };
    const { outcome, steps } = await core.explain(login, CONTEXT);
    assert.equal(outcome.kind, 'accepted');
    assert.deepEqual(steps, [{ passdb: 'local', verdict: 'success' }]);
    assert.equal(isRecalled(BOB, 'secret'), false);
    assert.deepEqual([updates.replaced, core.counters.remembered], [[], 0]);
  });
});

describe('createAuthenticator() with a users file', () => {
  it('recalls a login, and lets a changed file bite within a second (DESIGN 1.6)', async (t) => {
    const text = '[passdb old]\ndriver = passwd-file\npath = FOLDER/old\n';
    const { login, isRecalled, folder } = await openSite(t, text, { old: `${BOB}:{PLAIN}old::::::\n` });
    // The file is read at the first login, and only the second one knows what it stands on.
    for (let i = 0; i < 2; i++) assert.equal(sayWhy(await login(BOB, 'old')), 'accepted');
    assert.ok(isRecalled(BOB, 'old'));
    writeFileSync(join(folder, 'new'), `${BOB}:{PLAIN}changed::::::\n`);
    renameSync(join(folder, 'new'), join(folder, 'old'));
    const changedAt = performance.now();
    const getsIn = async (): Promise<boolean> =>
      isRecalled(BOB, 'old') || sayWhy(await login(BOB, 'old')) === 'accepted';
    while (await getsIn()) {
      // A tenth of the second is for a machine that is busy with something else.
      assert.ok(performance.now() - changedAt < 1100);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.equal(sayWhy(await login(BOB, 'changed')), 'accepted');
  });
});

describe('createAuthenticator() by the sections of the configuration', () => {
  const CHAIN = `auth_master_user_separator = *
default_domain = example.com
[passdb masters]
driver = passwd-file
path = FOLDER/masters
master = yes
[passdb old]
driver = passwd-file
path = FOLDER/old
username_filter = *@example.com !former@*
mechanisms = plain login
override_fields = allow_nets=198.51.100.0/24
[passdb local]
driver = sqlite
[userdb local]
driver = sqlite
`;
  const FILES = {
    masters: 'admin@example.com:{PLAIN}root::::::\n',
    old: 'bob@example.com:{PLAIN}old::::::\nformer@example.com:{PLAIN}x::::::\n',
  };

  it('asks the passdbs in their order, with their rules and fields', async (t) => {
    const { login } = await openSite(t, CHAIN, FILES);
    const cases: [string, string, LoginMore, string][] = [
      ['bob', 'old', {}, 'old'],
      ['Bob@Example.com', 'secret', {}, 'local'],
      ['bob', 'old', { remoteAddress: '192.0.2.1' }, 'network'],
      ['bob', 'secret', { remoteAddress: '192.0.2.1' }, 'local'],
      ['former', 'x', {}, 'unknown-user'],
      ['admin', 'root', {}, 'unknown-user'],
      ['bob*admin', 'root', {}, 'local'],
      ['admin', 'root', { authorizationId: 'bob' }, 'local'],
      ['nobody*admin', 'root', {}, 'unknown-target'],
      ['former*admin', 'root', {}, 'unknown-target'],
    ];
    for (const [username, password, more, expected] of cases) {
      const outcome = await login(username, password, more);
      const said = outcome.kind === 'accepted' ? outcome.passdb : sayWhy(outcome);
      // The old passdb knows bob as well, from its own networks.
      const isMaster = username.includes('admin') && expected === 'local';
      assert.equal(said, isMaster ? 'old' : expected, `${username} ${password}`);
      if (outcome.kind === 'accepted') assert.equal(outcome.user, BOB);
    }
  });

  it('tells apart what a section’s fields depend on, and only that', async (t) => {
    for (const [fields, isKnown] of [
      ['reason=%s', true],
      ['reason=%r', false],
      ['reason=%{remote_ip}', false],
      ['reason=%l', true],
    ] as const) {
      const { core, login } = await openSite(t, `[passdb local]\ndriver = sqlite\noverride_fields = ${fields}\n`);
      await login(BOB, 'secret');
      const context = { ...CONTEXT, remoteAddress: '192.0.2.1' };
      assert.equal(core.recall(encode(BOB, 'secret'), context) !== undefined, isKnown, fields);
      assert.ok(core.recall(encode(BOB, 'secret'), CONTEXT) !== undefined);
    }
  });

  it('wants app passwords of the whole site when told so (RULES 41)', async (t) => {
    const { login } = await openSite(t, 'app_passwords_required = yes\n');
    const outcome = await login(BOB, 'secret');
    assert.deepEqual(outcome, {
      kind: 'rejected',
      reason: 'app-password-required',
      user: BOB,
      tellsAppPassword: true,
    });
  });

  it('translates characters of a name (RULES 43)', async (t) => {
    const { login } = await openSite(t, 'username_translation = "#@"\n');
    assert.equal(sayWhy(await login('Bob#Example.com', 'secret')), 'accepted');
  });

  it('keeps a login inside username_chars', async (t) => {
    const { login } = await openSite(t, 'username_chars = a-z.@\n');
    assert.equal(sayWhy(await login(BOB, 'secret')), 'accepted');
    assert.equal(sayWhy(await login('Bob@example.com', 'secret')), 'bad-username');
  });
});
