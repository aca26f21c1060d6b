/** `postern user` over several userdbs, some of which have no list or take their fields from a login. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createCliTools } from '../../../src/app-tools.ts';
import { checkVerb } from '../../../src/cli/check.ts';
import { domainVerb } from '../../../src/cli/domain.ts';
import { accountVerb } from '../../../src/cli/account.ts';
import { runProgram } from '../../../src/cli/program.ts';
import { userVerb } from '../../../src/cli/user.ts';
import { CollectingLogger } from '../../support/collecting-logger.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import type { Run } from './directory-site.ts';

type RunVerb = (args: readonly string[]) => Promise<Run>;

const EVERY_DRIVER = `
[passdb old]
driver = passwd-file
path = @users
[userdb local]
driver = sqlite
[userdb pre]
driver = prefetch
[userdb old]
driver = passwd-file
path = @more
[userdb all]
driver = static
domains = s.test
allow_all_users = yes
`;

async function makeSite(t: TestContext, sections = EVERY_DRIVER): Promise<RunVerb> {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'state'));
  const file = join(folder, 'postern.ini');
  const base = `[postern]\nstate_dir = ${folder}/state\n[mail]\nhome = ${folder}/mail/%d/%n\n`;
  writeFileSync(file, base + sections.replaceAll('@', `${folder}/`));
  writeFileSync(
    join(folder, 'users'),
    `pre@d.test:{PLAIN}x:::::: userdb_home=${folder}/mail/pre\nbare@d.test:{PLAIN}x\n`,
  );
  writeFileSync(join(folder, 'more'), 'old@d.test:{PLAIN}x\n');
  const tools = createCliTools(() => new CollectingLogger());
  const run: RunVerb = async (args) => {
    const terminal = new FakeTerminal();
    const code = await runProgram(['-c', file, ...args], {
      verbs: [domainVerb(tools), accountVerb(tools), userVerb(tools), checkVerb(tools)],
      terminal,
      environment: {},
      version: '0',
    });
    return { code, out: terminal.output, err: terminal.errors };
  };
  assert.equal((await run(['domain', 'add', 'd.test'])).code, 0);
  assert.equal((await run(['account', 'add', 'new@d.test', '--no-password'])).code, 0);
  return run;
}

describe('postern user over several userdbs', () => {
  it('lists every driver that can, and says which cannot', async (t) => {
    const run = await makeSite(t);
    const { code, out, err } = await run(['user', '*']);
    assert.deepEqual([code, out], [0, 'new@d.test\nold@d.test\n']);
    assert.match(
      err,
      /^Not all users are listed: \[userdb pre\] cannot be listed: .*; \[userdb all\] cannot be listed: /,
    );
    assert.equal((await run(['user', 'nobody*'])).code, 75, 'whoever is in no list may fit');
  });

  it('says nothing where all are listed, and 67 for a pattern that fits nobody', async (t) => {
    const sections = '[passdb old]\ndriver = passwd-file\npath = @users\n[userdb local]\ndriver = sqlite\n';
    const run = await makeSite(t, sections);
    assert.deepEqual(await run(['user', '*']), { code: 0, out: 'new@d.test\n', err: '' });
    assert.equal((await run(['user', 'nobody*'])).code, 67);
  });

  it('knows a user of prefetch after a login only', async (t) => {
    const run = await makeSite(t);
    assert.equal((await run(['user', 'pre@d.test'])).code, 67);
    const { code, out } = await run(['user', '--login', 'Pre@d.test']);
    assert.equal(code, 0);
    assert.match(out, /^user {10}pre@d\.test\nuserdb {8}pre\nhome {10}\S+\/mail\/pre\n/);
    assert.match((await run(['user', '--login', '-f', 'home', 'pre@d.test'])).out, /^\S+\/mail\/pre\n$/);
    const json: { address: string; source: string } = JSON.parse(
      (await run(['user', '--login', '--json', 'pre@d.test'])).out,
    );
    assert.deepEqual([json.address, json.source], ['pre@d.test', 'pre']);
    const bare = await run(['user', '--login', 'bare@d.test']);
    assert.deepEqual([bare.code, bare.err], [67, 'postern: No userdb knows "bare@d.test"\n']);
    const unknown = await run(['user', '--login', 'new@d.test']);
    assert.deepEqual([unknown.code, unknown.err], [67, 'postern: No passdb knows "new@d.test"\n']);
    assert.equal((await run(['user', '--login', '*'])).code, 64);
  });

  it('is told by check that not all were looked at', async (t) => {
    const run = await makeSite(t);
    const { code, out } = await run(['check']);
    assert.equal(code, 0);
    assert.match(out, /^2 accounts\nnote: not all accounts were looked at: \[userdb pre\]/m);
  });
});
