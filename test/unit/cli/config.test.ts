import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { ListedPassword } from '../../../src/auth/passdb.ts';
import { describeHash } from '../../../src/auth/schemes/hash-facts.ts';
import { checkVerb } from '../../../src/cli/check.ts';
import type { SurveyedPassdb } from '../../../src/cli/password-survey.ts';
import { configVerb } from '../../../src/cli/config.ts';
import { runProgram } from '../../../src/cli/program.ts';
import { parseConfig } from '../../../src/config/load-config.ts';
import { ABSENT } from '../../../src/core/outcome.ts';
import { Resolver } from '../../../src/directory/resolver.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';
import { MemorySource } from '../../support/memory-source.ts';

const folder = mkdtempSync(join(tmpdir(), 'postern-'));
after(() => rmSync(folder, { recursive: true }));

const path = join(folder, 'postern.ini');
const ours = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const users = new MemorySource({ accounts: ['bob@example.com', { address: 'own@example.com', ...ours }] });
let source = users;
let passdbs: SurveyedPassdb[] = [];
let fileFaults: string[] = [];
const tools = {
  describeHash,
  examineNotices: () => [],
  openDirectory: () => ({
    directory: new Resolver({ source, recipientDelimiter: '+' }),
    source,
    passwords: passdbs,
    examine: () => Promise.resolve(fileFaults),
    findLogin: () => Promise.resolve(ABSENT),
    homeOf: () => '/nonexistent',
    close: () => undefined,
  }),
};

/** A passdb that lists users with these passwords. */
function passdb(
  name: string,
  passwords: readonly (string | undefined)[],
  change: Partial<SurveyedPassdb> = {},
): SurveyedPassdb {
  async function* list(): AsyncIterable<ListedPassword> {
    for (const [i, password] of passwords.entries()) yield { user: `u${i}@d.test`, password };
    await Promise.resolve();
  }
  return { name, isOurs: false, isForLogins: true, mechanisms: [], list, ...change };
}

/** Runs the command on a file with this text. */
async function run(text: string, ...args: string[]) {
  writeFileSync(path, text);
  const terminal = new FakeTerminal();
  const verbs = [checkVerb(tools), configVerb];
  const code = await runProgram(args, { verbs, terminal, environment: { POSTERN_CONFIG: path }, version: '1' });
  return { code, out: terminal.output, err: terminal.errors };
}

describe('postern check', () => {
  it('says that a configuration is good, and what is worth a look', async () => {
    assert.deepEqual(await run('', 'check'), {
      code: 0,
      out: `${path}: configuration is good\n2 accounts\n`,
      err: '',
    });
    const { code, out } = await run('[http]\nlisten =\n', 'check');
    assert.equal(code, 0);
    assert.equal(out.split('\n')[1], `${path}: note: [http] listens nowhere: the service is off`);
  });

  it('RULES 13: says whose uid or gid is not ours', async (t) => {
    t.after(() => (source = users));
    const foreign = Array.from({ length: 30 }, (_, i) => ({
      address: `u${i}@example.com`,
      uid: ours.uid + 1,
      source: 'old',
    }));
    source = new MemorySource({ accounts: [...foreign, { address: 'own@example.com', ...ours }] });
    const { code, out, err } = await run('', 'check');
    assert.equal(code, 65);
    assert.match(out, /31 accounts\n$/);
    const lines = err.trimEnd().split('\n');
    assert.equal(lines[0], `[userdb old] u0@example.com: uid ${ours.uid + 1} is not ours, so its mail waits`);
    assert.equal(lines.length, 21);
    assert.equal(lines[20], 'and 10 accounts more');
  });

  it('says what is wrong with the lines of users files', async (t) => {
    t.after(() => (fileFaults = []));
    fileFaults = ['/etc/users:7: the user stands in an earlier line already'];
    const { code, err } = await run('', 'check');
    assert.equal(code, 65);
    assert.equal(err, `${fileFaults[0]}\n`);
  });

  it('counts passwords by their schemes, and names the weak ones without failing for them', async (t) => {
    t.after(() => (passdbs = []));
    const md5 = '{MD5-CRYPT}$1$salt$abcdefghijklmnopqrstuv';
    passdbs = [
      passdb('local', ['{PLAIN}x', md5, md5, '{PLAIN}y', '{PLAIN}z', undefined, '{CRYPT}!'], { isOurs: true }),
      passdb('old', ['{CRYPT}$1$salt$abcdefghijklmnopqrstuv']),
    ];
    const { code, out, err } = await run('', 'check');
    assert.equal(code, 0);
    assert.match(out, /^\[passdb local\] passwords: 3 PLAIN, 2 MD5-CRYPT\n\[passdb old\] passwords: 1 CRYPT\n$/m);
    const weak = 'its thousand rounds of MD5 are quickly tried';
    assert.equal(
      err,
      `[passdb local] 2 weak passwords of MD5-CRYPT (${weak}): [auth] upgrade_scheme = yes replaces each at its next login\n` +
        `[passdb old] 1 weak passwords of CRYPT (${weak}): give them new ones\n`,
    );
    const upgrading = await run('[auth]\nupgrade_scheme = yes\n', 'check');
    assert.match(upgrading.err, /each is replaced at its next login/);
    assert.ok(!/abcdefgh/.test(out + err));
  });

  it('fails for passwords that nothing can match', async (t) => {
    t.after(() => (passdbs = []));
    passdbs = [passdb('old', ['{NTLM}x', '{ARGON2ID}secret', '{PLAIN}y'])];
    const { code, err } = await run('', 'check');
    assert.equal(code, 65);
    assert.equal(
      err,
      '[passdb old] 2 users, such as "u0@d.test": no password can match: the scheme is unknown, or the hash malformed\n',
    );
  });

  it('warns of mechanisms that can serve nobody', async (t) => {
    t.after(() => (passdbs = []));
    const text = '[auth]\nmechanisms = plain cram-md5 scram-sha-1 scram-sha-256\n';
    const sha512 = `{SHA512-CRYPT}$6$saltsaltsaltsalt$${'x'.repeat(86)}`;
    const warned = async (...list: SurveyedPassdb[]): Promise<string[]> => {
      passdbs = list;
      const { code, err } = await run(text, 'check');
      assert.equal(code, 0);
      return [...err.matchAll(/^\[auth\] mechanisms: (\S+) can serve nobody/gm)].map(([, name]) => name ?? '');
    };
    const all = ['cram-md5', 'scram-sha-1', 'scram-sha-256'];
    assert.deepEqual(await warned(passdb('a', [sha512])), all);
    assert.deepEqual(await warned(passdb('a', [sha512, '{PLAIN}x'])), []);
    assert.deepEqual(await warned(passdb('a', [`{CRAM-MD5}${'0'.repeat(64)}`])), ['scram-sha-1', 'scram-sha-256']);
    // A passdb that is asked for some mechanisms only, for masters, or that cannot list its users.
    assert.deepEqual(await warned(passdb('a', ['{PLAIN}x'], { mechanisms: ['plain', 'cram-md5'] })), [
      'scram-sha-1',
      'scram-sha-256',
    ]);
    assert.deepEqual(await warned(passdb('m', ['{PLAIN}x'], { isForLogins: false }), passdb('a', [sha512])), all);
    assert.deepEqual(await warned(passdb('a', [sha512]), passdb('sql', [], { list: undefined })), []);
    // Nobody is there yet.
    assert.deepEqual(await warned(passdb('a', [])), []);
  });

  it('ends with 75 when the users cannot be read', async (t) => {
    t.after(() => (source = users));
    source = new MemorySource({});
    source.outage = 'no such database';
    const { code, err } = await run('', 'check');
    assert.equal(code, 75);
    assert.equal(err, 'Cannot read the users: no such database\n');
  });

  it('prints every fault on a line and ends with 78', async () => {
    const { code, out, err } = await run('[log]\nlevel = x\n[slas]\n', 'check');
    assert.equal(code, 78);
    assert.equal(out, '');
    assert.equal(
      err,
      `${path}:2: [log] level = x: Cannot use value "x": there are debug, info, warn, error\n` +
        `${path}:3: [slas]: Cannot use an unknown section; did you mean [sasl]?\n`,
    );
  });

  it('ends with 78 without a file', async () => {
    const { code, err } = await run('', 'check', '-c', '/nonexistent');
    assert.equal(code, 78);
    assert.match(err, /^\/nonexistent: Cannot read the configuration: ENOENT/);
  });
});

describe('postern config', () => {
  it('prints a file that means the same', async () => {
    const text =
      '[mail]\nhome = /srv/vmail/%Ld/%n\n[passdb old]\ndriver = passwd-file\npath = "/etc/a;b"\n[http]\nlisten =\n';
    const { out } = await run(text, 'config');
    assert.deepEqual(parseConfig(out, 'x').config, parseConfig(text, 'x').config);
  });

  it('-n prints only what differs, in one form, and means the same', async () => {
    const text =
      '[log]\nlevel = info\n[auth]\nfailure_delay = 3000ms\nmechanisms = login plain\n[passdb local]\n[userdb other]\n';
    const { out } = await run(text, 'config', '-n');
    assert.equal(out, '[auth]\nmechanisms = login, plain\nfailure_delay = 3s\n\n[userdb other]\n');
    assert.deepEqual(parseConfig(out, 'x').config, parseConfig(text, 'x').config);
  });

  it('-d prints the defaults and reads no file', async () => {
    const { code, out } = await run('', 'config', '-d', '-c', '/nonexistent');
    assert.equal(code, 0);
    assert.deepEqual(parseConfig(out, 'x').config, parseConfig('', 'x').config);
  });

  it('prints one section, or all of a kind', async () => {
    const text = '[passdb a]\n[passdb b]\ndriver = passwd-file\npath = /x\n';
    assert.equal((await run(text, 'config', 'log')).out, '[log]\nlevel = info\nformat = auto\n');
    assert.deepEqual((await run(text, 'config', 'passdb')).out.match(/\[.*\]/g), ['[passdb a]', '[passdb b]']);
    assert.deepEqual((await run(text, 'config', 'passdb b')).out.match(/\[.*\]/g), ['[passdb b]']);
  });

  it('says which section was meant, and ends with 64', async () => {
    assert.deepEqual(await run('', 'config', 'slas'), {
      code: 64,
      out: '',
      err: 'postern: Cannot show section "slas": there is none; did you mean "sasl"?\n',
    });
  });

  it('prints JSON', async () => {
    const { out } = await run('[log]\nlevel = debug\n', 'config', '-n', '--json');
    assert.deepEqual(JSON.parse(out), { log: { level: 'debug' } });
  });

  it('ends with 78 for a broken file', async () => {
    const { code, out } = await run('[log]\nlevel = x\n', 'config');
    assert.deepEqual([code, out], [78, '']);
  });

  it('--write-docs writes the sample and the list', async () => {
    const docs = join(folder, 'new', 'docs');
    assert.equal((await run('', 'config', '--write-docs', docs)).code, 0);
    assert.deepEqual(readdirSync(docs).toSorted(), ['README.md', 'postern.ini']);
    assert.match(readFileSync(join(docs, 'README.md'), 'utf8'), /^# Settings\n/);
  });
});
