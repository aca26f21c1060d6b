/**
 * The secret of this installation, a file of its own in `state_dir`: one line of 64 hexadecimal digits, mode 0600, made
 * at the first start. What must look random from outside and yet be the same after a restart is derived from it. It is
 * no password of anybody; losing it costs nothing but that such things change once.
 *
 * A file that cannot be read or made is a fault that is logged, and a secret in memory serves until the next start.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Logger } from '../core/logger.ts';

const SECRET_BYTES = 32;
const MODE = 0o600;
const FORM = /^([0-9a-f]{64})\n?$/;

export interface SecretFileOptions {
  readonly path: string;
  readonly logger: Logger;
}

export class SecretFile {
  readonly #options: SecretFileOptions;
  #secret: Buffer | undefined;

  constructor(options: SecretFileOptions) {
    this.#options = options;
  }

  /** Reads the file, or makes it; a second call does nothing. To be called as the user we run as; never throws. */
  open(): void {
    if (this.#secret !== undefined) return;
    const { path, logger } = this.#options;
    try {
      this.#secret = readSecret(path) ?? makeSecret(path);
    } catch (error) {
      logger.error(
        'store.fault',
        { path, err: error },
        'Cannot use the file of secrets; one in memory serves until the next start',
      );
      this.#secret = randomBytes(SECRET_BYTES);
    }
  }

  /** A key of 32 bytes for one purpose, the same for ever; opens the file if nobody has yet. */
  deriveKey(purpose: string): Buffer {
    this.open();
    return createHmac('sha256', this.#secret ?? randomBytes(SECRET_BYTES))
      .update(purpose)
      .digest();
  }
}

/** Undefined when there is no such file. Throws when it says anything but one secret. */
function readSecret(path: string): Buffer | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'latin1');
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  const digits = FORM.exec(text)?.[1];
  // The text itself is never told: it may be a secret all the same.
  if (digits === undefined) throw new SyntaxError(`Cannot read secret: not 64 hexadecimal digits in "${path}"`);
  return Buffer.from(digits, 'hex');
}

/** Makes a secret under a temporary name and links it to its own, so that nobody ever reads half of one. */
function makeSecret(path: string): Buffer {
  const secret = randomBytes(SECRET_BYTES);
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  const file = openSync(temporary, 'wx', MODE);
  try {
    writeSync(file, `${secret.toString('hex')}\n`);
    fsyncSync(file);
    // Not rename: of two processes that start at once, both must use the secret of the first.
    linkSync(temporary, path);
  } catch (error) {
    const other = isCode(error, 'EEXIST') ? readSecret(path) : undefined;
    if (other === undefined) throw error;
    return other;
  } finally {
    closeSync(file);
    unlinkSync(temporary);
  }
  syncDirectory(dirname(path));
  return secret;
}

function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
