import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { postfixVerb, writePostfixLines, type ListDomains } from '../../../src/cli/postfix.ts';
import { runProgram } from '../../../src/cli/program.ts';
import { loadConfig } from '../../../src/config/load-config.ts';
import { found, unavailable } from '../../../src/core/outcome.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const SETTINGS = `[sasl]
listen = inet:127.0.0.1:12300, unix:/var/spool/postfix/postern/auth
[policy]
listen = unix:/run/postern/policy, inet:127.0.0.1:12340
[http]
listen =
`;

async function run(
  t: TestContext,
  args: readonly string[],
  listDomains: ListDomains = async () => found(['example.test']),
): Promise<{ code: number; terminal: FakeTerminal; file: string }> {
  const file = join(temporaryFolder(t), 'postern.ini');
  writeFileSync(file, SETTINGS);
  const terminal = new FakeTerminal();
  const verbs = [postfixVerb(listDomains)];
  const code = await runProgram(['-c', file, 'postfix', ...args], { verbs, terminal, environment: {}, version: '0' });
  return { code, terminal, file };
}

test('postern postfix prints both blocks, for the best socket of each service', async (t) => {
  const { code, terminal } = await run(t, []);
  assert.equal(code, 0, terminal.errors);
  assert.match(terminal.output, /^# main\.cf\n[^]*\n\n# master\.cf\n/);
  assert.match(terminal.output, /^virtual_mailbox_domains = example\.test$/m);
  assert.match(terminal.output, /^smtpd_sasl_path = postern\/auth$/m);
  assert.match(terminal.output, /check_policy_service \{ inet:127\.0\.0\.1:12340, /);
});

test('postern postfix --part prints one block, so that a script can append it', async (t) => {
  const main = await run(t, ['--part', 'main']);
  const master = await run(t, ['--part', 'master']);
  assert.doesNotMatch(main.terminal.output, /# master\.cf/);
  assert.match(master.terminal.output, /^# master\.cf\n/);
});

test('postern postfix takes the queue directory, the class, the source of domains and the probes as options', async (t) => {
  const args = ['--queue-directory', '/run', '--class', 'relay', '--domains', 'socketmap', '--verify'];
  const { terminal } = await run(t, args);
  assert.match(terminal.output, /^relay_domains = \$\{postern_lookup\}:relay$/m);
  assert.match(terminal.output, /check_policy_service \{ unix:postern\/policy, /);
  assert.match(terminal.output, /^ +reject_unverified_recipient$/m);
});

test('postern postfix --json gives the parameters and services as data', async (t) => {
  const { terminal } = await run(t, ['--json']);
  const { main, master }: { main: { name: string; value: unknown }[]; master: { name: string }[] } = JSON.parse(
    terminal.output,
  );
  assert.equal(main.find(({ name }) => name === 'virtual_mailbox_domains')?.value, 'example.test');
  assert.deepEqual(
    master.map(({ name }) => name),
    ['submission', 'submissions'],
  );
});

test('postern postfix exits 75 when the domains cannot be listed, and prints nothing that could be used', async (t) => {
  const { code, terminal } = await run(t, [], async () => unavailable('no such file'));
  assert.equal(code, 75);
  assert.equal(terminal.output, '');
  assert.match(terminal.errors, /Cannot list the domains: no such file/);
});

test('postern postfix --domains socketmap needs no list of them', async (t) => {
  const { code, terminal } = await run(t, ['--domains', 'socketmap'], async () => unavailable('no list'));
  assert.equal(code, 0, terminal.errors);
});

test('postern postfix refuses a class it does not know', async (t) => {
  assert.equal((await run(t, ['--class', 'local'])).code, 64);
});

test('writePostfixLines() gives what the verb prints without options', async (t) => {
  const { terminal, file } = await run(t, []);
  assert.equal(writePostfixLines(loadConfig({ path: file }), ['example.test']), terminal.output);
});
