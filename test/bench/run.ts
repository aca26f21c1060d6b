/**
 * `npm run bench` runs all works but the long ones, `npm run bench -- NAME...` those that are named, `--short` less of each. First it says on what it runs and how fast the
 * load generator is by itself; a work whose rate comes near that measured the generator. Ends with status 1 when any
 * work had an error.
 */
import { rm } from 'node:fs/promises';
import { mkdtempSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { authFlood } from './auth-flood.ts';
import { authHashed } from './auth-hashed.ts';
import { authPlain } from './auth-plain.ts';
import { authScram } from './auth-scram.ts';
import { authTiming } from './auth-timing.ts';
import { authWrong } from './auth-wrong.ts';
import { growth } from './growth.ts';
import { lmtpMemory } from './lmtp-memory.ts';
import { lmtp, lmtpLarge, lmtpMany } from './lmtp.ts';
import { measureCeiling } from './load.ts';
import { lookup } from './lookup.ts';
import { policy } from './policy.ts';
import { probe } from './probe.ts';
import { formatTable } from './table.ts';
import { countErrors, describeErrors, tabulateRuns, type Report, type Work } from './work.ts';

const WORKS: readonly Work[] = [
  authTiming,
  authPlain,
  authHashed,
  authWrong,
  authScram,
  authFlood,
  lookup,
  policy,
  probe,
  lmtp,
  lmtpMany,
  lmtpLarge,
  lmtpMemory,
  growth,
];
/** As many as the work with the most. */
const CEILING_CONNECTIONS = 50;

// Servers and generators end with this process, but only when it exits by itself.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));

const isShort = process.argv.includes('--short');
const wanted = process.argv.slice(2).filter((argument) => argument !== '--short');
const unknown = wanted.filter((name) => !WORKS.some((work) => work.name === name));

if (unknown.length > 0) {
  console.error(`No such work: ${unknown.join(', ')}. There are ${WORKS.map(({ name }) => name).join(', ')}`);
  process.exitCode = 1;
} else {
  const works = WORKS.filter(({ name, isLong }) => (wanted.length === 0 ? isLong !== true : wanted.includes(name)));
  if (!(await runWorks(works))) process.exitCode = 1;
}

/** Whether all went without errors. */
async function runWorks(works: readonly Work[]): Promise<boolean> {
  console.log(`Node.js ${process.version}, ${availableParallelism()} x ${cpus()[0]?.model ?? 'unknown CPU'}`);
  let isClean = printReport('generator: its ceiling, against a server that only echoes', await reportCeiling());
  for (const { name, about, run } of works) {
    try {
      isClean = printReport(`${name}: ${about}`, await run({ isShort })) && isClean;
    } catch (error) {
      // The other works can still tell something.
      console.error(`\n${name} failed: ${inspect(error)}`);
      isClean = false;
    }
  }
  return isClean;
}

async function reportCeiling(): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), 'pt-'));
  try {
    const result = await measureCeiling(folder, CEILING_CONNECTIONS);
    return {
      tables: [tabulateRuns([{ side: 'echo', result }])],
      notes: describeErrors([result]),
      errorCount: countErrors([result]),
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}

function printReport(title: string, { tables, notes, errorCount }: Report): boolean {
  const load = loadavg().map((value) => value.toFixed(1));
  console.log(`\n${title} (load average ${load.join(' ')})`);
  for (const table of tables) console.log(formatTable(table).join('\n'));
  for (const note of notes) console.log(note);
  return errorCount === 0;
}
