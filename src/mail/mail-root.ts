/**
 * The unmounted disk (RULES 8). A mail root is never created. Once seen, a marker file in it and its device are
 * remembered in `state_dir`; while they are not there, the directory is not the disk we know and mail waits, until an
 * administrator says `postern mailbox mount accept`.
 *
 * The marker is ours when its id is the remembered one and it sits on the remembered device or still has its inode:
 * device numbers may change at a reboot, and a copy of the marker on another disk has another inode.
 */
import { randomUUID } from 'node:crypto';
import { dirname, join } from 'node:path';
import { settleWithin } from '../core/deadline.ts';
import { describeError, errorCode } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { FileStatus, FileSystem } from './file-system.ts';

export interface MailRootOptions {
  readonly files: FileSystem;
  /** Absolute directories. */
  readonly roots: readonly string[];
  /** `mail-roots.json` in the state directory. */
  readonly statePath: string;
  readonly logger: Logger;
  /** Longest wait for a disk that hangs. */
  readonly waitMs?: number;
}

export type RootVerdict = { readonly kind: 'present' } | { readonly kind: 'missing'; readonly detail: string };

interface KnownRoot {
  readonly id: string;
  readonly device: string;
  readonly inode: string;
}

export const MARKER_NAME = '.postern-root';

const DEFAULT_WAIT_MS = 10_000;
const MARKER_MODE = 0o644;
const STATE_MODE = 0o600;
const MAX_SMALL_FILE_BYTES = 64 * 1024;
const PRESENT: RootVerdict = Object.freeze({ kind: 'present' });

export class MailRoots {
  readonly #options: MailRootOptions;
  readonly #checks = new Map<string, Promise<RootVerdict>>();
  readonly #missing = new Set<string>();
  /** Markers whose id this process has read: while such a file is there unchanged, a look at it is enough. */
  readonly #seen = new Map<string, FileStatus>();
  #stateWrites: Promise<unknown> = Promise.resolve();

  constructor(options: MailRootOptions) {
    this.#options = options;
  }

  /**
   * Whether the disk we know is mounted at `root`; asked before every delivery and every measurement. A disk that
   * hangs is asked once, however many wait: each question would hold a thread.
   */
  check(root: string): Promise<RootVerdict> {
    let check = this.#checks.get(root);
    if (check === undefined) {
      const work = this.#checkNow(root).finally(() => this.#checks.delete(root));
      check = settleWithin(work, this.#options.waitMs ?? DEFAULT_WAIT_MS, () => {
        const hung: RootVerdict = { kind: 'missing', detail: 'the disk does not answer' };
        this.#report(root, hung);
        return hung;
      });
      this.#checks.set(root, check);
    }
    return check;
  }

  /** Takes whatever is mounted now as right, and remembers it; throws when a root is not there at all. */
  async accept(): Promise<void> {
    for (const root of this.#options.roots) {
      const marker = (await this.#findMarker(root)) ?? (await this.#writeMarker(root));
      await this.#remember(root, marker, await this.#readId(root));
    }
  }

  async #checkNow(root: string): Promise<RootVerdict> {
    let verdict: RootVerdict;
    try {
      verdict = await this.#judge(root);
    } catch (error) {
      verdict = { kind: 'missing', detail: describeError(error) };
    }
    this.#report(root, verdict);
    return verdict;
  }

  async #judge(root: string): Promise<RootVerdict> {
    const marker = await this.#findMarker(root);
    if (marker !== undefined && isSameFile(marker, this.#seen.get(root))) return PRESENT;
    const known = (await this.#readState()).get(root);
    if (known === undefined && !this.#seen.has(root)) return this.#rememberFirst(root, marker);
    if (known === undefined)
      return { kind: 'missing', detail: `no record of it in "${this.#options.statePath}" any more` };
    if (marker === undefined) return { kind: 'missing', detail: `no marker file "${join(root, MARKER_NAME)}"` };
    const id = await this.#readId(root);
    if (id !== known.id) return { kind: 'missing', detail: 'the marker file is of another disk' };
    if (marker.device !== known.device && marker.inode !== known.inode) {
      return { kind: 'missing', detail: 'the marker file was copied to another disk' };
    }
    if (marker.device === known.device && marker.inode === known.inode) this.#seen.set(root, marker);
    else await this.#remember(root, marker, id);
    return PRESENT;
  }

  async #rememberFirst(root: string, existing: FileStatus | undefined): Promise<RootVerdict> {
    const marker = existing ?? (await this.#writeMarker(root));
    await this.#remember(root, marker, await this.#readId(root));
    return PRESENT;
  }

  /** One line when a root goes, one when it is back. */
  #report(root: string, verdict: RootVerdict): void {
    if (verdict.kind === 'present') {
      if (this.#missing.delete(root)) this.#options.logger.info('mail.root-missing', { root, isBack: true });
    } else if (!this.#missing.has(root)) {
      this.#missing.add(root);
      const advice = 'mount it, or run "postern mailbox mount accept"';
      this.#options.logger.error('mail.root-missing', { root, reason: verdict.detail }, `Mail root is gone: ${advice}`);
    }
  }

  async #findMarker(root: string): Promise<FileStatus | undefined> {
    try {
      return await this.#options.files.status(join(root, MARKER_NAME));
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** The root itself must exist: creating the file fails otherwise. */
  async #writeMarker(root: string): Promise<FileStatus> {
    const { files } = this.#options;
    const path = join(root, MARKER_NAME);
    const file = await files.create(path, MARKER_MODE);
    try {
      await file.write([Buffer.from(`${randomUUID()}\n`)]);
      await file.sync();
    } finally {
      await file.close();
    }
    await files.syncDirectory(root);
    return files.status(path);
  }

  async #readId(root: string): Promise<string> {
    return (await this.#readSmallFile(join(root, MARKER_NAME))).trim();
  }

  async #readState(): Promise<Map<string, KnownRoot>> {
    let text: string;
    try {
      text = await this.#readSmallFile(this.#options.statePath);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return new Map();
      throw error;
    }
    const state: unknown = JSON.parse(text);
    if (!isState(state)) throw new SyntaxError(`Cannot read "${this.#options.statePath}": not written by us`);
    return new Map(Object.entries(state));
  }

  /** Written whole under a temporary name, one writer after the other. */
  async #remember(root: string, marker: FileStatus, id: string): Promise<void> {
    const write = this.#stateWrites.then(() => this.#writeState(root, { id, ...pickIdentity(marker) }));
    this.#stateWrites = write.catch(() => undefined);
    await write;
    this.#seen.set(root, marker);
  }

  async #writeState(root: string, known: KnownRoot): Promise<void> {
    const { files, statePath } = this.#options;
    const state = (await this.#readState()).set(root, known);
    const temporary = `${statePath}.${process.pid}.tmp`;
    await files.unlink(temporary).catch(() => undefined);
    const file = await files.create(temporary, STATE_MODE);
    try {
      await file.write([Buffer.from(`${JSON.stringify(Object.fromEntries(state), undefined, 2)}\n`)]);
      await file.sync();
    } finally {
      await file.close();
    }
    await files.rename(temporary, statePath);
    await files.syncDirectory(dirname(statePath));
  }

  async #readSmallFile(path: string): Promise<string> {
    const pieces: Buffer[] = [];
    let length = 0;
    for await (const piece of this.#options.files.read(path)) {
      length += piece.length;
      if (length > MAX_SMALL_FILE_BYTES) throw new RangeError(`Cannot read "${path}": too large`);
      pieces.push(piece);
    }
    return Buffer.concat(pieces).toString();
  }
}

function pickIdentity(status: FileStatus): { device: string; inode: string } {
  return { device: status.device, inode: status.inode };
}

function isSameFile(one: FileStatus, other: FileStatus | undefined): boolean {
  const { device, inode, modifiedAtMs } = one;
  return device === other?.device && inode === other.inode && modifiedAtMs === other.modifiedAtMs;
}

function isState(value: unknown): value is Record<string, KnownRoot> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).every(
    (root: unknown) =>
      typeof root === 'object' &&
      root !== null &&
      'id' in root &&
      'device' in root &&
      'inode' in root &&
      [root.id, root.device, root.inode].every((field) => typeof field === 'string'),
  );
}
