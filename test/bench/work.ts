/** What a work of the bench is, and what it hands to the runner to print. */
import type { LoadResult } from './load.ts';
import { formatNumber, type Table } from './table.ts';

/** One thing that is measured; each is a file of its own, and `run.ts` lists them. */
export interface Work {
  readonly name: string;
  /** What is measured, in one line. */
  readonly about: string;
  /** Takes minutes: run only when it is asked for by name. */
  readonly isLong?: boolean;
  readonly run: (options: RunOptions) => Promise<Report>;
}

export interface RunOptions {
  /** Fewer and shorter runs: whether it works, and about how fast. */
  readonly isShort: boolean;
}

export interface Report {
  readonly tables: readonly Table[];
  readonly notes: readonly string[];
  /** Replies nobody expected, and lost connections. */
  readonly errorCount: number;
}

/** One run of load against one program. */
export interface Run {
  readonly side: string;
  readonly result: LoadResult;
}

/** The rates and times of runs, in their order. */
export function tabulateRuns(runs: readonly Run[]): Table {
  return {
    head: ['side', 'per second', 'p50 ms', 'p99 ms', 'CPU us each', 'memory MB', 'errors', 'generator'],
    rows: runs.map(({ side, result }) => [
      side,
      formatNumber(result.rate, 0),
      formatNumber(result.p50Ms, 3),
      formatNumber(result.p99Ms, 3),
      Number.isNaN(result.serverCpuUs) ? '-' : formatNumber(result.serverCpuUs, 1),
      Number.isNaN(result.serverMemoryMb) ? '-' : formatNumber(result.serverMemoryMb, 0),
      String(result.errorCount),
      `${formatNumber(result.generatorShare * 100, 0)} %`,
    ]),
  };
}

/** A report of runs, with what was wrong and what Postern logged about it. */
export function reportRuns(runs: readonly Run[], notes: readonly string[]): Report {
  return {
    tables: [tabulateRuns(runs)],
    notes: [...notes, ...describeErrors(runs.map(({ result }) => result))],
    errorCount: countErrors(runs.map(({ result }) => result)),
  };
}

export function countErrors(results: readonly LoadResult[]): number {
  return results.reduce((sum, { errorCount }) => sum + errorCount, 0);
}

export function describeErrors(results: readonly LoadResult[]): string[] {
  return results.flatMap(({ errorSamples }) => errorSamples).map((sample) => `unexpected: ${sample}`);
}
