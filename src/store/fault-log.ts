/** Says each fault of a driver once: the same row is read again with every login. Bounded, and silent past that. */
import type { Logger, LogEvent } from '../core/logger.ts';

const MAX_REMEMBERED = 200;

export class FaultLog {
  readonly #logger: Logger;
  readonly #said = new Set<string>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Logs `reason` for `subject` (quoted already) unless that was said before. */
  warn(event: LogEvent, { subject, reason }: { readonly subject: string; readonly reason: string }): void {
    const key = `${subject} ${reason}`;
    if (this.#said.has(key) || this.#said.size >= MAX_REMEMBERED) return;
    this.#said.add(key);
    this.#logger.warn(event, { subject }, reason);
  }
}
