/**
 * An IMAP session that works in the folders of one account all the time, as an impatient user with rules would: it
 * looks, sets flags, moves, copies and expunges, and keeps the ledger. Of several sessions of one account each moves and
 * removes its own messages only (by their number), so that the ledger needs no lock; flags it sets on anybody's.
 *
 * The number in the id `m<number>` decides what becomes of a message, so that every kind of it is there often enough.
 */
import assert from 'node:assert/strict';
import type { ImapClient } from './imap-client.ts';
import type { FolderView, MailboxLedger } from './mailbox-ledger.ts';

export interface BusyReaderOptions {
  readonly imap: ImapClient;
  readonly ledger: MailboxLedger;
  /** Mail is delivered into these. */
  readonly folders: readonly string[];
  /** Which of how many sessions of the account it is. */
  readonly index: number;
  readonly sessions: number;
}

const DEEDS = ['fetch', 'flag', 'move', 'copy', 'expunge'] as const;
type Deed = (typeof DEEDS)[number];

/** By the last digit of the number. */
const FATES: readonly Deed[] = ['move', 'copy', 'expunge', 'flag', 'move', 'fetch', 'copy', 'expunge', 'flag', 'fetch'];
/** Messages in one command. */
const BATCH = 10;
/** Where what is moved and copied goes; nothing leaves it. */
export const ARCHIVE = 'Archive';
const FLAG_CHANGES = [
  String.raw`+FLAGS.SILENT (\Seen)`,
  String.raw`+FLAGS (\Flagged $Later)`,
  String.raw`-FLAGS (\Flagged)`,
];
/** It went away between two looks: right, where another session takes messages away. */
const GONE_MEANWHILE = /^(?:OK|NO \[EXPUNGEISSUED\])/;

export class BusyReader {
  /** Messages it has done something with. */
  readonly counts: Record<Deed, number> = { fetch: 0, flag: 0, move: 0, copy: 0, expunge: 0 };
  readonly #options: BusyReaderOptions;
  /** By folder: messages of its own that still have their fate before them, by UID. */
  readonly #pending = new Map<string, Map<number, string>>();
  /** By folder: the UID after the last one seen. */
  readonly #next = new Map<string, number>();
  #turn = 0;

  constructor(options: BusyReaderOptions) {
    this.#options = options;
  }

  /** Opens every folder once, looks at what is new there, and does a few things; whether there was anything to do. */
  async round(): Promise<boolean> {
    const { folders } = this.#options;
    let hasWork = false;
    for (const folder of [...folders, ARCHIVE]) {
      const { imap } = this.#options;
      const view = { folder, uidValidity: await openFolder(imap, folder) };
      const foundCount = await this.#look(view);
      await this.#changeAnyFlags();
      const doneCount = folder === ARCHIVE ? 0 : await this.#work(view);
      hasWork ||= foundCount + doneCount > 0;
    }
    return hasWork;
  }

  /** Notes the UIDs of new messages. */
  async #look(view: FolderView): Promise<number> {
    const { imap, ledger, index, sessions } = this.#options;
    const pending = this.#pending.get(view.folder) ?? new Map<number, string>();
    this.#pending.set(view.folder, pending);
    const next = this.#next.get(view.folder) ?? 1;
    const found = [...(await listMessages(imap, next))].filter(([uid]) => uid >= next);
    for (const [uid, id] of found) {
      ledger.note(view, uid, id);
      if (Math.floor(numberOf(id) / FATES.length) % sessions === index) pending.set(uid, id);
      this.#next.set(view.folder, Math.max(this.#next.get(view.folder) ?? 1, uid + 1));
    }
    return found.length;
  }

  /** Flags of old and new messages, whoever they belong to: two sessions meet at one file. */
  async #changeAnyFlags(): Promise<void> {
    const change = FLAG_CHANGES[this.#turn++ % FLAG_CHANGES.length] ?? '';
    // What is not there is not meant: the highest always is, in a folder with mail.
    for (const range of [`${this.#turn}:${this.#turn + BATCH}`, '*']) {
      const { last } = await this.#options.imap.tryCommand(`UID STORE ${range} ${change}`);
      assert.match(last, GONE_MEANWHILE, `UID STORE ${range}`);
    }
  }

  async #work(view: FolderView): Promise<number> {
    const pending = this.#pending.get(view.folder) ?? new Map<number, string>();
    let doneCount = 0;
    for (const deed of DEEDS) {
      const batch = new Map([...pending].filter(([, id]) => fateOf(id) === deed).slice(0, BATCH));
      if (batch.size === 0) continue;
      await this.#do(deed, { view, batch });
      this.counts[deed] += batch.size;
      doneCount += batch.size;
      for (const uid of batch.keys()) pending.delete(uid);
    }
    return doneCount;
  }

  async #do(
    deed: Deed,
    { view, batch }: { readonly view: FolderView; readonly batch: ReadonlyMap<number, string> },
  ): Promise<void> {
    const { imap, ledger } = this.#options;
    const uids = [...batch.keys()].join(',');
    switch (deed) {
      case 'fetch': {
        const said = await imap.command(`UID FETCH ${uids} BODY.PEEK[]`);
        for (const id of batch.values()) assert.ok(said.includes(`\r\nThis is ${id}.\r\n`), `no ${id} in UID FETCH`);
        return;
      }
      case 'flag':
        await imap.command(String.raw`UID STORE ${uids} +FLAGS (\Answered $Done)`);
        return;
      case 'move':
      case 'copy':
        this.#take(await imap.tryCommand(`UID ${deed.toUpperCase()} ${uids} ${ARCHIVE}`), batch);
        if (deed === 'move') for (const [uid, id] of batch) ledger.remove(view, uid, id);
        return;
      case 'expunge':
        await imap.command(String.raw`UID STORE ${uids} +FLAGS.SILENT (\Deleted)`);
        await imap.command(`UID EXPUNGE ${uids}`);
        for (const [uid, id] of batch) ledger.remove(view, uid, id);
    }
  }

  /** Enters what COPYUID says (RFC 4315): every message asked for must be there, with its new UID. */
  #take({ said, last }: { said: string; last: string }, batch: ReadonlyMap<number, string>): void {
    const { ledger } = this.#options;
    const match = /\[COPYUID (\d+) ([\d:,]+) ([\d:,]+)\]/.exec(`${said}${last}`);
    assert.match(last, /^OK/);
    assert.ok(match !== null, `no COPYUID in ${said}${last}`);
    const [, uidValidity, from = '', to = ''] = match;
    const [sources, copies] = [expandSet(from), expandSet(to)];
    assert.deepEqual(sources, [...batch.keys()], 'what was copied');
    for (const [i, source] of sources.entries()) {
      const id = batch.get(source) ?? '';
      ledger.add(ARCHIVE, id);
      ledger.note({ folder: ARCHIVE, uidValidity: Number(uidValidity) }, copies[i] ?? 0, id);
    }
  }
}

/** Opens a folder and gives its UIDVALIDITY. */
export async function openFolder(imap: ImapClient, folder: string): Promise<number> {
  const said = await imap.command(`SELECT "${folder}"`);
  return Number(/\[UIDVALIDITY (\d+)\]/.exec(said)?.[1]);
}

/** The ids of the messages in the open folder from a UID on, by UID; the last message is always among them. */
export async function listMessages(imap: ImapClient, fromUid: number): Promise<Map<number, string>> {
  const { said, last } = await imap.tryCommand(`UID FETCH ${fromUid}:* (UID BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])`);
  assert.match(last, GONE_MEANWHILE, 'UID FETCH');
  const found = said.matchAll(/ FETCH \([^\n]*?UID (\d+)[^\n]*\nMessage-ID: <([^@>]+)@/gi);
  return new Map(Array.from(found, ([, uid, id = '']) => [Number(uid), id]));
}

function numberOf(id: string): number {
  return Number(id.slice(1));
}

function fateOf(id: string): Deed {
  return FATES[numberOf(id) % FATES.length] ?? 'fetch';
}

/** `1,4:6` as numbers. */
function expandSet(set: string): number[] {
  return set.split(',').flatMap((range) => {
    const [from = 0, to = from] = range.split(':').map(Number);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}
