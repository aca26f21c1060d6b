/**
 * The load generator, a process of its own so that it takes no time from the runner and its event loop waits for nobody.
 * Over its IPC channel it gets one job as JSON, answers `ready` when all connections have said hello, starts at `go`, says
 * `measuring` after the warm-up, and answers with what it saw. `load.ts` is the other end.
 */
import { createDialogue } from './dialogues.ts';
import { LoadConnection, type Tally } from './load-connection.ts';
import type { GeneratorJob, GeneratorResult } from './load.ts';

/** What is still out at the end may take this long. */
const DRAIN_LIMIT_MS = 10_000;

// It ends with the runner, which ends it when it has the result.
process.once('disconnect', () => process.exit(0));
process.once('message', (message) => {
  const job: GeneratorJob = JSON.parse(String(message));
  void work(job).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(1);
  });
});

async function work(job: GeneratorJob): Promise<void> {
  const tally: Tally = { times: [], serials: [], totalCount: 0, errorCount: 0, errorSamples: [] };
  let serial = job.firstSerial;
  let isOver = false;
  const last = job.limit.kind === 'requests' ? serial + job.limit.count : Number.POSITIVE_INFINITY;
  const takeSerial = (): number | undefined => {
    if (isOver || serial >= last) return undefined;
    serial += 1;
    return serial - 1;
  };
  const connections = Array.from(
    { length: job.connections },
    (_, i) =>
      new LoadConnection({
        path: job.path,
        dialogue: createDialogue(job.dialogue, job.firstConnection + i),
        takeSerial,
        tally,
      }),
  );
  await Promise.all(connections.map(({ ready }) => ready));
  process.send?.('ready');
  await new Promise((resolve) => process.once('message', resolve));

  const done = Promise.all(connections.map((connection) => connection.run()));
  if (job.limit.kind === 'time') {
    await sleep(job.limit.warmUpMs);
    tally.times.length = 0;
    tally.serials.length = 0;
    tally.totalCount = 0;
  }
  process.send?.('measuring');
  const startedAt = performance.now();
  const cpuBefore = process.cpuUsage();
  if (job.limit.kind === 'time') await sleep(job.limit.measureMs);
  else await done;
  const elapsedMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpuBefore);
  const times = tally.times.slice();
  // Nobody asks for the others.
  const serials = job.limit.kind === 'requests' ? tally.serials.slice() : [];
  isOver = true;
  const isDrained = await Promise.race([done.then(() => true), sleep(DRAIN_LIMIT_MS).then(() => false)]);
  if (!isDrained) {
    tally.errorCount += 1;
    tally.errorSamples.push(`"no answer for ${DRAIN_LIMIT_MS} ms"`);
  }
  for (const connection of connections) connection.close();
  const result: GeneratorResult = {
    times,
    serials,
    errorCount: tally.errorCount,
    errorSamples: tally.errorSamples,
    elapsedMs,
    cpuMs: (user + system) / 1000,
    totalCount: tally.totalCount,
  };
  process.send?.(JSON.stringify(result));
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
