/**
 * Opens the embedded database: for the command, which writes and waits for its turn, and for the daemon, which only
 * reads and never waits (RULES 32). WAL lets both work at once. Nothing is created unless the caller says so: a
 * database that is gone is an outage, not an empty directory (RULES 7).
 */
import Database from 'better-sqlite3';
import { closeSync, openSync } from 'node:fs';
import { FILE_MODE, migrateDatabase, readVersion, type MigrateOptions } from './migrate.ts';
import { MIGRATIONS } from './schema.ts';

/** The command waits this long for another command. */
const WRITER_TIMEOUT_MS = 5000;

export interface OpenOptions extends MigrateOptions {
  /** Make the file when there is none; otherwise a missing file is an error. */
  readonly create: boolean;
}

/** Opens the database for writing and migrates it; throws when it is missing, damaged, or of a newer program. */
export function openForWriting(options: OpenOptions): Database.Database {
  // SQLite gives its -wal and -shm files the mode of the database, so only this one needs care.
  if (options.create) closeSync(openSync(options.path, 'a', FILE_MODE));
  const database = new Database(options.path, { fileMustExist: true, timeout: WRITER_TIMEOUT_MS });
  try {
    readVersion(database, (options.migrations ?? MIGRATIONS).length);
    database.pragma('journal_mode = WAL');
    // A change the administrator was told about survives a power cut.
    database.pragma('synchronous = FULL');
    database.pragma('foreign_keys = ON');
    database.pragma('trusted_schema = OFF');
    migrateDatabase(database, options);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Migrates the database of a starting daemon, if there is one; it answers "unavailable" until there is. */
export function migrateFile(options: MigrateOptions): void {
  openForWriting({ ...options, create: false }).close();
}

/** Opens the database read-only for lookups; throws when it is not there or not of this program's version. */
export function openForReading(path: string): Database.Database {
  const database = new Database(path, { readonly: true, fileMustExist: true, timeout: 0 });
  try {
    checkVersion(database);
    database.pragma('trusted_schema = OFF');
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Throws unless the file has exactly the schema this program knows; another process may have migrated it. */
export function checkVersion(database: Database.Database): void {
  const version = readVersion(database);
  if (version < MIGRATIONS.length) {
    throw new Error(`Cannot use "${database.name}": schema version ${version} waits for migration`);
  }
}
