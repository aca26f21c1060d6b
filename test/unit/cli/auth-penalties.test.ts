import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { authPenaltiesVerb } from '../../../src/cli/auth-penalties.ts';
import { authVerbs } from '../../../src/cli/auth-verbs.ts';
import type { DaemonReply, DaemonRequest } from '../../../src/cli/daemon.ts';
import { runProgram } from '../../../src/cli/program.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const TIME = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const ROWS = [
  { network: '192.0.2.0/24', failures: 11, delayMs: 1000, lastFailureAt: TIME },
  {
    network: '192.0.2.0/24',
    user: 'bob@example.com',
    failures: 9,
    delayMs: 6000,
    lastFailureAt: TIME,
    goodUntil: TIME,
  },
  { user: 'x\u001B[2J \u202Ey', failures: 20, delayMs: 2000, lastFailureAt: TIME },
];

interface Run {
  readonly code: number;
  readonly terminal: FakeTerminal;
  readonly asked: readonly DaemonRequest[];
}

async function run(
  t: TestContext,
  args: readonly string[],
  answer: (request: DaemonRequest) => DaemonReply,
): Promise<Run> {
  const folder = temporaryFolder(t);
  const file = join(folder, 'postern.ini');
  writeFileSync(file, `[postern]\nhostname = mx.example.com\nstate_dir = ${folder}\n`);
  const terminal = new FakeTerminal();
  const asked: DaemonRequest[] = [];
  const verb = authPenaltiesVerb((path, request) => {
    assert.equal(path, join(folder, 'control'));
    asked.push(request);
    return Promise.resolve().then(() => answer(request));
  });
  const options = { verbs: [authVerbs([verb])], terminal, environment: {}, version: '0' };
  const code = await runProgram(['-c', file, 'auth', 'penalties', ...args], options);
  return { code, terminal, asked };
}

describe('postern auth penalties', () => {
  it('prints a table, the slowest first, and no control character of a name', async (t) => {
    const { code, terminal } = await run(t, [], () => ({ ok: true, rows: ROWS }));
    assert.equal(code, 0);
    assert.deepEqual(terminal.output.split('\n'), [
      'NETWORK       USER                    FAILURES  DELAY  LAST FAILURE          GOOD UNTIL',
      '192.0.2.0/24  bob@example.com         9         6 s    2026-01-02T03:04:05Z  2026-01-02T03:04:05Z',
      '*             "x\\u001b[2J \\u{202e}y"  20        2 s    2026-01-02T03:04:05Z  -',
      '192.0.2.0/24  *                       11        1 s    2026-01-02T03:04:05Z  -',
      '',
    ]);
  });

  it('gathers all pages', async (t) => {
    const { terminal, asked } = await run(t, ['--json', '--all', 'bob@example.com'], ({ offset }) =>
      offset === 0 ? { ok: true, rows: ROWS.slice(0, 1), next: 800 } : { ok: true, rows: ROWS.slice(1) },
    );
    const query = { verb: 'penalties', isAll: true, who: 'bob@example.com' };
    assert.deepEqual(asked, [
      { ...query, offset: 0 },
      { ...query, offset: 800 },
    ]);
    const rows: { user?: string; lastFailureAt: string }[] = JSON.parse(terminal.output);
    assert.deepEqual(
      rows.map(({ user }) => user),
      ['bob@example.com', ROWS[2]?.user, undefined],
    );
    assert.equal(rows[0]?.lastFailureAt, '2026-01-02T03:04:05.678Z');
  });

  it('says so when there is nothing', async (t) => {
    const nobody = await run(t, [], () => ({ ok: true, rows: [] }));
    assert.deepEqual([nobody.code, nobody.terminal.errors], [0, 'Nobody is slowed down\n']);
    const json = await run(t, ['--json'], () => ({ ok: true, rows: [] }));
    assert.equal(json.terminal.output, '[]\n');
    const none = await run(t, ['192.0.2.1'], () => ({ ok: true, rows: [] }));
    assert.match(none.terminal.errors, /192\.0\.2\.1/);
  });

  it('clears', async (t) => {
    const { code, terminal, asked } = await run(t, ['--clear', 'all'], () => ({ ok: true, cleared: 3 }));
    assert.deepEqual(asked, [{ verb: 'clear-penalties', who: 'all' }]);
    assert.deepEqual([code, terminal.output], [0, 'Cleared 3 entries\n']);
    const json = await run(t, ['--clear', 'all', '--json'], () => ({ ok: true, cleared: 1 }));
    assert.equal(json.terminal.output, '{"cleared":1}\n');
  });

  it('ends with 77 when penalties are off, with 75 when no daemon answers', async (t) => {
    for (const args of [[], ['--clear', 'all']]) {
      const off = await run(t, args, () => ({ ok: false, error: 'Penalties are off' }));
      assert.deepEqual([off.code, off.terminal.errors], [77, 'Penalties are off\n']);
      const away = await run(t, args, () => {
        throw new Error('ENOENT');
      });
      assert.equal(away.code, 75);
      assert.match(away.terminal.errors, /Cannot reach the daemon/);
    }
  });
});
