/**
 * A hash worker that dies of the job `crash`, never answers `hang`, takes its time for `slow…`, says for `count` how many
 * came with it, and finds all others right.
 */
import { parentPort } from 'node:worker_threads';
import type { HashAnswer, HashDone, HashJob } from '../../src/auth/hash-workers.ts';

const SLOW_MS = 150;

parentPort?.on('message', (batch: readonly HashJob[]) => {
  const texts = batch.map(({ request }) => request.password);
  if (texts.includes('crash')) throw new Error('crashed on purpose');
  const done: HashDone[] = batch.map(({ id, request }) => ({ id, answer: answer(request.password, batch.length) }));
  const reply = (): void => parentPort?.postMessage(done);
  if (texts.some((text) => text.startsWith('slow'))) setTimeout(reply, SLOW_MS);
  else if (!texts.includes('hang')) reply();
});
parentPort?.postMessage('ready');

function answer(text: string, batchSize: number): HashAnswer {
  return text === 'count' ? { text: `${batchSize}` } : 'match';
}
