import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { EXIT } from '../../../src/cli/exit-codes.ts';
import { runProgram, type Verb } from '../../../src/cli/program.ts';
import { ConfigError } from '../../../src/core/errors.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

async function run(args: string[], verb: Verb, environment: NodeJS.ProcessEnv = {}) {
  const terminal = new FakeTerminal();
  const code = await runProgram(args, { verbs: [verb], terminal, environment, version: '1.2.3' });
  return { code, out: terminal.output, err: terminal.errors };
}

const greet: Verb = (program, context) => {
  program
    .command('greet')
    .argument('<name>')
    .action((name: string) => {
      context.terminal.out(`${name} ${context.configPath()}\n`);
      if (name === 'nobody') context.exit(EXIT.noUser);
    });
};

function refuse(): never {
  throw new Error('Cannot drop privileges: still root');
}

describe('runProgram()', () => {
  it('runs the verb and returns 0', async () => {
    assert.deepEqual(await run(['greet', 'bob'], greet), { code: 0, out: 'bob /etc/postern/postern.ini\n', err: '' });
  });

  it('returns the code a verb recorded', async () => {
    assert.equal((await run(['greet', 'nobody'], greet)).code, 67);
  });

  it('finds -c before and after the verb, and POSTERN_CONFIG when there is none', async () => {
    const environment = { POSTERN_CONFIG: '/from/env.ini' };
    assert.equal((await run(['-c', '/a.ini', 'greet', 'x'], greet, environment)).out, 'x /a.ini\n');
    assert.equal((await run(['greet', 'x', '-c', '/a.ini'], greet, environment)).out, 'x /a.ini\n');
    assert.equal((await run(['greet', 'x'], greet, environment)).out, 'x /from/env.ini\n');
  });

  const wrong: [string, string[], RegExp][] = [
    ['an unknown verb', ['greeet'], /unknown command 'greeet'/],
    ['an unknown option', ['greet', '--loud', 'x'], /unknown option '--loud'/],
    ['a missing argument', ['greet'], /missing required argument 'name'/],
    ['too many arguments', ['greet', 'a', 'b'], /too many arguments/],
    ['no verb at all', [], /Usage: postern/],
  ];
  for (const [name, args, expected] of wrong) {
    it(`returns 64 and says why on standard error for ${name}`, async () => {
      const { code, out, err } = await run(args, greet);
      assert.equal(code, 64);
      assert.equal(out, '');
      assert.match(err, expected);
    });
  }

  it('prints help and version on standard output and returns 0', async () => {
    const help = await run(['--help'], greet);
    assert.equal(help.code, 0);
    assert.match(help.out, /greet/);
    assert.deepEqual(await run(['--version'], greet), { code: 0, out: '1.2.3\n', err: '' });
  });

  it('prints every fault of a configuration on a line of its own and returns 78', async () => {
    const { code, err } = await run(['broken'], (program) => {
      program.command('broken').action(() => {
        throw new ConfigError([
          { file: 'f', section: 'log', key: 'level', value: 'x', reason: 'Cannot use it' },
          { file: 'f', reason: 'Cannot read it' },
        ]);
      });
    });
    assert.equal(code, 78);
    assert.equal(err, 'f: [log] level = x: Cannot use it\nf: Cannot read it\n');
  });

  it('RULES 42: gives root up before a verb has the configuration, and so before it opens anything', async (t) => {
    const file = join(temporaryFolder(t), 'postern.ini');
    writeFileSync(file, '');
    const steps: string[] = [];
    const open: Verb = (program, context) => {
      program.command('open').action(() => {
        context.loadConfig();
        steps.push('opened');
      });
    };
    const onConfig = (): void => void steps.push('dropped');
    const options = { verbs: [open], terminal: new FakeTerminal(), environment: {}, version: '1', onConfig };
    assert.equal(await runProgram(['-c', file, 'open'], options), 0);
    assert.deepEqual(steps, ['dropped', 'opened']);
    assert.equal(await runProgram(['-c', file, 'open'], { ...options, onConfig: refuse }), 70);
    assert.deepEqual(steps, ['dropped', 'opened']);
  });

  it('returns 70 with the stack for a fault nobody foresaw', async () => {
    const { code, err } = await run(['burst'], (program) => {
      program.command('burst').action(async () => {
        throw new TypeError('Cannot go on');
      });
    });
    assert.equal(code, 70);
    assert.match(err, /^postern: TypeError: Cannot go on\n +at /);
  });
});
