/**
 * What the machine itself can hash: libcrypt on every core at once, without a server around it. Of two figures beside each
 * other, it tells a slow server from a machine whose cores share what they have.
 */
import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { openLibcrypt } from '../../src/auth/schemes/libcrypt.ts';
import { verifySlow } from '../../src/auth/schemes/slow.ts';
import { parseStoredPassword } from '../../src/auth/schemes/stored-password.ts';

/** One thread's work. */
interface HashTask {
  readonly password: string;
  /** `{SCHEME}data`. */
  readonly stored: string;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

/** Compares the password on all cores for the time given; returns comparisons a second, of all together. */
export async function measureHashThreads(task: HashTask): Promise<number> {
  const threads = Array.from({ length: availableParallelism() }, () => runThread(task));
  const rates = await Promise.all(threads);
  return rates.reduce((sum, rate) => sum + rate, 0);
}

function runThread(task: HashTask): Promise<number> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(new URL(import.meta.url), { workerData: task });
    thread.once('message', resolve);
    thread.once('error', reject);
  });
}

function hashFor({ password, stored }: HashTask, ms: number): number {
  const parsed = parseStoredPassword(stored);
  if (parsed === undefined) throw new Error(`Cannot hash: "${stored}" is no stored password`);
  const libcrypt = openLibcrypt();
  const bytes = Buffer.from(password);
  const startedAt = performance.now();
  let count = 0;
  while (performance.now() - startedAt < ms) {
    verifySlow(bytes, parsed, libcrypt);
    count += 1;
  }
  return (count * 1000) / (performance.now() - startedAt);
}

if (!isMainThread) {
  const task: HashTask = workerData;
  hashFor(task, task.warmUpMs);
  parentPort?.postMessage(hashFor(task, task.measureMs));
}
