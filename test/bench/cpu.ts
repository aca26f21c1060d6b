/**
 * CPU time and memory of a process and those it started, from Linux's /proc: on a busy machine the rates fall, while the
 * CPU time stays nearly the same. proc(5).
 */
import { readdirSync, readFileSync } from 'node:fs';

/** USER_HZ, which is 100 on every Linux that Node runs on. */
const TICK_MS = 10;
const KB_PER_MB = 1024;

/** Milliseconds since their start, of `pid`, its children, theirs, and those of them that have ended. */
export function readCpuMs(pid: number): number {
  return sumOfFamily(pid, ({ cpuMs }) => cpuMs);
}

/**
 * Megabytes of `pid`, its children and theirs; what processes share counts once. Without the right to see that (processes
 * of another user), NaN.
 */
export function readMemoryMb(pid: number): number {
  return sumOfFamily(pid, ({ pid: member }) => readProportionalKb(member)) / KB_PER_MB;
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly cpuMs: number;
}

function sumOfFamily(pid: number, figure: (process: Process) => number): number {
  const processes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap(readStat);
  const sum = (parent: number): number =>
    processes
      .filter((process) => process.pid === parent || process.parent === parent)
      .reduce((total, process) => total + (process.pid === parent ? figure(process) : sum(process.pid)), 0);
  return sum(pid);
}

function readStat(name: string): Process[] {
  let text;
  try {
    text = readFileSync(`/proc/${name}/stat`, 'latin1');
  } catch {
    // It ended meanwhile.
    return [];
  }
  // The name of the program may hold spaces and parentheses; the fields behind it begin with the state, the third.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const field = (number: number): number => Number(fields[number - 3]);
  const ticks = field(14) + field(15) + field(16) + field(17);
  return [{ pid: Number(name), parent: field(4), cpuMs: ticks * TICK_MS }];
}

function readProportionalKb(pid: number): number {
  try {
    return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1]);
  } catch {
    return Number.NaN;
  }
}
