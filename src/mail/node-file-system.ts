/**
 * The real disk, through plain callbacks of `node:fs`: a file handle of `fs/promises` costs more than a whole write
 * of a small message.
 */
import * as fs from 'node:fs';
import { opendir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { errorCode } from '../core/errors.ts';
import type { FileStatus, FileSystem, NewFile } from './file-system.ts';

const open = promisify(fs.open);
const close = promisify(fs.close);
const fsync = promisify(fs.fsync);
const fchmod = promisify(fs.fchmod);
const fchown = promisify(fs.fchown);
const rename = promisify(fs.rename);
const link = promisify(fs.link);
const unlink = promisify(fs.unlink);
const mkdir = promisify(fs.mkdir);
const chmod = promisify(fs.chmod);
const stat = promisify(fs.stat);
const realPath = promisify(fs.realpath.native);

const { O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = fs.constants;

const READ_BYTES = 128 * 1024;
/** A directory of 10^5 names is read without holding up the loop (facts/performance.md). */
const LIST_BATCH = 1024;

export const nodeFileSystem: FileSystem = {
  async create(path, mode) {
    return openFile(await open(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, mode));
  },
  async append(path, mode) {
    return openFile(await open(path, O_CREAT | O_APPEND | O_WRONLY | O_NOFOLLOW, mode));
  },
  read: (path) => fs.createReadStream(path, { highWaterMark: READ_BYTES }),
  rename,
  link,
  unlink,
  async makeDirectory(path, mode) {
    await mkdir(path, { mode });
    const { mode: current } = await stat(path);
    if ((current & 0o777) !== mode) await chmod(path, (current & 0o7000) | mode);
  },
  async syncDirectory(path) {
    const descriptor = await open(path, O_RDONLY | O_DIRECTORY);
    try {
      await fsync(descriptor);
    } catch (error) {
      // The file system says that it has no such operation (some network and FUSE ones): there is nothing more to do.
      if (errorCode(error) !== 'EINVAL') throw error;
    } finally {
      await close(descriptor);
    }
  },
  async status(path) {
    return toStatus(await stat(path));
  },
  realPath: (path) => realPath(path),
  async *list(path) {
    const directory = await opendir(path, { bufferSize: LIST_BATCH });
    for await (const entry of directory) yield entry.name;
  },
};

function openFile(descriptor: number): NewFile {
  return {
    write: (buffers) => writeAll(descriptor, buffers),
    sync: () => fsync(descriptor),
    setPermissions: (mode, gid) => setPermissions(descriptor, mode, gid),
    close: () => close(descriptor),
  };
}

/** A group we are no member of cannot be given; then the file stays our own. */
async function setPermissions(descriptor: number, mode: number, gid: number | undefined): Promise<void> {
  let allowed = mode;
  try {
    if (gid !== undefined) await fchown(descriptor, process.geteuid?.() ?? 0, gid);
  } catch (error) {
    if (errorCode(error) !== 'EPERM') throw error;
    allowed = mode & 0o600;
  }
  await fchmod(descriptor, allowed);
}

function toStatus(status: fs.Stats): FileStatus {
  return {
    isDirectory: status.isDirectory(),
    device: String(status.dev),
    inode: String(status.ino),
    mode: status.mode & 0o7777,
    gid: status.gid,
    modifiedAtMs: status.mtimeMs,
  };
}

/** One writev when the system takes it all; a short write goes on where it stopped. */
function writeAll(descriptor: number, buffers: readonly Buffer[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const step = (left: readonly Buffer[]): void => {
      if (left.length === 0) {
        resolve();
        return;
      }
      fs.writev(descriptor, left, (error, written) => {
        if (error === null) step(skipBytes(left, written));
        else reject(error);
      });
    };
    step(buffers.filter((buffer) => buffer.length > 0));
  });
}

function skipBytes(buffers: readonly Buffer[], count: number): Buffer[] {
  let skip = count;
  const rest: Buffer[] = [];
  for (const buffer of buffers) {
    if (skip >= buffer.length) skip -= buffer.length;
    else {
      rest.push(skip === 0 ? buffer : buffer.subarray(skip));
      skip = 0;
    }
  }
  return rest;
}
