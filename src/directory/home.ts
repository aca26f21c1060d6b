/**
 * From an address to the directory its mail lives in (`[mail] home`). Names that would leave the place they are put
 * into are refused before a path is built (RULES 14); nothing here touches the disk.
 */
import { isAbsolute, normalize } from 'node:path';
import { parseTemplate } from '../core/template.ts';
import { expandPath, isSafeName } from '../core/variables.ts';

/** NAME_MAX of every file system in use; a longer name fails only when the first mail comes. */
const MAX_NAME_BYTES = 255;
const MAX_PATH_BYTES = 4095;

/** Expands a home template for an address; throws RangeError when a part of the address is no safe name. */
export function expandHome(template: string, address: string): string {
  const at = address.lastIndexOf('@');
  for (const part of [address.slice(0, Math.max(at, 0)), address.slice(at + 1)]) {
    // A second @ would be cut elsewhere by %n and %d (facts/dovecot.md E.4) than by us.
    if (!isSafeName(part) || part.includes('@')) {
      throw new RangeError(
        `Cannot build a home for ${JSON.stringify(address)}: ${JSON.stringify(part)} is no safe name`,
      );
    }
  }
  const home = expandPath(parseTemplate(template), { user: address });
  checkHome(home);
  return home;
}

/** Throws RangeError unless `home` is an absolute, normal path that a file system takes. */
export function checkHome(home: string): void {
  const bare = home.endsWith('/') ? home.slice(0, -1) : home;
  if (!isAbsolute(home) || home.includes('\0') || bare !== normalize(bare) || bare === '') {
    throw new RangeError(`Cannot use home ${JSON.stringify(home)}: not an absolute path without "." and ".."`);
  }
  const isLong = bare.split('/').some((name) => Buffer.byteLength(name) > MAX_NAME_BYTES);
  if (isLong || Buffer.byteLength(home) > MAX_PATH_BYTES) {
    throw new RangeError(`Cannot use home ${JSON.stringify(home)}: longer than a file system takes`);
  }
}
