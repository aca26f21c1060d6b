/**
 * The mail store as the services use it: where an account's mail goes, and the delivery of a message to any number of
 * mailboxes. It decides nothing about addresses, and knows no protocol.
 */
import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { settleWithin } from '../core/deadline.ts';
import type { Logger } from '../core/logger.ts';
import { Delivery, type DeliveryTools, type Mailbox, type Message } from './delivery.ts';
import type { FileSystem } from './file-system.ts';
import { DeliveryJournal } from './journal.ts';
import { locate, type LocationSettings } from './location.ts';
import type { MailRoots } from './mail-root.ts';
import type { MailUser } from './mail-user.ts';
import { formatFolderDirectory } from './mailbox-name.ts';
import type { NameMaker } from './maildir-name.ts';
import { Maildirs } from './maildir.ts';
import { deferred, type Deferred } from './outcome.ts';
import { StaleFileCleaner } from './stale-files.ts';
import type { QuotaMeter } from './quota-meter.ts';

export interface MailStoreSettings {
  readonly location: LocationSettings;
  /** `[mail] separator` between levels of folder names. */
  readonly separator: string;
  /** `lmtp_save_to_detail_mailbox`: `user+folder@` goes to that folder. */
  readonly savesToDetail: boolean;
  /** `lda_mailbox_autocreate`. */
  readonly canCreateFolders: boolean;
  readonly fullMailbox: 'refuse' | 'defer';
  readonly retryWindowMs: number;
  /** Where the journal is kept. */
  readonly stateDirectory: string;
  /** Longest wait for the disk in one step of a delivery. */
  readonly diskWaitMs?: number;
}

export interface MailStoreOptions {
  readonly settings: MailStoreSettings;
  readonly files: FileSystem;
  readonly roots: MailRoots;
  readonly meter: QuotaMeter;
  readonly names: NameMaker;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Postfix waits 180 s for each write and 600 s after the dot; when it gives up it may suspend all delivery to us. */
const DISK_WAIT_MS = 150_000;
/** A disk that hangs must not hold the stop of the daemon: whatever is cut off here may be. */
const STOP_WAIT_MS = 5000;

export type LocatedMailbox = { readonly kind: 'mailbox'; readonly mailbox: Mailbox } | Deferred;

export class MailStore {
  readonly #settings: MailStoreSettings;
  readonly #journal: DeliveryJournal;
  readonly #cleaner: StaleFileCleaner;
  readonly #tools: DeliveryTools;

  constructor(options: MailStoreOptions) {
    const { settings, files, roots, meter, names, clock, logger } = options;
    this.#settings = settings;
    this.#journal = new DeliveryJournal({
      files,
      directory: settings.stateDirectory,
      windowMs: settings.retryWindowMs,
      clock,
      logger,
    });
    const cleaner = new StaleFileCleaner({ files, clock, logger });
    this.#cleaner = cleaner;
    const rootPaths = settings.location.roots;
    this.#tools = {
      files,
      maildirs: new Maildirs({ files, roots, rootPaths, clock, canCreateFolders: settings.canCreateFolders }),
      journal: this.#journal,
      meter,
      names,
      fullMailbox: settings.fullMailbox,
      diskWaitMs: settings.diskWaitMs ?? DISK_WAIT_MS,
      suspects: new Set(),
      onMaildirUsed: (directory) => cleaner.visit(directory),
    };
  }

  /** Loads what an earlier process recorded. */
  async start(): Promise<void> {
    await this.#journal.start();
  }

  async stop(): Promise<void> {
    const work = Promise.all([this.#cleaner.stop(), this.#journal.stop()]);
    await settleWithin<unknown>(work, STOP_WAIT_MS, () => undefined);
  }

  /** The mailbox for mail to `user`, or to the folder that the detail of the address names. Touches no disk. */
  locate(user: MailUser, detail: string | undefined): LocatedMailbox {
    const located = locate(user, this.#settings.location);
    if (located.kind === 'fault') return deferred(located.reason, located.detail);
    const { location } = located;
    const folder = this.#findFolder(detail);
    const id = folder === undefined ? location.inbox : join(location.path, folder);
    return { kind: 'mailbox', mailbox: { id, user, location, folder } };
  }

  /** Begins to deliver one message; each mailbox once. */
  deliver(message: Message, mailboxes: readonly Mailbox[]): Delivery {
    return new Delivery(this.#tools, message, mailboxes);
  }

  #findFolder(detail: string | undefined): string | undefined {
    if (!this.#settings.savesToDetail || detail === undefined) return undefined;
    if (detail.toUpperCase() === 'INBOX') return undefined;
    return formatFolderDirectory(detail, this.#settings.separator);
  }
}
