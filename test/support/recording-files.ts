/**
 * The real disk behind the file port, with every operation recorded and any of them made to fail. `DurableDisk`
 * replays a record and tells what a loss of power at any point would have left: only what was synced.
 */
import { basename, dirname } from 'node:path';
import type { FileStatus, FileSystem, NewFile } from '../../src/mail/file-system.ts';
import { nodeFileSystem } from '../../src/mail/node-file-system.ts';

export type Operation =
  | { readonly kind: 'create'; readonly path: string; readonly file: number }
  | { readonly kind: 'write'; readonly file: number; readonly bytes: Buffer }
  | { readonly kind: 'sync'; readonly file: number; readonly isDone: boolean }
  | { readonly kind: 'rename' | 'link'; readonly from: string; readonly path: string }
  | { readonly kind: 'unlink'; readonly path: string }
  | { readonly kind: 'makeDirectory'; readonly path: string }
  | { readonly kind: 'syncDirectory'; readonly path: string; readonly isDone: boolean }
  | { readonly kind: 'reply'; readonly path: string; readonly content: string };

export type StepName = 'create' | 'write' | 'sync' | 'rename' | 'link' | 'syncDirectory' | 'makeDirectory' | 'append';

/** Decides whether an operation on a path fails, and with which code. */
export type Sabotage = (step: StepName, path: string) => string | undefined;

export class RecordingFiles implements FileSystem {
  readonly operations: Operation[] = [];
  sabotage: Sabotage = () => undefined;
  /** A disk that hangs: the operation begins when the promise is fulfilled. */
  stall: (step: StepName, path: string) => Promise<void> | undefined = () => undefined;
  #fileCount = 0;

  read = (path: string): AsyncIterable<Buffer> => nodeFileSystem.read(path);
  status = (path: string): Promise<FileStatus> => nodeFileSystem.status(path);
  readonly realPath = (path: string): Promise<string> => nodeFileSystem.realPath(path);
  list = (path: string): AsyncIterable<string> => nodeFileSystem.list(path);

  /** Says that a message with this content was answered 250; it must be durable in directory `path`. */
  reply(path: string, content: string): void {
    this.operations.push({ kind: 'reply', path, content });
  }

  async create(path: string, mode: number): Promise<NewFile> {
    await this.#try('create', path);
    return this.#wrap(path, await nodeFileSystem.create(path, mode));
  }

  async append(path: string, mode: number): Promise<NewFile> {
    await this.#try('append', path);
    return nodeFileSystem.append(path, mode);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#try('rename', to);
    await nodeFileSystem.rename(from, to);
    this.operations.push({ kind: 'rename', from, path: to });
  }

  async link(existing: string, path: string): Promise<void> {
    await this.#try('link', path);
    await nodeFileSystem.link(existing, path);
    this.operations.push({ kind: 'link', from: existing, path });
  }

  async unlink(path: string): Promise<void> {
    await nodeFileSystem.unlink(path);
    this.operations.push({ kind: 'unlink', path });
  }

  async makeDirectory(path: string, mode: number): Promise<void> {
    await this.#try('makeDirectory', path);
    await nodeFileSystem.makeDirectory(path, mode);
    this.operations.push({ kind: 'makeDirectory', path });
  }

  async syncDirectory(path: string): Promise<void> {
    await this.#try('syncDirectory', path);
    this.operations.push({ kind: 'syncDirectory', path, isDone: false });
    await nodeFileSystem.syncDirectory(path);
    this.operations.push({ kind: 'syncDirectory', path, isDone: true });
  }

  #wrap(path: string, real: NewFile): NewFile {
    const file = ++this.#fileCount;
    this.operations.push({ kind: 'create', path, file });
    return {
      write: async (buffers) => {
        await this.#try('write', path);
        await real.write(buffers);
        this.operations.push({ kind: 'write', file, bytes: Buffer.concat(buffers) });
      },
      sync: async () => {
        await this.#try('sync', path);
        this.operations.push({ kind: 'sync', file, isDone: false });
        await real.sync();
        this.operations.push({ kind: 'sync', file, isDone: true });
      },
      setPermissions: (mode, gid) => real.setPermissions(mode, gid),
      close: () => real.close(),
    };
  }

  async #try(step: StepName, path: string): Promise<void> {
    await this.stall(step, path);
    const code = this.sabotage(step, path);
    if (code !== undefined) throw Object.assign(new Error(`${code}: planted, ${step} "${path}"`), { code });
  }
}

interface Node {
  readonly written: Buffer[];
  durable: string | undefined;
  /** What a sync that has begun will make durable. */
  syncing: string | undefined;
}

type Entry = Node | Folder;

class Folder {
  readonly entries = new Map<string, Entry>();
  durable = new Map<string, Entry>();
  syncing = new Map<string, Entry>();
}

/** A disk that forgets at a loss of power whatever was not synced. `top` exists and is durable. */
export class DurableDisk {
  readonly #top: string;
  readonly #root = new Folder();
  readonly #files = new Map<number, Node>();

  constructor(top: string) {
    this.#top = top;
  }

  apply(operation: Operation): void {
    switch (operation.kind) {
      case 'create': {
        const node: Node = { written: [], durable: undefined, syncing: undefined };
        this.#files.set(operation.file, node);
        this.#folderOf(operation.path)?.entries.set(basename(operation.path), node);
        return;
      }
      case 'write':
        this.#files.get(operation.file)?.written.push(operation.bytes);
        return;
      case 'sync': {
        const node = this.#files.get(operation.file);
        if (node === undefined) return;
        if (operation.isDone) node.durable = node.syncing;
        else node.syncing = Buffer.concat(node.written).toString('latin1');
        return;
      }
      case 'rename':
      case 'link': {
        const entry = this.#folderOf(operation.from)?.entries.get(basename(operation.from));
        if (operation.kind === 'rename') this.#folderOf(operation.from)?.entries.delete(basename(operation.from));
        if (entry !== undefined) this.#folderOf(operation.path)?.entries.set(basename(operation.path), entry);
        return;
      }
      case 'unlink':
        this.#folderOf(operation.path)?.entries.delete(basename(operation.path));
        return;
      case 'makeDirectory':
        this.#folderOf(operation.path)?.entries.set(basename(operation.path), new Folder());
        return;
      case 'syncDirectory': {
        const folder = this.#folder(operation.path);
        if (folder === undefined) return;
        if (operation.isDone) folder.durable = folder.syncing;
        else folder.syncing = new Map(folder.entries);
        return;
      }
      case 'reply':
    }
  }

  /** Contents of the files in a directory after a loss of power now. */
  durableContents(path: string): string[] {
    let folder: Entry | undefined = this.#root;
    for (const part of this.#parts(path)) folder = folder instanceof Folder ? folder.durable.get(part) : undefined;
    if (!(folder instanceof Folder)) return [];
    return [...folder.durable.values()].flatMap((entry) =>
      entry instanceof Folder || entry.durable === undefined ? [] : [entry.durable],
    );
  }

  #folderOf(path: string): Folder | undefined {
    return this.#folder(dirname(path));
  }

  #folder(path: string): Folder | undefined {
    let folder: Entry | undefined = this.#root;
    for (const part of this.#parts(path)) folder = folder instanceof Folder ? folder.entries.get(part) : undefined;
    return folder instanceof Folder ? folder : undefined;
  }

  #parts(path: string): string[] {
    if (path !== this.#top && !path.startsWith(`${this.#top}/`)) return ['outside'];
    return path
      .slice(this.#top.length)
      .split('/')
      .filter((part) => part !== '');
  }
}
