/** A hash worker that dies of the job `crash`, never answers `hang`, takes its time for `slow…`, and finds all others right. */
import { parentPort } from 'node:worker_threads';
import type { HashJob } from '../../src/auth/hash-workers.ts';

const SLOW_MS = 150;

parentPort?.on('message', ({ id, request }: HashJob) => {
  const text = request.password;
  if (text === 'crash') throw new Error('crashed on purpose');
  const answer = (): void => parentPort?.postMessage({ id, answer: 'match' });
  if (text.startsWith('slow')) setTimeout(answer, SLOW_MS);
  else if (text !== 'hang') answer();
});
parentPort?.postMessage('ready');
