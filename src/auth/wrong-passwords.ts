/**
 * Tells whether a wrong password was tried before, without keeping it: 30 bits of a hash under a key that lives and dies
 * with the process. So few bits fit a billion other passwords as well, and a guess is taken for an old one by accident no
 * more often than that.
 */
import { hash, randomBytes } from 'node:crypto';

const KEY_BYTES = 32;
/** A phone and a tablet with an old password each, and some passwords their owner tries by hand. */
const MAX_REMEMBERED = 8;
/** What V8 stores as a small number. */
const DROPPED_BITS = 2;

export class WrongPasswords {
  readonly #secret = randomBytes(KEY_BYTES);

  /** What a password is remembered by; `whose` keeps users apart. */
  fingerprint(whose: string, password: Buffer): number {
    const parts = [this.#secret, Buffer.from(`${whose.length}:${whose}`), password];
    // A keyed hash in one call takes a third of an HMAC's time, and nobody sees its output who could extend it.
    return hash('sha256', Buffer.concat(parts), 'buffer').readUInt32BE(0) >>> DROPPED_BITS;
  }
}

/** The list with one more fingerprint at its end, and no longer than it may be. */
export function addFingerprint(list: readonly number[] | undefined, fingerprint: number): number[] {
  return [...(list ?? []).slice(1 - MAX_REMEMBERED), fingerprint];
}
