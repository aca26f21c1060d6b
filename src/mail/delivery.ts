/**
 * One message on its way to its mailboxes. The body is streamed once, into `tmp/` of a mailbox that takes it; then
 * each mailbox gets it by a link or a copy, and the holder of the file by a rename (facts/dovecot.md G.3). Memory is
 * constant whatever the size.
 *
 * Order for every mailbox, without exception: file synced, intent in the journal, name in `new/`, directory synced,
 * and only then the outcome (RULES 3 and 4). Whatever fails before the end leaves nothing in `new/` and `tmp/`.
 *
 * Nobody waits for a disk that hangs: after a while the outcome is "later", no name is given to the message any more,
 * and cleaning up goes on alone. What was named in that moment all the same, the journal knows at the retry.
 *
 * States: open (`write` allowed), finished or aborted (nothing more is allowed).
 */
import { createHash, type Hash } from 'node:crypto';
import { join } from 'node:path';
import { settleWithin } from '../core/deadline.ts';
import { createMessageFile, placeCopy } from './message-file.ts';
import type { FileSystem, NewFile } from './file-system.ts';
import { formatJournalKey, type DeliveryJournal } from './journal.ts';
import { LineEndConverter } from './line-end-converter.ts';
import type { MailLocation } from './location.ts';
import type { MailUser } from './mail-user.ts';
import { formatBaseName, type NameMaker } from './maildir-name.ts';
import type { Maildirs, ReadyMaildir } from './maildir.ts';
import { deferred, deferredByFault, refused, type DeliveryOutcome } from './outcome.ts';
import { findStored } from './stored-message.ts';
import type { QuotaMeter } from './quota-meter.ts';

/** Where one copy goes. Two mailboxes with one `id` are the same and get one copy. */
export interface Mailbox {
  readonly id: string;
  readonly user: MailUser;
  readonly location: MailLocation;
  /** Directory of the folder below the Maildir++ root; undefined for the INBOX. */
  readonly folder: string | undefined;
}

/** What deliveries share. */
export interface DeliveryTools {
  readonly files: FileSystem;
  readonly maildirs: Maildirs;
  readonly journal: DeliveryJournal;
  readonly meter: QuotaMeter;
  readonly names: NameMaker;
  /** A full mailbox refuses (552) or defers (452). */
  readonly fullMailbox: 'refuse' | 'defer';
  /** Longest wait for the disk in `write`, `finish` and `abort`. */
  readonly diskWaitMs: number;
  /** Directories that failed while a body was streamed into them: others hold the file while they are in here. */
  readonly suspects: Set<string>;
  /** Hears of every Maildir that holds a file, so that stale ones can be cleaned. */
  readonly onMaildirUsed: (directory: string) => void;
}

export interface Message {
  /** Envelope sender, as it came. */
  readonly sender: string;
  /** Headers of ours, with LF line ends; stored before the body and not part of what identifies the message. */
  readonly header: Buffer;
  /** One of our own, stored however full a mailbox is. */
  readonly isNotice?: boolean;
}

interface Target {
  readonly mailbox: Mailbox;
  outcome: DeliveryOutcome | undefined;
  maildir: ReadyMaildir | undefined;
}

/** The file in `tmp/` and the target whose Maildir it lies in. */
interface Body {
  readonly owner: Target;
  readonly maildir: ReadyMaildir;
  readonly path: string;
  readonly file: NewFile;
  /** It left `tmp/`: its owner has it. */
  isPlaced: boolean;
}

/** Gives the message its name in `new/`. */
type Place = (path: string, maildir: ReadyMaildir) => Promise<void>;

/** Gathered before each write (facts/performance.md). */
const WRITE_BYTES = 128 * 1024;
/** A peer that sends single bytes must not fill the memory with tiny pieces. */
const WRITE_PIECES = 64;
const MAX_SUSPECTS = 1000;
/** A delivery waits this long for the first measurement of a mailbox (RULES 34). */
const QUOTA_WAIT_MS = 30_000;

export class Delivery {
  readonly #tools: DeliveryTools;
  readonly #targets: readonly Target[];
  readonly #isNotice: boolean;
  readonly #digest: Hash;
  readonly #converter = new LineEndConverter();
  #gathered: Buffer[] = [];
  #gatheredBytes = 0;
  #body: Body | undefined;
  #writing: Promise<void> = Promise.resolve();
  #isOver = false;
  #isHung = false;

  constructor(tools: DeliveryTools, message: Message, mailboxes: readonly Mailbox[]) {
    this.#tools = tools;
    this.#targets = mailboxes.map((mailbox) => ({ mailbox, outcome: undefined, maildir: undefined }));
    this.#isNotice = message.isNotice === true;
    this.#digest = createHash('sha256').update(message.sender).update('\0');
    this.#converter.count(message.header);
    this.#gather([message.header]);
  }

  /** Takes the next piece of the body and reuses its memory; resolves when the disk keeps up. Never rejects. */
  async write(piece: Buffer): Promise<void> {
    if (this.#isOver) return;
    this.#digest.update(piece);
    this.#gather(this.#converter.convert(piece));
    if (this.#gatheredBytes >= WRITE_BYTES || this.#gathered.length >= WRITE_PIECES) await this.#inTime(this.#flush());
  }

  /** Delivers; one outcome a mailbox, in their order. Never rejects. */
  async finish(): Promise<readonly DeliveryOutcome[]> {
    await this.#inTime(this.#finish());
    return this.#targets.map((target) => target.outcome ?? deferred('fault', 'no outcome'));
  }

  /** Gives up, leaving nothing behind. Harmless when there is nothing to give up. */
  async abort(): Promise<void> {
    await this.#inTime(this.#cleanUp());
  }

  /** Waits for `work`, which never rejects, until the disk is found to hang; then everybody's outcome is "later". */
  async #inTime(work: Promise<void>): Promise<void> {
    if (this.#isHung) return;
    const { diskWaitMs } = this.#tools;
    await settleWithin(work, diskWaitMs, () => {
      this.#isHung = true;
      this.#isOver = true;
      this.#gathered = [];
      const message = `Cannot store the message: the disk did not answer in ${diskWaitMs} ms`;
      this.#failOpen(deferredByFault(Object.assign(new Error(message), { code: 'ETIMEDOUT' })));
    });
  }

  async #finish(): Promise<void> {
    try {
      this.#gather(this.#converter.finish());
      await this.#flush();
      await this.#writing;
      if (this.#body !== undefined) await this.#deliverAll(this.#body);
    } catch (error) {
      this.#failOpen(deferredByFault(error));
    }
    await this.#cleanUp();
  }

  async #cleanUp(): Promise<void> {
    this.#isOver = true;
    this.#gathered = [];
    await this.#writing;
    const body = this.#body;
    this.#body = undefined;
    if (body === undefined) return;
    await body.file.close().catch(() => undefined);
    if (!body.isPlaced) await this.#tools.files.unlink(body.path).catch(() => undefined);
  }

  #gather(pieces: readonly Buffer[]): void {
    for (const piece of pieces) {
      this.#gathered.push(piece);
      this.#gatheredBytes += piece.length;
    }
  }

  /** Starts to write what was gathered, once the write before it is done. */
  async #flush(): Promise<void> {
    await this.#writing;
    if (this.#isOver) return;
    const pieces = this.#gathered;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    this.#writing = this.#writePieces(pieces);
  }

  async #writePieces(pieces: readonly Buffer[]): Promise<void> {
    try {
      this.#body ??= await this.#openBody();
    } catch (error) {
      this.#failOpen(deferredByFault(error));
    }
    const body = this.#body;
    if (body === undefined) {
      this.#isOver = true;
      return;
    }
    try {
      await body.file.write(pieces);
    } catch (error) {
      this.#giveUp(body, error);
    }
  }

  /** The body cannot be stored: everybody waits, and another mailbox holds the file at the next try. */
  #giveUp(body: Body, error: unknown): void {
    const { suspects } = this.#tools;
    if (suspects.size >= MAX_SUSPECTS) suspects.clear();
    suspects.add(body.maildir.directory);
    this.#tools.maildirs.distrust(body.maildir.directory);
    this.#failOpen(deferredByFault(error));
    this.#isOver = true;
  }

  #failOpen(outcome: DeliveryOutcome): void {
    for (const target of this.#targets) target.outcome ??= outcome;
  }

  /** Opens the file in the first Maildir that takes it; those that do not have their outcome then. */
  async #openBody(): Promise<Body | undefined> {
    const isSuspect = (target: Target): number => (this.#tools.suspects.has(directoryOf(target.mailbox)) ? 1 : 0);
    for (const target of this.#targets.toSorted((a, b) => isSuspect(a) - isSuspect(b))) {
      const body = await this.#tryOpen(target);
      if (body !== undefined) return body;
    }
    return undefined;
  }

  async #tryOpen(target: Target): Promise<Body | undefined> {
    try {
      const maildir = await this.#ready(target);
      if (maildir === undefined) return undefined;
      const path = join(maildir.directory, 'tmp', this.#tools.names.make().stem);
      const file = await createMessageFile(this.#tools.files, path, maildir);
      this.#tools.onMaildirUsed(maildir.directory);
      return { owner: target, maildir, path, file, isPlaced: false };
    } catch (error) {
      this.#tools.maildirs.distrust(directoryOf(target.mailbox));
      target.outcome = deferredByFault(error);
      return undefined;
    }
  }

  async #ready(target: Target): Promise<ReadyMaildir | undefined> {
    const { location, folder } = target.mailbox;
    const ready = await this.#tools.maildirs.ready(location, folder);
    if (ready.kind === 'ready') target.maildir = ready;
    else target.outcome = ready;
    return target.maildir;
  }

  async #deliverAll(body: Body): Promise<void> {
    if (this.#isOver) return;
    try {
      await body.file.sync();
    } catch (error) {
      this.#giveUp(body, error);
      return;
    }
    this.#tools.suspects.delete(body.maildir.directory);
    const digest = this.#digest.digest();
    const { owner } = body;
    const others = this.#targets.filter((target) => target !== owner && target.outcome === undefined);
    await Promise.all(
      others.map((target) =>
        this.#deliver(target, digest, (path, maildir) => placeCopy(this.#tools, body, { path, maildir })),
      ),
    );
    // The last one takes the file itself: until then the others need its name.
    await this.#deliver(owner, digest, async (path) => {
      await this.#tools.files.rename(body.path, path);
      body.isPlaced = true;
    });
  }

  async #deliver(target: Target, digest: Buffer, place: Place): Promise<void> {
    try {
      const maildir = target.maildir ?? (await this.#ready(target));
      if (maildir === undefined) return;
      const key = formatJournalKey(digest, maildir.directory);
      target.outcome = await this.#tools.journal.exclusively(key, async () => {
        const stored = await this.#findRetried(key, maildir);
        return stored ?? (await this.#deliverNew(target.mailbox, maildir, { key, place }));
      });
    } catch (error) {
      this.#tools.maildirs.distrust(directoryOf(target.mailbox));
      target.outcome = deferredByFault(error);
    }
  }

  /** The first try stored it and only its reply was lost: made durable once more, and recorded anew. */
  async #findRetried(key: string, maildir: ReadyMaildir): Promise<DeliveryOutcome | undefined> {
    const { files, journal } = this.#tools;
    const baseName = journal.find(key);
    if (baseName === undefined) return undefined;
    const part = await findStored(files, maildir.directory, baseName);
    if (part === undefined) return undefined;
    await files.syncDirectory(join(maildir.directory, part));
    await journal.record(key, baseName);
    return { kind: 'delivered', baseName, directory: maildir.directory, isRetry: true };
  }

  async #deliverNew(
    mailbox: Mailbox,
    maildir: ReadyMaildir,
    { key, place }: { key: string; place: Place },
  ): Promise<DeliveryOutcome> {
    const { journal, meter, fullMailbox } = this.#tools;
    const { storedBytes, wireBytes } = this.#converter;
    // A folder that is not there and may not be made: the message goes to the INBOX.
    const folder = maildir.directory === directoryOf(mailbox) ? mailbox.folder : undefined;
    const verdict = await meter.reserve(
      mailbox.user,
      { bytes: storedBytes, folder, isNotice: this.#isNotice },
      QUOTA_WAIT_MS,
    );
    switch (verdict.kind) {
      case 'reserved':
        break;
      case 'over':
        return fullMailbox === 'refuse' ? refused('over-quota') : deferred('over-quota');
      case 'too-large':
        return refused(verdict.than === 'quota' ? 'too-large-for-quota' : 'message-too-large');
      case 'unknown':
        return deferred('quota-unknown', verdict.reason);
    }
    const baseName = formatBaseName(verdict.name.stem, { storedBytes, wireBytes });
    try {
      await journal.record(key, baseName);
      await this.#publish(maildir, baseName, place);
    } catch (error) {
      verdict.reservation.cancel();
      throw error;
    }
    verdict.reservation.finish();
    return { kind: 'delivered', baseName, directory: maildir.directory, isRetry: false };
  }

  /** Gives the message its name in `new/`; takes it back when that name cannot be made durable. */
  async #publish(maildir: ReadyMaildir, baseName: string, place: Place): Promise<void> {
    const { files } = this.#tools;
    const directory = join(maildir.directory, 'new');
    const path = join(directory, baseName);
    if (this.#isHung) throw new Error('Cannot store the message: it was given up');
    await place(path, maildir);
    try {
      await files.syncDirectory(directory);
    } catch (error) {
      await files.unlink(path).catch(() => undefined);
      throw error;
    }
  }
}

function directoryOf({ location, folder }: Mailbox): string {
  return folder === undefined ? location.inbox : join(location.path, folder);
}
