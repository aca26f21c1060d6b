/** The part of `app.ts` that plugs the meaning of fields, and the system's user names, into the drivers. */
import { readPassdbFields } from './auth/passdb-fields.ts';
import { findSystemGid, findSystemUid } from './cli/privileges.ts';
import { readAccount, type SystemIds } from './directory/userdb-fields.ts';
import type { DriverReaders } from './store/driver-readers.ts';

export const driverReaders: DriverReaders = { readLogin: readPassdbFields, readAccount };

/** What the uid and gid fields of users may name. */
export function createSystemIds(): SystemIds {
  return { findUid: rememberFound(findSystemUid), findGid: rememberFound(findSystemGid) };
}

/**
 * Asks the system's name service for each name once in the life of the process: the answer takes a program to start, and
 * a reload must not hold up the event loop for it. An unknown name is asked for again.
 */
function rememberFound(find: (name: string) => number | undefined): (name: string) => number | undefined {
  const found = new Map<string, number>();
  return (name) => {
    const id = found.get(name) ?? find(name);
    if (id !== undefined) found.set(name, id);
    return id;
  };
}
