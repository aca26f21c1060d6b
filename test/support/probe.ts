/** Looks into a running Postern: the memory it needs once garbage is collected, and how long its event loop was held up. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Postern } from './postern.ts';
import { waitFor } from './wait.ts';

export interface ProbeReport {
  /** Counts the reports of a process. */
  readonly serial: number;
  readonly heapBytes: number;
  readonly externalBytes: number;
  readonly residentBytes: number;
  /** Delay of the event loop since the last report, as `monitorEventLoopDelay` sees it with a resolution of 1 ms. */
  readonly delayP50Ms: number;
  readonly delayP99Ms: number;
  readonly delayMaxMs: number;
}

const LIMIT_MS = 20_000;

export class Probe {
  readonly #postern: Postern;
  readonly #file: string;
  #serial = 0;

  constructor(postern: Postern) {
    this.#postern = postern;
    // A folder that the user may write to whom Postern runs as.
    this.#file = join(postern.folder, 'postern', 'probe');
  }

  /** Postern is to be started with it. */
  get environment(): NodeJS.ProcessEnv {
    const program = pathToFileURL(join(import.meta.dirname, 'process-probe.js'));
    return { NODE_OPTIONS: `--import=${program.href}`, POSTERN_PROBE: this.#file };
  }

  /** What it is like now; the delay of the event loop is counted anew from here. */
  async read(): Promise<ProbeReport> {
    this.#postern.signal('SIGUSR2');
    let report: ProbeReport | undefined;
    await waitFor(
      'a report of the probe',
      () => {
        report = existsSync(this.#file) ? parseReport(readFileSync(this.#file, 'utf8')) : undefined;
        return report !== undefined && report.serial > this.#serial;
      },
      LIMIT_MS,
    );
    if (report === undefined) throw new Error('Cannot read the probe');
    this.#serial = report.serial;
    return report;
  }
}

function parseReport(text: string): ProbeReport {
  const report: ProbeReport = JSON.parse(text);
  return report;
}
