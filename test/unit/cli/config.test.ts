import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { checkVerb } from '../../../src/cli/check.ts';
import { configVerb } from '../../../src/cli/config.ts';
import { runProgram } from '../../../src/cli/program.ts';
import { parseConfig } from '../../../src/config/load-config.ts';
import { Resolver } from '../../../src/directory/resolver.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';
import { MemorySource } from '../../support/memory-source.ts';

const folder = mkdtempSync(join(tmpdir(), 'postern-'));
after(() => rmSync(folder, { recursive: true }));

const path = join(folder, 'postern.ini');
const ours = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const users = new MemorySource({ accounts: ['bob@example.com', { address: 'own@example.com', ...ours }] });
let source = users;
const tools = {
  openDirectory: () => ({
    directory: new Resolver({ source, recipientDelimiter: '+' }),
    source,
    homeOf: () => '/nonexistent',
    close: () => undefined,
  }),
};

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
