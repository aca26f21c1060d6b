/** `npm run fuzz -- auth [--lines N] [--seed N]`: the long form of the fuzzing that the tests do a little of. */
import { parseArgs } from 'node:util';
import { fuzzAuth } from './auth.ts';

const LINES = 5_000_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { lines: { type: 'string' }, seed: { type: 'string' } },
});

if (positionals.length !== 1 || positionals[0] !== 'auth') {
  console.error('Usage: npm run fuzz -- auth [--lines N] [--seed N]');
  process.exitCode = 1;
} else {
  const seed = Number(values.seed ?? Date.now() % 1_000_000);
  console.log(`Seed ${seed}`);
  const result = await fuzzAuth({
    lines: Number(values.lines ?? LINES),
    seed,
    onProgress: ({ lines, connections, accepted }) =>
      console.log(`${lines} lines, ${connections} connections, ${accepted} good logins`),
  });
  console.log(result);
}
