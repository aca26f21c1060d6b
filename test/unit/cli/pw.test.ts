import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { HashPool } from '../../../src/auth/hash-pool.ts';
import { pwVerb } from '../../../src/cli/pw.ts';
import { runProgram } from '../../../src/cli/program.ts';
import { listSchemes } from '../../../src/auth/schemes/scheme.ts';
import { findWeakness } from '../../../src/auth/schemes/stored-work.ts';
import { CollectingLogger } from '../../support/collecting-logger.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';

describe('postern pw', () => {
  const pool = new HashPool({ defaultScheme: 'ARGON2ID', workerCount: 1, logger: new CollectingLogger() });
  before(() => pool.start());
  after(() => pool.stop());

  async function run(args: string[], terminal: FakeTerminal): Promise<{ code: number; terminal: FakeTerminal }> {
    const options = {
      verbs: [pwVerb((use) => use(pool), { schemes: listSchemes(), findWeakness })],
      terminal,
      environment: {},
      version: '0',
    };
    return { code: await runProgram(['pw', ...args], options), terminal };
  }

  it('asks twice, prints a hash of the default scheme, and nothing of the password', async () => {
    const { code, terminal } = await run([], new FakeTerminal({ secrets: ['hunter2', 'hunter2'] }));
    assert.equal(code, 0);
    assert.match(terminal.output, /^\{ARGON2ID\}\$argon2id\$\S+\n$/);
    assert.ok(!(terminal.output + terminal.errors).includes('hunter2'));
    assert.equal(await pool.verify(Buffer.from('hunter2'), terminal.output.trim()), 'match');
  });

  it('makes the scheme that is asked for, from standard input', async () => {
    const input = new FakeTerminal({ input: 'hunter2\n' });
    const { code, terminal } = await run(['-s', 'ssha512', '--password-file', '-'], input);
    assert.equal(code, 0);
    assert.equal(await pool.verify(Buffer.from('hunter2'), terminal.output.trim()), 'match');
  });

  const SSHA = '{SSHA}xmxghb8G8DOkoRW2aOXlil0wHN45Sznr';
  const cases: [string, string[], string, number, RegExp][] = [
    ['a matching password', ['-t', SSHA], 'secret', 0, /\{SSHA\}\S+ \(verified\)\n/],
    ['a wrong password', ['-t', SSHA], 'Secret', 77, /does not match/],
    ['a hash it cannot read', ['-t', '{ROT13}x'], 'secret', 65, /Cannot read the hash/],
  ];
  for (const [what, args, password, expected, text] of cases) {
    it(`tests ${what} and ends with ${expected}`, async () => {
      const { code, terminal } = await run(args, new FakeTerminal({ secrets: [password] }));
      assert.equal(code, expected);
      assert.match(terminal.output + terminal.errors, text);
    });
  }

  it('makes the rounds that are asked for, and DIGEST-MD5 for a user', async () => {
    const secrets = ['secret', 'secret'];
    const bcrypt = await run(['-s', 'blf-crypt', '-r', '4'], new FakeTerminal({ secrets }));
    assert.match(bcrypt.terminal.output, /^\{BLF-CRYPT\}\$2y\$04\$\S{53}\n$/);
    const digest = await run(['-s', 'DIGEST-MD5', '-u', 'user@example.com'], new FakeTerminal({ secrets }));
    assert.equal(digest.terminal.output, '{DIGEST-MD5}30969131580e626606ce70ceaab77719\n');
    const tested = await run(
      ['-t', digest.terminal.output.trim(), '-u', 'user@example.com'],
      new FakeTerminal({ secrets: ['secret'] }),
    );
    assert.equal(tested.code, 0);
  });

  const LONG = 'x'.repeat(73);
  const refused: [string, string[], string, RegExp][] = [
    ['a weak scheme', ['-s', 'MD5-CRYPT'], 'secret', /Cannot make a hash of scheme "MD5-CRYPT": .*MD5 are quickly/],
    ['DES', ['-s', 'des-crypt'], 'secret', /DES looks at the first 8 bytes/],
    ['more than bcrypt holds', ['-s', 'BLF-CRYPT'], LONG, /holds 72 bytes of a password, and this one has 73/],
    ['rounds out of bounds', ['-s', 'SHA512-CRYPT', '-r', '999'], 'secret', /Cannot use 999 .* 1000 to/],
    ['rounds nobody can bear', ['-s', 'BLF-CRYPT', '-r', '31'], 'secret', /longer than 4 s/],
    ['rounds where there are none', ['-s', 'SSHA', '-r', '5'], 'secret', /it has none/],
    ['rounds that are no number', ['-r', '1e3'], 'secret', /Write a whole number/],
    ['negative rounds', ['-r', '-5'], 'secret', /Write a whole number/],
    ['DIGEST-MD5 of nobody', ['-s', 'DIGEST-MD5'], 'secret', /needs a user name/],
    ['a scheme beside a test', ['-s', 'SSHA', '-t', SSHA], 'secret', /cannot be used with/],
    ['anything beside the list', ['-l', '-s', 'SSHA'], 'secret', /cannot be used with/],
  ];
  for (const [what, args, password, text] of refused) {
    it(`refuses ${what}, and prints no hash`, async () => {
      const { code, terminal } = await run(args, new FakeTerminal({ secrets: [password, password] }));
      assert.equal(code, 64);
      assert.match(terminal.errors, text);
      assert.equal(terminal.output, '');
    });
  }

  it('tests a weak hash, and says that it is weak', async () => {
    const stored = '{MD5-CRYPT}$1$QoHrR/ZW$XEzxCuW9jijY49AQFsGu51';
    const { code, terminal } = await run(['-t', stored], new FakeTerminal({ secrets: ['secret'] }));
    assert.equal(code, 0);
    assert.equal(terminal.output, `${stored} (verified)\n`);
    assert.match(terminal.errors, /^Password: The scheme is weak: .*MD5/);
  });

  it('lists every scheme with what it serves, and marks the weak ones', async () => {
    const { code, terminal } = await run(['-l'], new FakeTerminal());
    assert.equal(code, 0);
    const lines = terminal.output.trimEnd().split('\n');
    assert.equal(lines.length, listSchemes().length + 1);
    assert.match(
      terminal.output,
      /^PLAIN {2,}PLAIN LOGIN CRAM-MD5 DIGEST-MD5 SCRAM-SHA-1 SCRAM-SHA-256 \(also called/m,
    );
    assert.match(terminal.output, /^SCRAM-SHA-256 {2,}PLAIN LOGIN SCRAM-SHA-256$/m);
    assert.match(terminal.output, /^ARGON2ID {2,}PLAIN LOGIN \(also called ARGON2\)$/m);
    for (const { name, weakness } of listSchemes()) {
      const line = lines.find((text) => text.startsWith(`${name} `));
      assert.equal(/^\S+ +weak {2}PLAIN LOGIN \(/.test(line ?? ''), weakness !== undefined, name);
    }
    const json = await run(['-l', '--json'], new FakeTerminal());
    const rows: unknown = JSON.parse(json.terminal.output);
    assert.ok(Array.isArray(rows) && rows.length === listSchemes().length);
  });

  it('refuses an unknown scheme, two different passwords, and none', async () => {
    assert.equal((await run(['-s', 'ROT13'], new FakeTerminal({ secrets: ['a', 'a'] }))).code, 64);
    assert.equal((await run([], new FakeTerminal({ secrets: ['a', 'b'] }))).code, 65);
    assert.equal((await run(['-t', SSHA], new FakeTerminal({ secrets: [undefined] }))).code, 65);
    assert.equal((await run([], new FakeTerminal())).code, 65);
  });
});
