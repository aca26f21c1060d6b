/**
 * Gives root up for good (DESIGN 1.8, RULES 42). Nothing is read from a peer and no file of the store is opened before.
 * Does nothing for a process that is not root.
 */
import { execFileSync } from 'node:child_process';

/** A user as the system knows it. */
export interface Identity {
  readonly user: string;
  readonly uid: number;
  readonly gid: number;
}

/** The name service may ask a server on the network; past this it is an outage. */
const NAME_SERVICE_TIMEOUT_MS = 5000;

/** Finds the ids of `user` and `group` (the user's own group when empty); throws RangeError when one is unknown. */
export function findIdentity(user: string, group: string): Identity {
  const passwd = readEntry('passwd', user);
  const uid = Number(passwd[2]);
  const gid = Number(group === '' ? passwd[3] : readEntry('group', group)[2]);
  if (!Number.isSafeInteger(uid) || !Number.isSafeInteger(gid))
    throw new RangeError(`Cannot use user "${user}": no ids`);
  return { user, uid, gid };
}

/** The number of a system user's name; undefined when there is none. */
export function findSystemUid(name: string): number | undefined {
  return findId('passwd', name);
}

/** The number of a system group's name; undefined when there is none. */
export function findSystemGid(name: string): number | undefined {
  return findId('group', name);
}

/** Whether this process could drop privileges at all. */
export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** Becomes `identity` with its supplementary groups; throws when any of root would remain. */
export function dropPrivileges(identity: Identity): void {
  if (!isRoot() || process.setgid === undefined || process.setuid === undefined) return;
  if (identity.uid === 0) throw new RangeError(`Cannot run as "${identity.user}": it is root`);
  // In Node since 0.9, but not in its types.
  if (!('initgroups' in process) || typeof process.initgroups !== 'function')
    throw new Error('Cannot drop privileges: no initgroups');
  process.initgroups(identity.user, identity.gid);
  process.setgid(identity.gid);
  process.setuid(identity.uid);
  if (process.getuid?.() === 0 || process.geteuid?.() === 0) throw new Error('Cannot drop privileges: still root');
}

function findId(database: 'passwd' | 'group', name: string): number | undefined {
  try {
    const id = Number(readEntry(database, name)[2]);
    return Number.isSafeInteger(id) ? id : undefined;
  } catch {
    return undefined;
  }
}

/** Asks the system's name service, which may hold more than /etc/passwd does. */
function readEntry(database: 'passwd' | 'group', name: string): string[] {
  // A name that starts with a dash would be read as an option.
  if (!/^[a-z0-9_][a-z0-9_.-]*\$?$/i.test(name))
    throw new RangeError(`Cannot use ${database} name "${name}": not a name`);
  try {
    const line = execFileSync('getent', [database, name], {
      encoding: 'utf8',
      timeout: NAME_SERVICE_TIMEOUT_MS,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return line.trim().split(':');
  } catch (error) {
    throw new RangeError(`Cannot find ${database === 'passwd' ? 'user' : 'group'} "${name}"`, { cause: error });
  }
}
