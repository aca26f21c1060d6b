/** Finds a message in a Maildir by its base name: in `new`, or in `cur` under whatever flags it has by now. */
import { join } from 'node:path';
import { errorCode } from '../core/errors.ts';
import type { FileSystem } from './file-system.ts';
import { takeBaseName } from './maildir-name.ts';

/** A file that gets new flags while its directory is read may be missed: then the directory is read again. */
const MAX_READS = 5;

/** The part of `maildir` that holds the message, or undefined when neither does. */
export async function findStored(
  files: FileSystem,
  maildir: string,
  baseName: string,
): Promise<'new' | 'cur' | undefined> {
  if ((await findModifiedAt(files, join(maildir, 'new', baseName))) !== undefined) return 'new';
  const cur = join(maildir, 'cur');
  for (let reads = 0; reads < MAX_READS; reads++) {
    const modifiedAt = await findModifiedAt(files, cur);
    // It moves from new to cur: looked for in that order it cannot slip through.
    for (const part of ['new', 'cur'] as const) if (await has(files, join(maildir, part), baseName)) return part;
    if ((await findModifiedAt(files, cur)) === modifiedAt) return undefined;
  }
  return undefined;
}

/** Undefined for a file or directory that does not exist. */
async function findModifiedAt(files: FileSystem, path: string): Promise<number | undefined> {
  try {
    return (await files.status(path)).modifiedAtMs;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function has(files: FileSystem, directory: string, baseName: string): Promise<boolean> {
  try {
    for await (const name of files.list(directory)) if (takeBaseName(name) === baseName) return true;
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
  return false;
}
