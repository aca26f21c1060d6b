/**
 * Removes what a killed process left in `tmp/`: files with a name of ours that nobody has touched for 36 hours
 * (facts/dovecot.md G.3). Each Maildir is looked at once in a process's life, after its first delivery, one Maildir at
 * a time and while nobody waits.
 */
import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { errorCode } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { FileSystem } from './file-system.ts';

const STALE_MS = 36 * 3_600_000;
const OURS = /^\d+\.M\d+P\d+Q\d+\./;
/** Past it the memory starts anew, and Maildirs are looked at a second time. */
const MAX_VISITED = 100_000;
const MAX_QUEUED = 1000;

export class StaleFileCleaner {
  readonly #options: { readonly files: FileSystem; readonly clock: Clock; readonly logger: Logger };
  readonly #visited = new Set<string>();
  readonly #queue: string[] = [];
  #work: Promise<void> | undefined;

  constructor(options: { files: FileSystem; clock: Clock; logger: Logger }) {
    this.#options = options;
  }

  /** Queues a Maildir; does nothing when it was looked at already. */
  visit(maildir: string): void {
    if (this.#visited.has(maildir) || this.#queue.length >= MAX_QUEUED) return;
    if (this.#visited.size >= MAX_VISITED) this.#visited.clear();
    this.#visited.add(maildir);
    this.#queue.push(maildir);
    this.#work ??= this.#cleanAll();
  }

  /** Resolves when nothing is queued; drops what has not begun. */
  async stop(): Promise<void> {
    this.#queue.length = 0;
    await this.#work;
  }

  async #cleanAll(): Promise<void> {
    for (let maildir = this.#queue.shift(); maildir !== undefined; maildir = this.#queue.shift()) {
      try {
        await this.#clean(join(maildir, 'tmp'));
      } catch (error) {
        this.#options.logger.warn('mail.fault', { maildir, err: error });
      }
    }
    // In the turn that saw the queue empty: a visit any later must start anew.
    this.#work = undefined;
  }

  async #clean(directory: string): Promise<void> {
    const { files, clock, logger } = this.#options;
    let count = 0;
    for await (const name of files.list(directory)) {
      if (!OURS.test(name)) continue;
      const path = join(directory, name);
      try {
        if (clock.now() - (await files.status(path)).modifiedAtMs < STALE_MS) continue;
        await files.unlink(path);
        count += 1;
      } catch (error) {
        if (errorCode(error) !== 'ENOENT') throw error;
      }
    }
    if (count > 0) logger.info('mail.tmp-cleaned', { directory, count });
  }
}
