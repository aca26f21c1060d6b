/**
 * {SCRAM-SHA-1} and {SCRAM-SHA-256} (RFC 5802, RFC 7677): `iterations,salt,StoredKey,ServerKey`, compared with a password
 * here; the mechanism checks proofs with the same data. Synchronous and slow, for hash workers.
 */
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import type { ScramParameters } from '../hasher.ts';
import { parseScramData } from '../proof-credential.ts';
import { decodeBase64 } from '../../core/base64.ts';
import { isSameSecret } from './compare.ts';
import { digestBytes, type Scheme } from './scheme.ts';
import type { HashWork } from './work.ts';

export interface StoredScram {
  readonly parameters: ScramParameters;
  readonly storedKey: Buffer;
  readonly work: HashWork;
}

export const NEW_SCRAM_SALT_BYTES = 16;

const ITERATION_MS = 0.0004;

/** Reads stored data; undefined when it is malformed. */
export function readScram(text: string, { name }: Scheme): StoredScram | undefined {
  const isSha256 = name === 'SCRAM-SHA-256';
  const parsed = parseScramData(text, isSha256 ? name : 'SCRAM-SHA-1');
  const salt = decodeBase64(parsed?.salt ?? '=');
  if (parsed === undefined || salt === undefined) return undefined;
  const { iterations, storedKey } = parsed;
  const work = { signature: `${name}:${iterations}`, estimatedMs: estimateScramMs(iterations), memoryKib: 0 };
  return { parameters: { algorithm: isSha256 ? 'sha256' : 'sha1', salt, iterations }, storedKey, work };
}

/** What one derivation takes. */
export function estimateScramMs(iterations: number): number {
  return iterations * ITERATION_MS;
}

export function verifyScram(password: Buffer, { parameters, storedKey }: StoredScram): boolean {
  return isSameSecret(deriveKeys(password, parameters).storedKey, storedKey);
}

/** Makes the data that is stored. */
export function deriveScramData(password: Buffer, parameters: ScramParameters): string {
  return formatScramData(parameters, deriveKeys(password, parameters));
}

/** Formats data as it is stored; without `keys`, such as no password has. */
export function formatScramData(
  { algorithm, salt, iterations }: ScramParameters,
  keys?: { readonly storedKey: Buffer; readonly serverKey: Buffer },
): string {
  const none = Buffer.alloc(digestBytes(algorithm));
  const { storedKey, serverKey } = keys ?? { storedKey: none, serverKey: none };
  return [iterations, ...[salt, storedKey, serverKey].map((bytes) => bytes.toString('base64'))].join(',');
}

function deriveKeys(
  password: Buffer,
  { algorithm, salt, iterations }: ScramParameters,
): { storedKey: Buffer; serverKey: Buffer } {
  const salted = pbkdf2Sync(password, salt, iterations, digestBytes(algorithm), algorithm);
  const clientKey = createHmac(algorithm, salted).update('Client Key').digest();
  return {
    storedKey: createHash(algorithm).update(clientKey).digest(),
    serverKey: createHmac(algorithm, salted).update('Server Key').digest(),
  };
}
