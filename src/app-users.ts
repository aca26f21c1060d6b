/**
 * The part of `app.ts` that builds what knows accounts and what keeps their mail: the stores of the configuration, the
 * one resolver on top of them, and the mail store with its one meter.
 */
import { join } from 'node:path';
import { HashPool } from './auth/hash-pool.ts';
import type { Passdb } from './auth/passdb.ts';
import { createDatabases, type Databases } from './app-databases.ts';
import type { Identity } from './cli/privileges.ts';
import type { Config } from './config/load-config.ts';
import { systemClock } from './core/clock.ts';
import type { Logger } from './core/logger.ts';
import { SourceChain } from './directory/chain.ts';
import type { Directory } from './directory/directory.ts';
import { RestrainedSource, type Restraint } from './directory/restrained-source.ts';
import { Resolver } from './directory/resolver.ts';
import type { Account, DirectorySource } from './directory/source.ts';
import { DomainUsage } from './mail/domain-usage.ts';
import { MailRoots } from './mail/mail-root.ts';
import { MailStore } from './mail/mail-store.ts';
import { createMailboxNamer } from './mail/mailbox-name.ts';
import { NameMaker } from './mail/maildir-name.ts';
import { nodeFileSystem } from './mail/node-file-system.ts';
import { QuotaMeter, type QuotaMeterOptions } from './mail/quota-meter.ts';
import type { QuotaVerdict } from './mail/quota-verdict.ts';
import { UsageCache } from './mail/usage-cache.ts';
import { UsageThread } from './mail/usage-thread.ts';
import type { RoomQuestion } from './policy/facts.ts';
import { SecretFile } from './store/secret-file.ts';
import { migrateFile } from './store/sqlite/open.ts';
import { SqliteReader } from './store/sqlite/reader.ts';
import { UpdateThread } from './store/sqlite/update-thread.ts';

/** The file of the embedded database in `state_dir`. */
const DATABASE = 'postern.db';
/** The file of the secret that salts come from, in `state_dir`. */
const SECRETS = 'secrets';
/** What `postern mailbox mount` remembers, in `state_dir`. */
const MAIL_ROOTS = 'mail-roots.json';

/**
 * Like the places of those who wait on purpose: each of these keeps an smtpd process of Postfix, which has 100, and a flood
 * must not keep them all. Whoever finds no place is told to come later at once.
 */
const MAX_PENALISED_HASHES = 50;

/** Where the embedded database is. */
export function databasePath(config: Config): string {
  return join(config.postern.stateDir, DATABASE);
}

/** Everything that knows accounts, and the one resolver on top. */
export interface Users {
  readonly directory: Directory;
  readonly passdbs: readonly Passdb[];
  /** All userdbs in the order of the configuration. */
  readonly source: DirectorySource;
  /** Users files: one read serves all sections that name it. */
  readonly files: Databases['files'];
  /** What is wrong with what the sections name, in sentences for an administrator. */
  readonly examine: Databases['examine'];
  /** What must look random and yet stay the same. */
  readonly secrets: SecretFile;
  /** Whether the directory can answer at all. */
  isHealthy(): Promise<boolean>;
  /** Brings the embedded database to this program's schema, if it is there. */
  migrate(): void;
  close(): void;
}

export function createUsers(config: Config, logger: Logger, restraint?: Restraint): Users {
  const path = databasePath(config);
  const database = new SqliteReader({ name: 'local', path, logger });
  const databases = createDatabases(config, { embedded: database, logger });
  const { passdbs, userdbs, ids, files, examine } = databases;
  const chain = new SourceChain(userdbs, ids);
  const source = restraint === undefined ? chain : new RestrainedSource(chain, restraint);
  const usesDatabase = [...config.passdbs, ...config.userdbs].some((db) => db.driver === 'sqlite');
  return {
    directory: new Resolver({
      source,
      recipientDelimiter: config.mail.recipientDelimiter,
      anonymousUsername: config.auth.anonymousUsername,
    }),
    passdbs,
    source,
    files,
    examine,
    secrets: new SecretFile({ path: join(config.postern.stateDir, SECRETS), logger }),
    // A directory without domains of its own can still tell whether somebody exists.
    isHealthy: async () => {
      const { knowsDomains } = source;
      const answer = knowsDomains ? await source.findDomain('localhost') : await source.findAccount('root@localhost');
      return answer.kind !== 'unavailable';
    },
    migrate: () => {
      if (!usesDatabase) return;
      try {
        migrateFile({ path, logger });
      } catch (error) {
        // Every lookup says "unavailable" until it is mended; the other services go on (RULES 7).
        logger.error('store.fault', { path, err: error }, 'Cannot use the embedded database');
      }
    },
    close: () => {
      database.close();
      databases.close();
    },
  };
}

/** The hasher of the configuration; start it before its first use. */
export function createHasher(config: Config, logger: Logger): HashPool {
  const { defaultScheme, hashQueue, hashWorkers } = config.auth;
  const workers = hashWorkers === 0 ? {} : { workerCount: hashWorkers };
  return new HashPool({ defaultScheme, maxQueued: hashQueue, maxPenalised: MAX_PENALISED_HASHES, ...workers, logger });
}

/** What logins change in the embedded database; it starts with the first change. */
export function createUpdates(config: Config, logger: Logger): UpdateThread {
  return new UpdateThread({ path: databasePath(config), logger });
}

/** The mail roots of the configuration, with what is remembered of them (RULES 8). */
export function createMailRoots(config: Config, logger: Logger): MailRoots {
  const { mail, postern } = config;
  return new MailRoots({
    files: nodeFileSystem,
    roots: mail.roots,
    statePath: join(postern.stateDir, MAIL_ROOTS),
    logger,
  });
}

export interface Mail {
  readonly store: MailStore;
  readonly meter: QuotaMeter;
  /** Whether there is room in the mailbox that an address with this detail leads to. */
  readonly checkRoom: (question: RoomQuestion) => Promise<QuotaVerdict>;
  stop(): Promise<void>;
}

export interface MailParts {
  readonly logger: Logger;
  readonly identity: Identity | undefined;
  /** Who belongs to a domain, for quotas of domains. */
  readonly source: DirectorySource;
  /** Hears how full accounts are. */
  readonly onUsage?: QuotaMeterOptions['onUsage'];
}

export function createMail(config: Config, { logger, identity, source, onUsage }: MailParts): Mail {
  const { mail, quota, quotaRoots, postern } = config;
  const location = {
    home: mail.home,
    location: mail.location,
    roots: mail.roots,
    uid: identity?.uid ?? process.getuid?.() ?? 0,
    gid: identity?.gid ?? process.getgid?.() ?? 0,
  };
  const roots = createMailRoots(config, logger);
  const names = new NameMaker(postern.hostname, systemClock);
  const thread = new UsageThread(logger);
  const place = { settings: location, roots, names, thread, clock: systemClock, logger };
  const meter = new QuotaMeter({
    usage: new UsageCache(place),
    names,
    domains: new DomainUsage({ ...place, list: (domain) => listHere(source, domain) }),
    roots: quotaRoots,
    maxMailBytes: quota.maxMailSizeBytes,
    canCreateFolders: mail.ldaMailboxAutocreate,
    nameOf: createMailboxNamer(mail.separator),
    ...(onUsage === undefined ? {} : { onUsage }),
  });
  const store = new MailStore({
    settings: {
      location,
      separator: mail.separator,
      savesToDetail: mail.saveToDetailMailbox,
      canCreateFolders: mail.ldaMailboxAutocreate,
      fullMailbox: quota.exceededCode === 452 ? 'defer' : 'refuse',
      retryWindowMs: mail.retryWindowMs,
      stateDirectory: postern.stateDir,
    },
    files: nodeFileSystem,
    roots,
    meter,
    names,
    clock: systemClock,
    logger,
  });
  return {
    store,
    meter,
    checkRoom: async ({ account, detail, wanted, held }) => {
      const located = store.locate(account, detail);
      if (located.kind !== 'mailbox') return { kind: 'unknown', reason: located.detail ?? located.reason };
      return meter.check(account, { ...wanted, folder: located.mailbox.folder, held });
    },
    stop: async () => {
      await store.stop();
      await thread.stop();
    },
  };
}

/** The accounts of a domain whose mail is kept here. */
async function* listHere(source: DirectorySource, domain: string): AsyncIterable<Account> {
  if (source.cannotList !== undefined) throw new Error(source.cannotList);
  for await (const account of source.accounts(domain)) if (account.host === undefined) yield account;
}
