/**
 * Attempts without end, each at a user of its own from a network of its own, leave no memory behind. The first look comes
 * when all tables of penalties are full. POSTERN_LONG=1 takes a million.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { it } from 'node:test';
import { temporaryFolder } from '../support/temporary-folder.ts';

const MARKS = process.env['POSTERN_LONG'] === '1' ? [100_000, 1_000_000] : [80_000, 240_000];
/** Far below what a single entry of any table would take for each attempt. */
const MAX_GROWTH_BYTES = 3_000_000;

it(`${MARKS[1]} attempts of as many users do not grow the memory`, async (t) => {
  const program = join(import.meta.dirname, '../support/attempt-flood.js');
  const child = spawn(process.execPath, ['--expose-gc', program, temporaryFolder(t), ...MARKS.map(String)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  let [output, errors] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  await once(child, 'close');
  assert.equal(child.exitCode, 0, errors);
  const [before = Number.NaN, after = Number.NaN]: number[] = JSON.parse(output);
  assert.ok(after - before < MAX_GROWTH_BYTES, `${before} bytes after ${MARKS[0]}, ${after} after ${MARKS[1]}`);
});
