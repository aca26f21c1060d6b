/**
 * Listening sockets handed over by systemd: LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES of sd_listen_fds(3). The name of
 * a descriptor is the name of the service. Passed sockets are never unlinked or chmodded (RULES 30).
 */

/** SD_LISTEN_FDS_START: descriptors 0 to 2 are the standard streams. */
const FIRST_DESCRIPTOR = 3;

/** Descriptors by service name. */
export type PassedSockets = ReadonlyMap<string, readonly number[]>;

/**
 * Takes the passed descriptors out of `environment`, so that no child process believes they are its own. They are
 * ours only if LISTEN_PID is `pid`.
 */
export function takePassedSockets(environment: NodeJS.ProcessEnv, pid: number): PassedSockets {
  const { LISTEN_PID: owner, LISTEN_FDS: count, LISTEN_FDNAMES: names } = environment;
  delete environment['LISTEN_PID'];
  delete environment['LISTEN_FDS'];
  delete environment['LISTEN_FDNAMES'];
  const sockets = new Map<string, number[]>();
  if (owner !== String(pid) || count === undefined || !/^\d{1,4}$/.test(count)) return sockets;

  const nameList = (names ?? '').split(':');
  for (let i = 0; i < Number(count); i++) {
    const name = nameList[i] ?? 'unknown';
    sockets.set(name, [...(sockets.get(name) ?? []), FIRST_DESCRIPTOR + i]);
  }
  return sockets;
}

/** The names of passed sockets that no service bears: nobody serves them, yet whoever connects there is let in to wait. */
export function findUnclaimed(passed: PassedSockets, services: readonly string[]): string[] {
  return [...passed.keys()].filter((name) => !services.includes(name));
}
