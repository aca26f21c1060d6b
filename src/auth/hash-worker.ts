/**
 * The body of one hash worker: takes jobs one after the other, hashes synchronously, answers. It decides nothing
 * and keeps nothing of a password once it answered. `hash-workers.ts` starts and feeds it.
 */
import { parentPort } from 'node:worker_threads';
import { describeError } from '../core/errors.ts';
import type { HashAnswer, HashJob, HashRequest } from './hash-workers.ts';
import { openLibcrypt } from './libcrypt.ts';
import { findScheme, parseStoredPassword } from './schemes.ts';
import { hashSlow, verifySlow } from './slow-schemes.ts';

const libcrypt = openLibcrypt();

parentPort?.on('message', ({ id, request }: HashJob) => {
  parentPort?.postMessage({ id, answer: answer(request) });
});
parentPort?.postMessage('ready');

function answer(request: HashRequest): HashAnswer {
  try {
    // Structured cloning turns a Buffer into a bare Uint8Array.
    const password = Buffer.from(request.password.buffer, request.password.byteOffset, request.password.byteLength);
    if (request.kind === 'verify') {
      const stored = parseStoredPassword(request.stored);
      return { kind: 'verdict', verdict: stored === undefined ? 'unusable' : verifySlow(password, stored, libcrypt) };
    }
    const scheme = findScheme(request.scheme);
    const stored = scheme === undefined ? undefined : hashSlow(password, scheme, libcrypt);
    return stored === undefined
      ? { kind: 'fault', reason: 'Cannot hash password: no library for this scheme' }
      : { kind: 'hash', stored };
  } catch (error) {
    return { kind: 'fault', reason: describeError(error) };
  }
}
