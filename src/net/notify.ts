/**
 * Tells systemd how the service is: READY, RELOADING, STOPPING of sd_notify(3). Node has no unix datagram sockets, so
 * the `systemd-notify` program says it; the unit needs `NotifyAccess=all` (RULES 30). Without NOTIFY_SOCKET nothing
 * happens, and a failure is logged and never stops the service.
 */
import { execFile } from 'node:child_process';
import type { Logger } from '../core/logger.ts';

/** A hung notifier must hold up neither start nor stop. */
const TIMEOUT_MS = 5000;

export interface Notifier {
  ready(status: string): Promise<void>;
  reloading(): Promise<void>;
  stopping(): Promise<void>;
}

/** Takes NOTIFY_SOCKET out of `environment`, so that other children do not inherit it. */
export function takeNotifier(environment: NodeJS.ProcessEnv, logger: Logger): Notifier {
  const { NOTIFY_SOCKET: socket, PATH: path } = environment;
  delete environment['NOTIFY_SOCKET'];
  const notify = (variables: readonly string[]): Promise<void> => {
    if (socket === undefined || socket === '') return Promise.resolve();
    const options = { env: { NOTIFY_SOCKET: socket, PATH: path ?? '/usr/bin:/bin' }, timeout: TIMEOUT_MS };
    return new Promise((resolve) => {
      execFile('systemd-notify', ['--no-block', ...variables], options, (error) => {
        if (error !== null) logger.warn('process.notify-failed', { err: error }, 'Cannot notify systemd');
        resolve();
      });
    });
  };
  return {
    ready: (status) => notify(['READY=1', `STATUS=${status}`]),
    // notify-reload units want the monotonic time of the reload, in microseconds.
    reloading: () => notify(['RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`]),
    stopping: () => notify(['STOPPING=1']),
  };
}
