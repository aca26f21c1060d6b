/**
 * The thread that holds the daemon's only write connection (RULES 32): a batch in, what came of it out. It waits for locks
 * and disks so that the main thread does not. `update-thread.ts` starts and feeds it.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { describeError, errorCode } from '../../core/errors.ts';
import { writeBatch } from './update-batch.ts';
import type { UpdateBatch } from './update-queue.ts';

export interface UpdateWorkerOptions {
  readonly path: string;
}

export type UpdateReply =
  | { readonly kind: 'written'; readonly replaced: readonly string[] }
  /** `isLocked`: somebody else is writing, and it passes. */
  | { readonly kind: 'failed'; readonly reason: string; readonly isLocked: boolean };

const port = parentPort;

port?.on('message', (batch: UpdateBatch) => port.postMessage(write(batch)));

function write(batch: UpdateBatch): UpdateReply {
  try {
    // What the thread was started with; there is no type in the way between the two.
    const { path } = workerData as UpdateWorkerOptions;
    return { kind: 'written', replaced: writeBatch(path, batch) };
  } catch (error) {
    const isLocked = errorCode(error)?.startsWith('SQLITE_BUSY') === true;
    return { kind: 'failed', reason: describeError(error), isLocked };
  }
}
