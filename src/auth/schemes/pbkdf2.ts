/**
 * {PBKDF2}: `$1$salt$rounds$` and 40 hex digits, PBKDF2 with HMAC-SHA-1 (RFC 8018) over the salt as it is written.
 * Synchronous and slow, for hash workers.
 */
import { pbkdf2Sync } from 'node:crypto';
import { isSameSecret } from './compare.ts';
import type { HashWork } from './work.ts';

export interface Pbkdf2 {
  readonly salt: string;
  readonly rounds: number;
  readonly key: Buffer;
  readonly work: HashWork;
}

const KEY_BYTES = 20;
const ROUND_MS = 0.0004;
const STORED = /^\$1\$([^$]*)\$([1-9]\d{0,8})\$([0-9a-f]{40})$/i;

/** Reads stored data; undefined when it is malformed. */
export function readPbkdf2(text: string): Pbkdf2 | undefined {
  const [, salt, rounds = '', key = ''] = STORED.exec(text) ?? [];
  if (salt === undefined) return undefined;
  const work = { signature: `pbkdf2:${rounds}`, estimatedMs: Number(rounds) * ROUND_MS, memoryKib: 0 };
  return { salt, rounds: Number(rounds), key: Buffer.from(key, 'hex'), work };
}

export function verifyPbkdf2(password: Buffer, stored: Pbkdf2): boolean {
  return isSameSecret(derive(password, stored), stored.key);
}

/** Makes the data of a new hash. */
export function hashPbkdf2(password: Buffer, { salt, rounds }: { salt: string; rounds: number }): string {
  return formatPbkdf2({ salt, rounds, key: derive(password, { salt, rounds }) });
}

/** Formats data as it is stored; without `key`, such as no password has. */
export function formatPbkdf2({ salt, rounds, key }: { salt: string; rounds: number; key?: Buffer }): string {
  return `$1$${salt}$${rounds}$${(key ?? Buffer.alloc(KEY_BYTES)).toString('hex')}`;
}

function derive(password: Buffer, { salt, rounds }: { salt: string; rounds: number }): Buffer {
  return pbkdf2Sync(password, Buffer.from(salt, 'latin1'), rounds, KEY_BYTES, 'sha1');
}
