/**
 * Runs the commands of quota warnings: a program and its arguments, never a shell. Few at a time, each for a limited time,
 * with nothing of our environment and no open file of ours; one too many is dropped and said. What it prints is not read.
 */
import { spawn } from 'node:child_process';
import type { Logger } from '../core/logger.ts';

export interface CommandRunnerOptions {
  readonly logger: Logger;
  readonly limitMs?: number;
}

const LIMIT_MS = 30_000;
const MAX_RUNNING = 4;
const MAX_WAITING = 1000;
/** After a polite end, this long until it is ended for good. */
const KILL_MS = 2000;
const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8' };

export class CommandRunner {
  readonly #options: CommandRunnerOptions;
  readonly #waiting: (readonly string[])[] = [];
  readonly #running = new Set<() => void>();
  #isStopped = false;

  constructor(options: CommandRunnerOptions) {
    this.#options = options;
  }

  /** Runs a program with arguments as soon as one of the few places is free. */
  run(command: readonly string[]): void {
    if (this.#isStopped) return;
    if (this.#waiting.length >= MAX_WAITING) {
      this.#options.logger.warn('quota.command', { program: command[0], outcome: 'dropped' }, 'Too many commands wait');
      return;
    }
    this.#waiting.push(command);
    this.#next();
  }

  /** Ends what runs and forgets what waits. */
  stop(): void {
    this.#isStopped = true;
    this.#waiting.length = 0;
    for (const end of this.#running) end();
  }

  #next(): void {
    while (this.#running.size < MAX_RUNNING) {
      const command = this.#waiting.shift();
      if (command === undefined) return;
      this.#start(command);
    }
  }

  #start([program = '', ...args]: readonly string[]): void {
    const { logger, limitMs = LIMIT_MS } = this.#options;
    const startedAt = performance.now();
    const child = spawn(program, args, { cwd: '/', env: ENVIRONMENT, stdio: 'ignore', detached: true });
    // Its whole group: what it started itself must not stay either.
    const end = (signal: NodeJS.Signals = 'SIGTERM'): void => {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, signal);
      } catch {
        // It is gone.
      }
    };
    const timers = [setTimeout(end, limitMs, 'SIGTERM'), setTimeout(end, limitMs + KILL_MS, 'SIGKILL')];
    for (const timer of timers) timer.unref();
    const finish = (fields: Readonly<Record<string, unknown>>, isGood: boolean): void => {
      if (!this.#running.delete(end)) return;
      timers.forEach(clearTimeout);
      const ms = Math.round(performance.now() - startedAt);
      logger[isGood ? 'info' : 'warn']('quota.command', { program, ...fields, ms });
      this.#next();
    };
    this.#running.add(end);
    child.once('error', (error) => finish({ err: error }, false));
    child.once('exit', (code, signal) => finish(signal === null ? { code } : { signal }, code === 0));
  }
}
