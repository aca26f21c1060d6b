/** Hostile lines at volume. The long form has five million lines: POSTERN_LONG=1, or `npm run fuzz -- auth`. */
import { it } from 'node:test';
import { fuzzAuth } from '../fuzz/auth.ts';

const LINES = process.env['POSTERN_LONG'] === '1' ? 5_000_000 : 300_000;
const SEED = 3;

it(`the auth socket takes ${LINES} random and mutated lines and answers nobody with what is not theirs`, async () => {
  await fuzzAuth({ lines: LINES, seed: SEED });
});
