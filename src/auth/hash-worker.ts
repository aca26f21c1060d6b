/**
 * The body of one hash worker: takes batches of jobs, hashes one after the other, answers. It decides nothing
 * and keeps nothing of a password once it answered. `hash-workers.ts` starts and feeds it.
 */
import { parentPort } from 'node:worker_threads';
import { describeError } from '../core/errors.ts';
import type { HashAnswer, HashDone, HashJob, HashRequest } from './hash-workers.ts';
import { openLibcrypt } from './schemes/libcrypt.ts';
import { findScheme } from './schemes/scheme.ts';
import { deriveScramData } from './schemes/scram.ts';
import { hashSlow, verifySlow } from './schemes/slow.ts';
import { parseStoredPassword } from './schemes/stored-password.ts';

const libcrypt = openLibcrypt();

parentPort?.on('message', (batch: readonly HashJob[]) => {
  const done: HashDone[] = batch.map(({ id, request }) => ({ id, answer: answer(request) }));
  parentPort?.postMessage(done);
});
parentPort?.postMessage('ready');

function answer(request: HashRequest): HashAnswer {
  try {
    const password = Buffer.from(request.password, 'latin1');
    switch (request.kind) {
      case 'verify': {
        const stored = parseStoredPassword(request.stored);
        return stored === undefined ? 'unusable' : verifySlow(password, stored, libcrypt);
      }
      case 'hash': {
        const scheme = findScheme(request.scheme);
        if (scheme === undefined) throw new RangeError(`Cannot hash with scheme "${request.scheme}": not known`);
        return { text: hashSlow(password, { scheme, rounds: request.rounds, libcrypt }) };
      }
      case 'scram': {
        const { algorithm, iterations } = request;
        return {
          text: deriveScramData(password, { algorithm, salt: Buffer.from(request.salt, 'latin1'), iterations }),
        };
      }
    }
  } catch (error) {
    return { fault: describeError(error) };
  }
}
