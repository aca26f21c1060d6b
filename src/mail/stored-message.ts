/** Finds a message in a Maildir by its base name: in `new`, or in `cur` under whatever flags it has by now. */
import { join } from 'node:path';
import { errorCode } from '../core/errors.ts';
import type { FileSystem } from './file-system.ts';
import { takeBaseName } from './maildir-name.ts';

/** The part of `maildir` that holds the message, or undefined when neither does. */
export async function findStored(
  files: FileSystem,
  maildir: string,
  baseName: string,
): Promise<'new' | 'cur' | undefined> {
  if (await exists(files, join(maildir, 'new', baseName))) return 'new';
  // It moves from new to cur: looked for in that order it cannot slip through.
  for (const part of ['new', 'cur'] as const) {
    for await (const name of files.list(join(maildir, part))) if (takeBaseName(name) === baseName) return part;
  }
  return undefined;
}

async function exists(files: FileSystem, path: string): Promise<boolean> {
  try {
    await files.status(path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}
