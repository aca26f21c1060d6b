/** Files of messages in a Maildir: made with the right mode, linked or copied into another Maildir. */
import { join } from 'node:path';
import { errorCode } from '../core/errors.ts';
import type { FileSystem, NewFile } from './file-system.ts';
import type { NameMaker } from './maildir-name.ts';
import type { ReadyMaildir } from './maildir.ts';

/** A whole message and the Maildir it lies in. */
export interface StoredBody {
  readonly path: string;
  readonly maildir: ReadyMaildir;
}

/** What the process creates files with unless it asks for more. */
const PLAIN_MODE = 0o600;
/** Errors of link(2) that only mean: make a copy. */
const NO_LINK = new Set(['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** Creates a file with the mode and group that files have in `maildir`. */
export async function createMessageFile(files: FileSystem, path: string, maildir: ReadyMaildir): Promise<NewFile> {
  const file = await files.create(path, maildir.fileMode);
  if (maildir.fileMode === PLAIN_MODE && maildir.gid === undefined) return file;
  try {
    await file.setPermissions(maildir.fileMode, maildir.gid);
    return file;
  } catch (error) {
    await file.close().catch(() => undefined);
    await files.unlink(path).catch(() => undefined);
    throw error;
  }
}

/** Links the body to `path` in another Maildir when the copy would be the same file anyway, else copies it. */
export async function placeCopy(
  tools: { readonly files: FileSystem; readonly names: NameMaker },
  body: StoredBody,
  { path, maildir }: StoredBody,
): Promise<void> {
  if (maildir.fileMode === body.maildir.fileMode && maildir.gid === body.maildir.gid) {
    try {
      await tools.files.link(body.path, path);
      return;
    } catch (error) {
      if (!NO_LINK.has(errorCode(error) ?? '')) throw error;
    }
  }
  const { files, names } = tools;
  const temporary = join(maildir.directory, 'tmp', names.make().stem);
  const file = await createMessageFile(files, temporary, maildir);
  try {
    for await (const piece of files.read(body.path)) await file.write([piece]);
    await file.sync();
    await files.rename(temporary, path);
  } catch (error) {
    await files.unlink(temporary).catch(() => undefined);
    throw error;
  } finally {
    await file.close().catch(() => undefined);
  }
}
