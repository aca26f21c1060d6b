/**
 * Writes one batch of the daemon's own changes to the embedded database, in one transaction. The file is opened for it and
 * closed after: a database that was replaced, moved away or put back is met as it is, and nothing is held open between.
 * Nothing is created or migrated. It throws as SQLite does.
 */
import Database from 'better-sqlite3';
import { checkVersion } from './open.ts';
import type { UpdateBatch } from './update-queue.ts';

/** The command commits every 1,000 rows; whatever takes longer is tried again. */
const LOCK_TIMEOUT_MS = 1000;

/** Writes a batch; returns the accounts whose hash was replaced. */
export function writeBatch(path: string, { uses, hashes }: UpdateBatch): string[] {
  const database = new Database(path, { fileMustExist: true, timeout: LOCK_TIMEOUT_MS });
  try {
    checkVersion(database);
    database.pragma('trusted_schema = OFF');
    // None of it is lost for good with the power: the old hash is still right, and the next login tells its time.
    database.pragma('synchronous = NORMAL');
    const markUse = database.prepare<{ id: number; at: number; remoteAddress: string; service: string }>(
      `UPDATE app_password SET last_used_at = $at, last_used_address = $remoteAddress, last_used_service = $service
       WHERE id = $id AND coalesce(last_used_at, 0) <= $at`,
    );
    const replaceHash = database.prepare<{ user: string; from: string; to: string }>(
      'UPDATE account SET password = $to WHERE address = $user AND password = $from',
    );
    const replaced: string[] = [];
    const write = database.transaction(() => {
      for (const use of uses) markUse.run(use);
      for (const change of hashes) if (replaceHash.run(change).changes > 0) replaced.push(change.user);
    });
    write.immediate();
    return replaced;
  } finally {
    database.close();
  }
}
