/**
 * The thread that holds the daemon's only write connection (RULES 32): a batch in, what came of it out. It waits for locks
 * and disks so that the main thread does not. `update-thread.ts` starts and feeds it.
 */
import { parentPort } from 'node:worker_threads';
import { describeError, errorCode } from '../../core/errors.ts';
import { writeBatch } from './update-batch.ts';
import type { UpdateBatch } from './update-queue.ts';

export interface UpdateTask {
  readonly path: string;
  readonly batch: UpdateBatch;
}

export type UpdateReply =
  | { readonly kind: 'written'; readonly replaced: readonly string[] }
  /** `isLocked`: somebody else is writing, and it passes. */
  | { readonly kind: 'failed'; readonly reason: string; readonly isLocked: boolean };

const port = parentPort;

port?.on('message', (task: UpdateTask) => port.postMessage(write(task)));

function write({ path, batch }: UpdateTask): UpdateReply {
  try {
    return { kind: 'written', replaced: writeBatch(path, batch) };
  } catch (error) {
    const isLocked = errorCode(error)?.startsWith('SQLITE_BUSY') === true;
    return { kind: 'failed', reason: describeError(error), isLocked };
  }
}
