/**
 * Makes sure that a Maildir is there and may be written to: the right disk is mounted, links stay inside the mail
 * roots (RULES 14), missing directories below a root are made and made durable (RULES 4 and 17). The mail root itself
 * is never made (RULES 8).
 */
import { dirname, join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { errorCode } from '../core/errors.ts';
import type { FileStatus, FileSystem } from './file-system.ts';
import { isInside, type MailLocation } from './location.ts';
import type { MailRoots } from './mail-root.ts';
import { deferred, type Deferred } from './outcome.ts';

export interface MaildirOptions {
  readonly files: FileSystem;
  readonly roots: MailRoots;
  readonly rootPaths: readonly string[];
  readonly clock: Clock;
  /** `lda_mailbox_autocreate`: make a missing folder that a detail names. */
  readonly canCreateFolders: boolean;
}

/** A Maildir that can take a message now. */
export interface ReadyMaildir {
  readonly kind: 'ready';
  /** The directory that holds `new`, `cur` and `tmp`. */
  readonly directory: string;
  /** Mode of files, and the group when it is not the process's own (facts/dovecot.md G.9). */
  readonly fileMode: number;
  readonly gid: number | undefined;
}

/** Folders that details of strangers may make in one account (RULES 17). */
export const MAX_FOLDERS = 100;

const NEW_DIRECTORY_MODE = 0o700;
const PARTS = ['tmp', 'new', 'cur'] as const;
const FOLDER_MARKER = 'maildirfolder';
/** How long a Maildir that was found in order is believed to stay so; the mount is asked about every time. */
const TRUST_MS = 5000;
const MAX_TRUSTED = 10_000;
/** Past it the memory starts anew, and directories are synced a second time. */
const MAX_DURABLE = 100_000;

export class Maildirs {
  readonly #options: MaildirOptions;
  readonly #trusted = new Map<string, { ready: ReadyMaildir; sinceMs: number }>();
  /** Directories whose way from the root this process has made durable; who made them may not have (RULES 4). */
  readonly #durable = new Set<string>();
  /** By Maildir++ root: what is being made there. Nobody relies on it before it is durable. */
  readonly #making = new Map<string, Promise<unknown>>();

  constructor(options: MaildirOptions) {
    this.#options = options;
  }

  /**
   * Readies the INBOX, or the folder in directory `folder` below the Maildir++ root when it exists or may be made;
   * else the INBOX after all. Rejects with the system's error when the disk fails.
   */
  async ready(location: MailLocation, folder: string | undefined): Promise<ReadyMaildir | Deferred> {
    const verdict = await this.#options.roots.check(location.root);
    if (verdict.kind === 'missing') return deferred('root-missing', verdict.detail);
    const wanted = folder === undefined ? location.inbox : join(location.path, folder);
    const trusted = this.#trusted.get(wanted);
    if (trusted !== undefined && this.#isYoung(trusted.sinceMs)) return trusted.ready;
    await this.#making.get(location.path);

    const found = await this.#find(wanted, location);
    if (found !== undefined) {
      if (found.kind === 'ready') await this.#makeDurable(wanted, this.#rootOf(wanted, location));
      return this.#trust(wanted, found);
    }
    if (folder === undefined) return this.#oneAtATime(location.path, () => this.#make(wanted, location));

    // Folders live in a Maildir++ root: that one comes first.
    const inbox = await this.ready(location, undefined);
    if (inbox.kind !== 'ready') return inbox;
    const made = await this.#oneAtATime(location.path, () => this.#makeFolder(wanted, location));
    return made ?? inbox;
  }

  /** Forgets that a Maildir was in order, because an operation in it failed. */
  distrust(directory: string): void {
    this.#trusted.delete(directory);
    this.#durable.delete(directory);
  }

  async #find(directory: string, location: MailLocation): Promise<ReadyMaildir | Deferred | undefined> {
    const { files } = this.#options;
    try {
      for (const part of PARTS) {
        const real = await files.realPath(join(directory, part));
        if (real !== join(directory, part) && !(await this.#isInsideRoots(real))) return leadsOutside(directory);
      }
      const owner = directory === location.inbox ? location.inbox : location.path;
      return toReady(directory, await files.status(owner));
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  async #isInsideRoots(real: string): Promise<boolean> {
    for (const root of this.#options.rootPaths) {
      if (isInside(real, await this.#options.files.realPath(root).catch(() => root))) return true;
    }
    return false;
  }

  #trust(directory: string, found: ReadyMaildir | Deferred): ReadyMaildir | Deferred {
    if (found.kind !== 'ready') return found;
    if (this.#trusted.size >= MAX_TRUSTED) this.#trusted.clear();
    this.#trusted.set(directory, { ready: found, sinceMs: this.#options.clock.now() });
    return found;
  }

  /** Runs `make` after whatever else is being made for the same account. */
  #oneAtATime<T>(path: string, make: () => Promise<T>): Promise<T> {
    const mine = (this.#making.get(path) ?? Promise.resolve()).then(make);
    const settled: Promise<void> = mine
      .catch(() => undefined)
      .then(() => {
        if (this.#making.get(path) === settled) this.#making.delete(path);
        return undefined;
      });
    this.#making.set(path, settled);
    return mine;
  }

  /** Makes a folder, or returns undefined when the configuration or the number of folders is against it. */
  async #makeFolder(directory: string, location: MailLocation): Promise<ReadyMaildir | Deferred | undefined> {
    const { canCreateFolders, files } = this.#options;
    if (!canCreateFolders) return undefined;
    let count = 0;
    for await (const name of files.list(location.path)) if (name.startsWith('.')) count += 1;
    if (count >= MAX_FOLDERS) return undefined;
    const { mode } = await files.status(location.path);
    return this.#make(directory, location, mode & 0o777);
  }

  /**
   * Makes what is missing of a Maildir, and makes every entry on the way to it durable: those above may be made by
   * somebody else in this moment, and not be durable yet (RULES 4).
   */
  async #make(directory: string, location: MailLocation, folderMode?: number): Promise<ReadyMaildir | Deferred> {
    const { files, roots } = this.#options;
    const root = this.#rootOf(directory, location);
    const verdict = await roots.check(root);
    if (verdict.kind === 'missing') return deferred('root-missing', verdict.detail);

    this.#durable.delete(directory);
    const mode = folderMode ?? NEW_DIRECTORY_MODE;
    for (const path of [...pathsBetween(root, directory), ...PARTS.map((part) => join(directory, part))]) {
      if (await this.#exists(path)) continue;
      // A link on the way may lead out of the roots: nothing is made behind it.
      if (!(await this.#isInsideRoots(await files.realPath(dirname(path))))) return leadsOutside(directory);
      await files.makeDirectory(path, mode).catch(ignoreExisting);
    }
    if (folderMode !== undefined && !(await this.#exists(join(directory, FOLDER_MARKER)))) {
      await (await files.create(join(directory, FOLDER_MARKER), toFileMode(mode))).close();
    }
    await this.#makeDurable(directory, root);
    return (await this.#find(directory, location)) ?? deferred('storage', `cannot make "${directory}"`);
  }

  #rootOf(directory: string, location: MailLocation): string {
    return this.#options.rootPaths.find((known) => isInside(directory, known)) ?? location.root;
  }

  /** Syncs every directory on the way to `directory`, once in this process's life. */
  async #makeDurable(directory: string, root: string): Promise<void> {
    if (this.#durable.has(directory)) return;
    const paths = [root, ...pathsBetween(root, directory)];
    // One that we may not read we did not make.
    await Promise.all(paths.map((path) => this.#options.files.syncDirectory(path).catch(ignoreForbidden)));
    if (this.#durable.size >= MAX_DURABLE) this.#durable.clear();
    this.#durable.add(directory);
  }

  /** A clock that was set back makes nothing young. */
  #isYoung(sinceMs: number): boolean {
    const ageMs = this.#options.clock.now() - sinceMs;
    return ageMs >= 0 && ageMs < TRUST_MS;
  }

  async #exists(path: string): Promise<boolean> {
    try {
      await this.#options.files.status(path);
      return true;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return false;
      throw error;
    }
  }
}

/** Every directory below `root` on the way to `directory`, that one included. */
function pathsBetween(root: string, directory: string): string[] {
  const paths: string[] = [];
  for (let path = directory; path !== root && path !== dirname(path); path = dirname(path)) paths.unshift(path);
  return paths;
}

function leadsOutside(directory: string): Deferred {
  return deferred('location', `"${directory}" leads outside the mail roots`);
}

function toReady(directory: string, status: FileStatus): ReadyMaildir {
  const gid = status.gid === process.getegid?.() ? undefined : status.gid;
  return { kind: 'ready', directory, fileMode: toFileMode(status.mode), gid };
}

function toFileMode(directoryMode: number): number {
  return (directoryMode & 0o666) | 0o600;
}

function ignoreExisting(error: unknown): void {
  if (errorCode(error) !== 'EEXIST') throw error;
}

function ignoreForbidden(error: unknown): void {
  if (errorCode(error) !== 'EACCES') throw error;
}
