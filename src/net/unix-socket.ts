/**
 * Unix sockets that appear complete: bound under a temporary name, given their mode, then renamed into place. This
 * also keeps Node's `server.close()` from unlinking a path that a newer server owns by then (seen on Node 20: libuv
 * unlinks by the name it bound).
 */
import { createConnection, type Server } from 'node:net';
import { chmod, lstat, rename, unlink } from 'node:fs/promises';
import { MAX_UNIX_PATH_BYTES } from '../core/endpoint.ts';
import { errorCode } from '../core/errors.ts';

/** A live server accepts at once; one that takes longer is stuck but alive. */
const ANSWER_TIMEOUT_MS = 1000;

/** A socket file of ours, known by its inode so that no other server's file is ever removed. */
export interface BoundSocket {
  /** Removes the file if it is still ours. */
  remove(): Promise<void>;
}

/** Binds `server` to `path` with `mode`. Throws when another process answers there or the path is no socket. */
export async function bindUnixSocket(
  server: Server,
  path: string,
  options: { mode: number; backlog: number },
): Promise<BoundSocket> {
  if (Buffer.byteLength(path) > MAX_UNIX_PATH_BYTES) {
    throw new RangeError(`Cannot listen on "${path}": a socket path has at most ${MAX_UNIX_PATH_BYTES} bytes`);
  }
  await assertFree(path);
  // Linux counts processes to 4194304: five characters.
  const temporary = `${path}.${process.pid.toString(36)}`;
  await unlink(temporary).catch(ignoreMissing);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path: temporary, backlog: options.backlog }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  await chmod(temporary, options.mode);
  const { ino } = await lstat(temporary);
  await rename(temporary, path);
  return {
    remove: async () => {
      const current = await lstat(path).catch(ignoreMissing);
      if (current !== undefined && current.ino === ino) await unlink(path).catch(ignoreMissing);
    },
  };
}

async function assertFree(path: string): Promise<void> {
  const existing = await lstat(path).catch(ignoreMissing);
  if (existing === undefined) return;
  if (!existing.isSocket()) throw new Error(`Cannot listen on "${path}": a file that is no socket is in the way`);
  if (await answers(path)) throw new Error(`Cannot listen on "${path}": another process answers there`);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createConnection({ path });
    const settle = (answer: boolean): void => {
      probe.destroy();
      resolve(answer);
    };
    probe.setTimeout(ANSWER_TIMEOUT_MS, () => settle(true));
    probe.once('connect', () => settle(true));
    // EAGAIN is a full backlog: somebody listens, however slowly.
    probe.once('error', (error) => settle(errorCode(error) === 'EAGAIN' || errorCode(error) === 'EACCES'));
  });
}

function ignoreMissing(error: unknown): undefined {
  if (errorCode(error) !== 'ENOENT') throw error;
  return undefined;
}
