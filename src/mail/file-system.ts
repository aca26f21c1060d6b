/**
 * The disk as the mail store uses it: few operations, each one system call or close to it, so that tests can fail
 * every single one and replay what was made durable (RULES 4). `node-file-system.ts` makes it real.
 */

/** A file that did not exist before and is written from its start. */
export interface NewFile {
  /** Writes all of it, one buffer after the other. */
  write(buffers: readonly Buffer[]): Promise<void>;
  /** Makes content and size durable; not the name, which is the directory's. */
  sync(): Promise<void>;
  /** Sets mode and group whatever the umask said. */
  setPermissions(mode: number, gid: number | undefined): Promise<void>;
  close(): Promise<void>;
}

export interface FileStatus {
  readonly isDirectory: boolean;
  readonly device: string;
  readonly inode: string;
  readonly mode: number;
  readonly gid: number;
  readonly modifiedAtMs: number;
}

/** Every method rejects with the system's error, whose `code` callers look at. */
export interface FileSystem {
  /** Creates a file; rejects with EEXIST when anything has that name. */
  create(path: string, mode: number): Promise<NewFile>;
  /** Opens a file to append to, creating it when it is missing. */
  append(path: string, mode: number): Promise<NewFile>;
  /** The content, in pieces of bounded size. */
  read(path: string): AsyncIterable<Buffer>;
  rename(from: string, to: string): Promise<void>;
  link(existing: string, path: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Makes one directory and gives it exactly `mode`, beside bits it inherits. */
  makeDirectory(path: string, mode: number): Promise<void>;
  /** Makes every entry added to or removed from a directory durable. */
  syncDirectory(path: string): Promise<void>;
  /** Follows links. */
  status(path: string): Promise<FileStatus>;
  /** The path without links. */
  realPath(path: string): Promise<string>;
  /** Names in a directory, a few at a time, without `.` and `..`. */
  list(path: string): AsyncIterable<string>;
}
