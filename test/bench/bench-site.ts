/**
 * The Postern of one work: the built program in a folder of its own, with accounts, its log in a file. Logging is as
 * shipped, since a line for each decision is part of the cost.
 */
import { chownSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DirectoryAdmin } from '../../src/directory/admin.ts';
import { checkHome, expandHome } from '../../src/directory/home.ts';
import { Resolver } from '../../src/directory/resolver.ts';
import { openSqliteAdmin } from '../../src/store/sqlite/writer.ts';
import { CollectingLogger } from '../support/collecting-logger.ts';
import { Probe } from '../support/probe.ts';
import { Postern, readLog, type Settings } from '../support/postern.ts';
import { createSystemFolder, MAIL_USER } from '../support/system-folder.ts';

export const DOMAIN = 'example.test';
export const PASSWORD = 'correct horse battery';

export interface BenchSite {
  readonly folder: string;
  readonly postern: Postern;
  /** The path of a service's socket. */
  socket(service: 'auth' | 'policy' | 'lmtp' | 'lookup'): string;
  /** What the log says of trouble, one note an event. */
  complaints(): string[];
  /** Looks into the process, where `hasProbe` was asked for. */
  readonly probe: Probe | undefined;
  stop(): Promise<void>;
}

export interface BenchSiteOptions {
  readonly settings?: Settings;
  /** Writes files that the settings name; called with the folder before Postern starts. */
  readonly prepare?: (place: { readonly folder: string; readonly hash: HashPassword }) => Settings;
  /** Fills the database before Postern starts; without it there is none. */
  readonly populate?: Populate;
  /** Changes the database that `populate` has filled, as a file. */
  readonly finishDatabase?: (path: string) => void;
  /** Starts it so that one can look into it. */
  readonly hasProbe?: boolean;
}

/** Makes a stored password of a scheme, as `postern pw` does. */
export type HashPassword = (password: string, scheme: string) => string;

/** Adds accounts. */
type Populate = (admin: DirectoryAdmin, hash: HashPassword) => Promise<void>;

/** A file system in memory, on Linux: every account is a synced commit, which a disk would do 300 times a second. */
const MEMORY = '/dev/shm';

/** Starts a Postern; whoever stops it stops everything that came with it. */
export async function startBenchSite(options: BenchSiteOptions): Promise<BenchSite> {
  const { path: folder, remove } = createSystemFolder();
  try {
    const socketDirectory = join(folder, 'sockets');
    mkdirSync(socketDirectory);
    chownSync(socketDirectory, MAIL_USER.uid, MAIL_USER.gid);
    const settings = options.settings ?? {};
    const postern = new Postern({ folder, socketDirectory, settings });
    const hash: HashPassword = (password, scheme) =>
      postern.run(['pw', '--scheme', scheme, '--password-file', '-'], `${password}\n`).trim();
    if (options.prepare !== undefined) postern.configure({ ...settings, ...options.prepare({ folder, hash }) });
    if (options.populate !== undefined) {
      const { populate, finishDatabase } = options;
      await createDatabase(postern, { populate, hash, ...(finishDatabase === undefined ? {} : { finishDatabase }) });
    }
    const logFile = join(folder, 'postern.log');
    const probe = options.hasProbe === true ? new Probe(postern) : undefined;
    await postern.start({ logFile, environment: probe?.environment ?? {} });
    return {
      folder,
      postern,
      socket: (service) => join(socketDirectory, service),
      complaints: () => findComplaints(logFile),
      probe,
      stop: async () => {
        await postern.stop();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Makes the database in memory and puts the copy where Postern looks. */
async function createDatabase(
  postern: Postern,
  options: { readonly populate: Populate; readonly hash: HashPassword } & Pick<BenchSiteOptions, 'finishDatabase'>,
): Promise<void> {
  const { populate, finishDatabase, hash } = options;
  const scratch = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'pt-'));
  try {
    const made = join(scratch, 'postern.db');
    const admin = openSqliteAdmin({
      path: made,
      create: true,
      logger: new CollectingLogger(),
      homes: { expand: (address) => expandHome(postern.home, address), check: checkHome },
      makeDirectory: (source) => new Resolver({ source, recipientDelimiter: '+' }),
    });
    await admin.domains.add(DOMAIN, {});
    await populate(admin, hash);
    // The last connection that closes moves what is in the log of the database into it.
    admin.close();
    finishDatabase?.(made);
    const path = join(postern.folder, 'postern', 'postern.db');
    copyFileSync(made, path);
    chownSync(path, MAIL_USER.uid, MAIL_USER.gid);
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

function findComplaints(logFile: string): string[] {
  const counts = new Map<string, number>();
  for (const { level, event } of readLog(logFile)) {
    if (level === 'warn' || level === 'error')
      counts.set(`${level} ${event}`, (counts.get(`${level} ${event}`) ?? 0) + 1);
  }
  return [...counts].map(([what, count]) => `Postern logged ${what} ${count} times`);
}

/** Runs a work on a Postern and stops it whatever happens. */
export async function withBenchSite<T>(options: BenchSiteOptions, work: (site: BenchSite) => Promise<T>): Promise<T> {
  const site = await startBenchSite(options);
  try {
    return await work(site);
  } finally {
    await site.stop();
  }
}

/** Addresses that sort and hash as real ones do not; `prefix` keeps kinds apart. */
export function makeAddresses(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${String(i).padStart(5, '0')}@${DOMAIN}`);
}

/** Adds accounts, all with one stored password. */
export async function addAccounts(
  admin: DirectoryAdmin,
  addresses: readonly string[],
  settings: {
    readonly password?: string;
    readonly canLogin?: boolean;
    readonly appPasswordsRequired?: boolean;
  } = {},
): Promise<void> {
  for (const address of addresses) {
    const outcome = await admin.accounts.add(address, { adopt: true, ...settings });
    if (outcome.kind === 'refused') throw new Error(`Cannot add ${address}: ${outcome.reason}`);
  }
}
