/**
 * Loads a users file where it holds nothing up: a small one at once, a large one in a thread that lives for this one load.
 * The bytes and the index come back without a copy.
 */
import { Worker } from 'node:worker_threads';
import { describeError } from '../../core/errors.ts';
import type { DriverReaders } from '../driver-readers.ts';
import { loadUsers, readStamp, type Loaded, type LoadRequest } from './load.ts';

/** Some hundred lines, a few milliseconds; starting a thread takes ten times as long. */
const SMALL_BYTES = 32 * 1024;

export interface LoadOptions {
  readonly readers: DriverReaders;
  /** Program of the thread: calls `answerLoad`. Without one every file is loaded at once. */
  readonly workerUrl?: URL | undefined;
}

/** Loads the file; never rejects. */
export async function loadFile(request: LoadRequest, { readers, workerUrl }: LoadOptions): Promise<Loaded> {
  try {
    if (workerUrl === undefined) return await loadUsers(request, readers);
    const { size } = await readStamp(request.path);
    return size <= SMALL_BYTES ? await loadUsers(request, readers) : await loadInThread(request, workerUrl);
  } catch (error) {
    return { kind: 'unusable', reason: describeError(error) };
  }
}

/** What the thread does: loads, and hands over what it made. */
export async function answerLoad(
  request: LoadRequest,
  {
    readers,
    post,
  }: { readonly readers: DriverReaders; readonly post: (loaded: Loaded, transfer: ArrayBuffer[]) => void },
): Promise<void> {
  const loaded = await loadUsers(request, readers);
  if (loaded.kind !== 'read') return post(loaded, []);
  const { bytes, names, domains } = loaded.table;
  post(loaded, [bytes.buffer, names.buffer, domains.buffer]);
}

function loadInThread(request: LoadRequest, workerUrl: URL): Promise<Loaded> {
  return new Promise((resolve) => {
    const worker = new Worker(workerUrl, { workerData: request });
    const settle = (loaded: Loaded): void => {
      resolve(loaded);
      void worker.terminate();
    };
    worker.once('message', settle);
    worker.once('error', (error) => settle({ kind: 'unusable', reason: `its thread failed: ${describeError(error)}` }));
    worker.once('exit', (code) => settle({ kind: 'unusable', reason: `its thread ended with ${code}` }));
  });
}
