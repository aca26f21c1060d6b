import assert from 'node:assert/strict';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createMailRootsAcceptance } from '../../../src/app-tools.ts';
import { mailboxVerb } from '../../../src/cli/mailbox.ts';
import { runProgram } from '../../../src/cli/program.ts';
import { CollectingLogger } from '../../support/collecting-logger.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

describe('postern mailbox mount accept', () => {
  it('marks and remembers what is mounted, and ends with 75 while a root is not there (RULES 8)', async (t) => {
    const folder = temporaryFolder(t);
    const [root, state, file] = [join(folder, 'mail'), join(folder, 'state'), join(folder, 'postern.ini')];
    writeFileSync(
      file,
      `[postern]\nhostname = mx.example\nstate_dir = ${state}\n[mail]\nhome = ${root}/%d/%n\n[userdb a]\ndriver = sqlite\n` +
        `[passdb a]\ndriver = sqlite\n`,
    );
    const run = async (): Promise<{ code: number; terminal: FakeTerminal }> => {
      const terminal = new FakeTerminal();
      const verbs = [mailboxVerb(createMailRootsAcceptance(() => new CollectingLogger()))];
      const options = { verbs, terminal, environment: {}, version: '0' };
      return { code: await runProgram(['-c', file, 'mailbox', 'mount', 'accept'], options), terminal };
    };
    mkdirSync(state);
    const early = await run();
    assert.equal(early.code, 75, early.terminal.errors);
    assert.ok(!existsSync(root), 'a mail root is never made');
    mkdirSync(root);
    for (let i = 0; i < 2; i++) {
      const { code, terminal } = await run();
      assert.equal(code, 0, terminal.errors);
      assert.equal(terminal.output, `${root}: accepted\n`);
      assert.ok(existsSync(join(root, '.postern-root')));
      rmSync(join(root, '.postern-root'));
    }
  });
});
