/**
 * Drives a server with load from other processes and gathers what they saw. The runner itself does nothing meanwhile.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { on } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { readCpuMs, readMemoryMb } from './cpu.ts';
import type { DialogueSettings } from './dialogues.ts';
import { quantile } from './statistics.ts';

/** Requests are counted after `warmUpMs` for `measureMs`; or exactly `count` of them are sent. */
export type LoadLimit =
  | { readonly kind: 'time'; readonly warmUpMs: number; readonly measureMs: number }
  | { readonly kind: 'requests'; readonly count: number };

export interface LoadJob {
  /** The unix socket of the server. */
  readonly path: string;
  readonly dialogue: DialogueSettings;
  readonly connections: number;
  readonly limit: LoadLimit;
  /** The process of the server: its CPU time is taken too. */
  readonly serverPid?: number;
}

/** What one process does of it. */
export interface GeneratorJob extends LoadJob {
  readonly firstSerial: number;
  readonly firstConnection: number;
}

/** What one process saw. */
export interface GeneratorResult {
  readonly times: readonly number[];
  readonly serials: readonly number[];
  readonly errorCount: number;
  readonly errorSamples: readonly string[];
  readonly elapsedMs: number;
  readonly cpuMs: number;
  /** Good requests since the warm-up, those that ended after the measured time too. */
  readonly totalCount: number;
}

export interface LoadResult {
  /** Good requests a second. */
  readonly rate: number;
  /** Milliseconds of each good request. */
  readonly times: readonly number[];
  /** The numbers of those requests, counted from 0, where a number of requests was asked for. */
  readonly serials: readonly number[];
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errorCount: number;
  readonly errorSamples: readonly string[];
  /** How busy the busiest generator was: near 1 the generator is what was measured. */
  readonly generatorShare: number;
  /** CPU time of the server for each request, of all its processes and threads; NaN where it was not asked for. */
  readonly serverCpuUs: number;
  /** Memory of the server when the load ends, of all its processes; NaN where it was not asked for. */
  readonly serverMemoryMb: number;
}

/** What a work measures unless it says otherwise. The code of a fresh process takes a second to be compiled. */
export const SHORT: LoadLimit = { kind: 'time', warmUpMs: 800, measureMs: 1200 };
/** For works of some hundred requests a second: as many of them come first until V8 has compiled what they run. */
export const LONG: LoadLimit = { kind: 'time', warmUpMs: 4000, measureMs: 4000 };

/** The server takes a core or more; a further one for each generator. */
const PROCESSES = Math.max(1, Math.min(4, availableParallelism() - 1));
/** More requests than a process sends in one job. */
const SERIALS_PER_PROCESS = 100_000_000;
const CONNECTIONS_PER_PROCESS = 100_000;
const LIMIT_MS = 600_000;

/** Runs one job, on several processes where there are cores and connections for them. */
export async function runLoad(job: LoadJob): Promise<LoadResult> {
  const count = job.limit.kind === 'requests' ? 1 : Math.min(PROCESSES, job.connections);
  const generators = Array.from({ length: count }, () => new Child('generator.js'));
  const receiveAll = (): Promise<string[]> => Promise.all(generators.map((generator) => generator.receive()));
  const timer = setTimeout(() => generators.forEach((generator) => generator.kill()), LIMIT_MS);
  try {
    for (const [i, generator] of generators.entries()) {
      const share: GeneratorJob = {
        ...job,
        connections: Math.floor((job.connections + i) / count),
        firstSerial: i * SERIALS_PER_PROCESS,
        firstConnection: 1 + i * CONNECTIONS_PER_PROCESS,
      };
      generator.send(JSON.stringify(share));
    }
    // Ready.
    await receiveAll();
    for (const generator of generators) generator.send('go');
    // Measuring.
    await receiveAll();
    const cpuBefore = readServerCpu(job);
    const results = (await receiveAll()).map(parseResult);
    return {
      ...summarize(results, readServerCpu(job) - cpuBefore),
      serverMemoryMb: job.serverPid === undefined ? Number.NaN : readMemoryMb(job.serverPid),
    };
  } finally {
    clearTimeout(timer);
    for (const generator of generators) generator.kill();
  }
}

/** How fast the generator is against a server that only echoes. */
export async function measureCeiling(folder: string, connections: number): Promise<LoadResult> {
  const path = join(folder, 'echo');
  const server = new Child('echo-server.js', [path]);
  try {
    await server.receive();
    return await runLoad({ path, dialogue: { kind: 'echo' }, connections, limit: SHORT });
  } finally {
    server.kill();
  }
}

/** A program of the bench in a process of its own; no message is lost while nobody waits for it. */
class Child {
  readonly #process: ChildProcess;
  readonly #messages: AsyncIterator<unknown[]>;
  readonly #end = new AbortController();

  constructor(file: string, args: readonly string[] = []) {
    this.#process = fork(join(import.meta.dirname, file), args);
    this.#messages = on(this.#process, 'message', { signal: this.#end.signal });
    this.#process.once('exit', (code) => this.#end.abort(new Error(`${file} ended with ${code}`)));
  }

  send(message: string): void {
    this.#process.send(message);
  }

  /** The next message; rejects when the process ends instead. */
  async receive(): Promise<string> {
    const { value } = await this.#messages.next();
    return String(value?.[0]);
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }
}

function readServerCpu({ serverPid }: LoadJob): number {
  return serverPid === undefined ? Number.NaN : readCpuMs(serverPid);
}

function parseResult(text: string): GeneratorResult {
  const result: GeneratorResult = JSON.parse(text);
  return result;
}

function summarize(results: readonly GeneratorResult[], serverCpuMs: number): Omit<LoadResult, 'serverMemoryMb'> {
  const times = results.flatMap((result) => result.times);
  return {
    rate: results.reduce((sum, result) => sum + result.times.length / (result.elapsedMs / 1000), 0),
    times,
    serials: results.flatMap(({ serials }) => serials),
    p50Ms: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
    errorCount: results.reduce((sum, { errorCount }) => sum + errorCount, 0),
    errorSamples: results.flatMap(({ errorSamples }) => errorSamples),
    generatorShare: Math.max(...results.map(({ cpuMs, elapsedMs }) => cpuMs / elapsedMs)),
    serverCpuUs: (serverCpuMs * 1000) / results.reduce((sum, { totalCount }) => sum + totalCount, 0),
  };
}
