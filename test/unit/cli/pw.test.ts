import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { HashPool } from '../../../src/auth/hash-pool.ts';
import { pwVerb } from '../../../src/cli/pw.ts';
import { runProgram } from '../../../src/cli/program.ts';
import { CollectingLogger } from '../../support/collecting-logger.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';

describe('postern pw', () => {
  const pool = new HashPool({ defaultScheme: 'ARGON2ID', workerCount: 1, logger: new CollectingLogger() });
  before(() => pool.start());
  after(() => pool.stop());

  async function run(args: string[], terminal: FakeTerminal): Promise<{ code: number; terminal: FakeTerminal }> {
    const options = { verbs: [pwVerb((use) => use(pool))], terminal, environment: {}, version: '0' };
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

  it('refuses an unknown scheme, two different passwords, and none', async () => {
    assert.equal((await run(['-s', 'ROT13'], new FakeTerminal({ secrets: ['a', 'a'] }))).code, 64);
    assert.equal((await run([], new FakeTerminal({ secrets: ['a', 'b'] }))).code, 65);
    assert.equal((await run(['-t', SSHA], new FakeTerminal({ secrets: [undefined] }))).code, 65);
    assert.equal((await run([], new FakeTerminal())).code, 65);
  });
});
