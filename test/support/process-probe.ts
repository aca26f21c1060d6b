/**
 * Loaded into a running Postern by `--import`: at SIGUSR2 it collects garbage and writes what the process looks like to
 * the file named in POSTERN_PROBE. The delay of the event loop is that since the last time. `probe.ts` is the other end.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread } from 'node:worker_threads';
import type { ProbeReport } from './probe.ts';

const RESOLUTION_MS = 1;
const NS_TO_MS = 1e-6;

const file = process.env['POSTERN_PROBE'];
// Worker threads load it too.
if (isMainThread && file !== undefined) listen(file);

function listen(path: string): void {
  // The flag cannot be given in NODE_OPTIONS.
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  let serial = 0;
  process.on('SIGUSR2', () => {
    const [p50, p99, max] = [delay.percentile(50), delay.percentile(99), delay.max].map((ns) => ns * NS_TO_MS);
    // What one collection only finds to be free, such as a weak reference, the next one takes.
    collect();
    collect();
    const { heapUsed, rss, external } = process.memoryUsage();
    serial += 1;
    const report: ProbeReport = {
      serial,
      heapBytes: heapUsed,
      externalBytes: external,
      residentBytes: rss,
      delayP50Ms: p50 ?? Number.NaN,
      delayP99Ms: p99 ?? Number.NaN,
      delayMaxMs: max ?? Number.NaN,
    };
    writeFileSync(`${path}.new`, JSON.stringify(report));
    renameSync(`${path}.new`, path);
    delay.reset();
  });
}
