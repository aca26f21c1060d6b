/**
 * Runs the compiled tests and ends with the line `N passed, N failed`. Only `*.test.js` files are handed to the
 * runner: given a folder, Node 20 runs every file there and counts helpers as passed tests. Arguments are parts
 * of file names to run (`npm test -- sasl`).
 */
import { spec } from 'node:test/reporters';
import { run } from 'node:test';
import { readdirSync } from 'node:fs';
import { join, sep } from 'node:path';
import { installPeers } from './install-peers.ts';

const FILE_CONCURRENCY = 2;
const root = join(import.meta.dirname, '..');
const wanted = process.argv.slice(2);

const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.js'))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
  .toSorted()
  .map((name) => join(root, name));

const obstacle = installPeers() ?? findObstacle();
if (obstacle === undefined) runTests();
else {
  process.stderr.write(`${obstacle}\n`);
  process.exitCode = 1;
}

/** A private Postfix can only be started by root. */
function findObstacle(): string | undefined {
  const hasSystemTests = files.some((file) => file.startsWith(join(root, 'system') + sep));
  if (!hasSystemTests || process.getuid?.() === 0) return undefined;
  return 'The system tests start a private Postfix, which takes root: run them as root, in a container for example. The others: npm test -- unit store config dialog';
}

function runTests(): void {
  let passed = 0;
  let failed = 0;
  const stream = run({ files, concurrency: FILE_CONCURRENCY });
  stream.on('test:pass', (event) => {
    if (event.details.type === 'suite') return;
    // A skipped test proves nothing; here it counts as a failure.
    if (event.skip !== undefined || event.todo !== undefined) failed += 1;
    else passed += 1;
  });
  stream.on('test:fail', (event) => {
    if (event.details.type !== 'suite') failed += 1;
  });
  stream.compose(new spec()).pipe(process.stdout);
  stream.on('end', () => {
    if (passed + failed === 0) failed = 1;
    process.exitCode = failed > 0 ? 1 : 0;
    setImmediate(() => process.stdout.write(`\n${passed} passed, ${failed} failed\n`));
  });
}
