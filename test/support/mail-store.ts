/** A mail store on a real temporary disk, for tests. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { systemClock, type Clock } from '../../src/core/clock.ts';
import type { Mailbox } from '../../src/mail/delivery.ts';
import type { FileSystem } from '../../src/mail/file-system.ts';
import type { LocationSettings } from '../../src/mail/location.ts';
import { MailRoots } from '../../src/mail/mail-root.ts';
import { MailStore, type MailStoreSettings } from '../../src/mail/mail-store.ts';
import type { MailUser } from '../../src/mail/mail-user.ts';
import { NameMaker } from '../../src/mail/maildir-name.ts';
import type { DeliveryOutcome } from '../../src/mail/outcome.ts';
import { DomainUsage } from '../../src/mail/domain-usage.ts';
import { createMailboxNamer } from '../../src/mail/mailbox-name.ts';
import type { QuotaRoot } from '../../src/mail/quota-limits.ts';
import { QuotaMeter, type QuotaMeterOptions } from '../../src/mail/quota-meter.ts';
import { UsageCache } from '../../src/mail/usage-cache.ts';
import { UsageThread } from '../../src/mail/usage-thread.ts';
import { CollectingLogger } from './collecting-logger.ts';
import { RecordingFiles } from './recording-files.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { quotaRoot } from './quota.ts';

export interface StoreWish {
  readonly folder?: string;
  readonly files?: FileSystem;
  readonly clock?: Clock;
  readonly settings?: Partial<MailStoreSettings>;
  readonly location?: Partial<LocationSettings>;
  /** Rules of `[quota]`. */
  readonly quota?: readonly string[];
  /** All quota roots, in place of `quota`. */
  readonly roots?: readonly QuotaRoot[];
  readonly maxMailBytes?: number;
  /** The accounts of a domain. */
  readonly list?: (domain: string) => AsyncIterable<MailUser>;
  readonly rootWaitMs?: number;
  readonly onUsage?: QuotaMeterOptions['onUsage'];
}

export class TestStore {
  /** The mail root. */
  readonly root: string;
  readonly state: string;
  readonly recorder = new RecordingFiles();
  readonly logger = new CollectingLogger();
  readonly names: NameMaker;
  readonly roots: MailRoots;
  readonly meter: QuotaMeter;
  readonly store: MailStore;
  readonly thread: UsageThread;

  constructor(folder: string, wish: StoreWish = {}) {
    this.root = join(folder, 'mail');
    this.state = join(folder, 'state');
    const clock = wish.clock ?? systemClock;
    const files = wish.files ?? this.recorder;
    const { logger } = this;
    const location: LocationSettings = {
      home: join(this.root, '%d/%n'),
      location: 'maildir:~/Maildir',
      roots: [this.root],
      uid: process.getuid?.() ?? 0,
      gid: process.getgid?.() ?? 0,
      ...wish.location,
    };
    this.names = new NameMaker('mx.example', clock);
    this.thread = new UsageThread(logger);
    this.roots = new MailRoots({
      files,
      roots: location.roots,
      statePath: join(this.state, 'mail-roots.json'),
      logger,
      ...(wish.rootWaitMs === undefined ? {} : { waitMs: wish.rootWaitMs }),
    });
    const { roots, names, thread } = this;
    const place = { settings: location, roots, names, thread, clock, logger };
    this.meter = new QuotaMeter({
      usage: new UsageCache(place),
      names,
      domains: new DomainUsage({ ...place, list: wish.list ?? (() => listUsers([])) }),
      roots: wish.roots ?? [quotaRoot(wish.quota ?? [])],
      maxMailBytes: wish.maxMailBytes ?? 0,
      canCreateFolders: wish.settings?.canCreateFolders ?? false,
      nameOf: createMailboxNamer('/'),
      ...(wish.onUsage === undefined ? {} : { onUsage: wish.onUsage }),
    });
    this.store = new MailStore({
      settings: {
        location,
        separator: '/',
        savesToDetail: true,
        canCreateFolders: false,
        fullMailbox: 'refuse',
        retryWindowMs: 86_400_000,
        stateDirectory: this.state,
        ...wish.settings,
      },
      files,
      roots: this.roots,
      meter: this.meter,
      names: this.names,
      clock,
      logger,
    });
  }

  async stop(): Promise<void> {
    await this.store.stop();
    await this.thread.stop();
  }

  mailbox(address: string, detail?: string): Mailbox {
    const located = this.store.locate(mailUser(address), detail);
    if (located.kind !== 'mailbox') throw new Error(`no mailbox for ${address}: ${located.detail ?? ''}`);
    return located.mailbox;
  }

  /** The Maildir of `user@domain`. */
  maildir(address: string): string {
    const [user = '', domain = ''] = address.split('@');
    return join(this.root, domain, user, 'Maildir');
  }

  /** Makes files of `size` bytes below the Maildir of `user@domain`, as anybody else would. */
  plant(address: string, files: readonly string[], size = 10): void {
    for (const file of files) {
      const path = join(this.maildir(address), file);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, 'x'.repeat(size));
    }
  }

  async deliver(
    mailboxes: readonly Mailbox[],
    body = 'Subject: x\r\n\r\nHello\r\n',
    sender = 'a@b.example',
  ): Promise<readonly DeliveryOutcome[]> {
    const delivery = this.store.deliver({ sender, header: Buffer.from('X-Top: 1\n') }, mailboxes);
    await delivery.write(Buffer.from(body, 'latin1'));
    return delivery.finish();
  }
}

/** Starts a store in a folder of its own; it is stopped after the test. */
export async function startStore(t: TestContext, wish: StoreWish = {}): Promise<TestStore> {
  const folder = wish.folder ?? temporaryFolder(t);
  for (const name of ['mail', 'state']) mkdirSync(join(folder, name), { recursive: true });
  const store = new TestStore(folder, wish);
  await store.store.start();
  t.after(() => store.stop());
  return store;
}

export function mailUser(address: string, more: Partial<MailUser> = {}): MailUser {
  return { address, quota: [], ...more };
}

/** A list of accounts as a userdb gives it. */
export async function* listUsers(users: readonly MailUser[]): AsyncIterable<MailUser> {
  yield* users;
}

/** Names in a directory; none when it does not exist. */
export function namesIn(...parts: string[]): string[] {
  const path = join(...parts);
  return existsSync(path) ? readdirSync(path).toSorted() : [];
}

/** Contents of the files in a directory, as latin1. */
export function contentsIn(...parts: string[]): string[] {
  return namesIn(...parts).map((name) => readFileSync(join(...parts, name), 'latin1'));
}
