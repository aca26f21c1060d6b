/** A hash worker that dies of the job `crash`, never answers `hang`, and finds every other password right. */
import { parentPort } from 'node:worker_threads';
import type { HashJob } from '../../src/auth/hash-workers.ts';

parentPort?.on('message', ({ id, request }: HashJob) => {
  const text = request.password;
  if (text === 'crash') throw new Error('crashed on purpose');
  if (text !== 'hang') parentPort?.postMessage({ id, answer: 'match' });
});
parentPort?.postMessage('ready');
