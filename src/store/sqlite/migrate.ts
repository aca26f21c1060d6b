/**
 * Brings a database file to the schema of this program: each step in a transaction of its own, after a copy of the
 * file as it was (`postern.db.backup-v<N>`). Never back: a file of a newer program is refused and left alone.
 */
import Database from 'better-sqlite3';
import { closeSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Logger } from '../../core/logger.ts';
import { APPLICATION_ID, MIGRATIONS } from './schema.ts';

/** Only the daemon and the command read accounts and password hashes. */
export const FILE_MODE = 0o600;

export interface MigrateOptions {
  readonly path: string;
  readonly logger: Logger;
  /** The steps, for tests; those of this program unless given. */
  readonly migrations?: readonly string[] | undefined;
}

/** The version a file has; throws when it is no database of Postern or of a newer one. */
export function readVersion(database: Database.Database, known = MIGRATIONS.length): number {
  const version = readPragma(database, 'user_version');
  const id = readPragma(database, 'application_id');
  const isEmpty = database.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined;
  if (id !== APPLICATION_ID && !isEmpty) throw new Error(`Cannot use "${database.name}": not a database of Postern`);
  if (version > known) {
    throw new Error(
      `Cannot use "${database.name}": it has schema version ${version}, this program knows ${known}; install a newer Postern`,
    );
  }
  return version;
}

/** Migrates `database` (open for writing) forward; a file at its newest version is not written to. */
export function migrateDatabase(database: Database.Database, options: MigrateOptions): void {
  const steps = options.migrations ?? MIGRATIONS;
  const from = readVersion(database, steps.length);
  if (from === steps.length) return;
  if (from > 0) backUp(database, { path: options.path, version: from });
  for (let version = readVersion(database, steps.length); version < steps.length; version += 1) {
    applyStep(database, { step: steps[version] ?? '', version: version + 1 });
  }
  options.logger.info('store.migrated', { path: options.path, from, to: steps.length });
}

function applyStep(database: Database.Database, { step, version }: { step: string; version: number }): void {
  const apply = database.transaction(() => {
    // Another process may have migrated between our look and our lock.
    if (readPragma(database, 'user_version') >= version) return;
    database.exec(step);
    database.pragma(`application_id = ${APPLICATION_ID}`);
    database.pragma(`user_version = ${version}`);
  });
  apply.immediate();
}

/**
 * Copies the file as it stands. A second connection reads while this one holds the write lock, so that nothing
 * changes between the copy and the migration's view of it. A copy left by a broken attempt is replaced.
 */
function backUp(database: Database.Database, { path, version }: { path: string; version: number }): void {
  const target = `${path}.backup-v${version}`;
  const temporary = `${target}.tmp-${process.pid}`;
  // VACUUM INTO takes an existing empty file, and this one has the right mode before the first byte.
  closeSync(openSync(temporary, 'wx', FILE_MODE));
  const reader = new Database(path, { readonly: true, fileMustExist: true });
  try {
    const copy = database.transaction(() => reader.prepare('VACUUM INTO ?').run(temporary));
    copy.immediate();
    syncPath(temporary);
    renameSync(temporary, target);
    syncPath(dirname(target));
  } finally {
    reader.close();
    rmSync(temporary, { force: true });
  }
}

function syncPath(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function readPragma(database: Database.Database, name: 'user_version' | 'application_id'): number {
  return Number(database.pragma(name, { simple: true }));
}
