/** Programs that quota warnings start: real ones. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { CommandRunner } from '../../../src/net/command-runner.ts';
import { CollectingLogger } from '../../support/collecting-logger.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { waitFor } from '../../support/wait.ts';

function setUp(t: TestContext, limitMs?: number) {
  const logger = new CollectingLogger();
  const runner = new CommandRunner(limitMs === undefined ? { logger } : { logger, limitMs });
  t.after(() => runner.stop());
  const folder = temporaryFolder(t);
  const script = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, `#!/bin/sh\n${text}\n`);
    chmodSync(path, 0o755);
    return path;
  };
  const ended = (count: number): Promise<void> =>
    waitFor(`${count} commands to end`, () => logger.of('quota.command').length >= count);
  return { runner, logger, folder, script, ended };
}

describe('CommandRunner', () => {
  it('hands over arguments as they are, and nothing of our environment', async (t) => {
    const { runner, logger, folder, script, ended } = setUp(t);
    process.env['POSTERN_TEST_SECRET'] = 'x';
    t.after(() => delete process.env['POSTERN_TEST_SECRET']);
    const out = join(folder, 'out');
    const program = script('show', 'out=$1; shift; { for word; do echo "<$word>"; done; env; pwd; } > "$out"');
    runner.run([program, out, 'a b', '$(id)', "';rm -rf /", '']);
    await ended(1);
    const shown = readFileSync(out, 'utf8');
    assert.ok(shown.startsWith(`<a b>\n<$(id)>\n<';rm -rf />\n<>\n`), shown);
    assert.doesNotMatch(shown, /SECRET/);
    assert.equal(logger.of('quota.command')[0]?.fields['code'], 0);
  });

  it('says of a program that fails, is missing, or takes too long, and ends what that one started', async (t) => {
    const { runner, logger, folder, script, ended } = setUp(t, 300);
    const late = join(folder, 'late');
    runner.run([script('fail', 'exit 3')]);
    runner.run([join(folder, 'missing')]);
    runner.run([script('hang', `(sleep 2; echo x > ${late}) & wait`)]);
    await ended(3);
    const records = logger.of('quota.command');
    assert.ok(records.every(({ level }) => level === 'warn'));
    const told = records.map(({ fields }) => JSON.stringify(fields['code'] ?? fields['signal'] ?? 'error')).toSorted();
    assert.deepEqual(told, ['"SIGTERM"', '"error"', '3']);
    await new Promise((resolve) => setTimeout(resolve, 2500));
    assert.ok(!existsSync(late));
  });

  it('runs four at a time and the others after them; a stop forgets those', async (t) => {
    const { runner, folder, script, ended, logger } = setUp(t);
    const gate = join(folder, 'gate');
    const program = script('wait', `echo > "${folder}/started.$1"; while [ ! -e ${gate} ]; do sleep 0.05; done`);
    for (let i = 0; i < 6; i++) runner.run([program, String(i)]);
    const isStarted = (i: number): boolean => existsSync(join(folder, `started.${i}`));
    await waitFor('four to start', () => [0, 1, 2, 3].every(isStarted));
    assert.ok(!isStarted(4));
    writeFileSync(gate, '');
    await ended(6);
    assert.ok(isStarted(5));
    runner.stop();
    runner.run([program, '7']);
    assert.equal(logger.of('quota.command').length, 6);
  });
});
