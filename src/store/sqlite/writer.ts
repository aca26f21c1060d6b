/**
 * The embedded database as the command changes it: opened, migrated, and taken apart into domains, accounts,
 * aliases and app passwords. The daemon notices a commit at its next lookup; nothing has to be told to it.
 */
import { systemClock, type Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import type { DirectoryAdmin } from '../../directory/admin.ts';
import type { Directory } from '../../directory/directory.ts';
import type { DirectorySource } from '../../directory/source.ts';
import { AccountWriter } from './account-writer.ts';
import { AliasWriter } from './alias-writer.ts';
import { AppPasswordWriter } from './app-password-writer.ts';
import { DomainWriter } from './domain-writer.ts';
import { openForWriting } from './open.ts';
import { DirectoryQueries } from './queries.ts';
import { TransactionSource, type HomeRules, type WriterContext } from './transaction.ts';

export interface SqliteAdminOptions {
  readonly path: string;
  /** Make the database when there is none. */
  readonly create: boolean;
  readonly logger: Logger;
  readonly homes: HomeRules;
  /** The resolver over a source, to see where mail would go before a change is committed. */
  readonly makeDirectory: (source: DirectorySource) => Directory;
  readonly clock?: Clock | undefined;
}

/** Opens the database for the command; throws when it is missing, damaged, or of a newer program. */
export function openSqliteAdmin(options: SqliteAdminOptions): DirectoryAdmin {
  const { path, create, logger, homes } = options;
  const database = openForWriting({ path, create, logger });
  try {
    const queries = new DirectoryQueries(database, 'sqlite');
    const directory = options.makeDirectory(new TransactionSource(queries, 'sqlite'));
    const context: WriterContext = { database, queries, directory, homes, clock: options.clock ?? systemClock };
    return {
      domains: new DomainWriter(context),
      accounts: new AccountWriter(context),
      aliases: new AliasWriter(context),
      appPasswords: new AppPasswordWriter(context),
      close: () => {
        database.close();
      },
    };
  } catch (error) {
    database.close();
    throw error;
  }
}
