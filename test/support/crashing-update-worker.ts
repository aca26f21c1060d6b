/**
 * The thread of `update-worker.ts` with faults: it dies once when there is a file `<database>.crash`, always of a use for
 * the service `crash`, and never answers one for the service `hang`.
 */
import { existsSync, rmSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { writeBatch } from '../../src/store/sqlite/update-batch.ts';
import type { UpdateReply, UpdateTask } from '../../src/store/sqlite/update-worker.ts';

parentPort?.on('message', ({ path, batch }: UpdateTask) => {
  const services = batch.uses.map(({ service }) => service);
  if (services.includes('hang')) return;
  if (services.includes('crash') || existsSync(`${path}.crash`)) {
    rmSync(`${path}.crash`, { force: true });
    throw new Error('crashed on purpose');
  }
  const reply: UpdateReply = { kind: 'written', replaced: writeBatch(path, batch) };
  parentPort?.postMessage(reply);
});
