/**
 * What must lie in the folders of one account, by what was delivered there and what IMAP sessions did with it; and every
 * UID that a session ever saw, with the message it was. `compare` finds what is missing, doubled, or has another UID.
 */

/** A folder as one session sees it after SELECT. */
export interface FolderView {
  readonly folder: string;
  readonly uidValidity: number;
}

export class MailboxLedger {
  /** By folder and message: how many copies there are to be. */
  readonly #copies = new Map<string, number>();
  /** By folder: its UIDVALIDITY. */
  readonly #validities = new Map<string, number>();
  /** By folder and UID: the message. Never forgotten, since no UID may come back. */
  readonly #noted = new Map<string, string>();
  /** UIDs that a session has moved away or expunged. */
  readonly #gone = new Set<string>();
  /** What contradicted an earlier note. */
  readonly #problems: string[] = [];

  /** Copies of a message came into a folder, or left it when negative. */
  add(folder: string, id: string, count = 1): void {
    const key = `${folder} ${id}`;
    this.#copies.set(key, (this.#copies.get(key) ?? 0) + count);
  }

  /** A session saw the message under this UID. */
  note({ folder, uidValidity }: FolderView, uid: number, id: string): void {
    const known = this.#validities.get(folder) ?? uidValidity;
    this.#validities.set(folder, known);
    if (known !== uidValidity) this.#problems.push(`UIDVALIDITY of ${folder} went from ${known} to ${uidValidity}`);
    const key = `${folder} UID ${uid}`;
    const before = this.#noted.get(key) ?? id;
    this.#noted.set(key, id);
    if (before !== id) this.#problems.push(`${key} was ${before} and is ${id}`);
  }

  /** A session took the message with this UID away: it must never be seen again, except by who looked before. */
  remove({ folder }: FolderView, uid: number, id: string): void {
    this.#gone.add(`${folder} UID ${uid}`);
    this.add(folder, id, -1);
  }

  /** Says what is wrong with the folder as it is in the end; `uids` has the message of each UID. */
  compare(view: FolderView, uids: ReadonlyMap<number, string>): string[] {
    const { folder } = view;
    const problems: string[] = [];
    for (const [uid, id] of uids) {
      if (this.#gone.has(`${folder} UID ${uid}`)) problems.push(`${folder} UID ${uid} came back as ${id}`);
      this.note(view, uid, id);
    }
    for (const [key, id] of this.#noted) {
      const uid = Number(key.slice(key.lastIndexOf(' ') + 1));
      if (!key.startsWith(`${folder} `) || this.#gone.has(key) || uids.has(uid)) continue;
      problems.push(`${key} was ${id} and is gone`);
    }
    return [...this.#problems.splice(0), ...problems, ...this.compareCopies(folder, [...uids.values()])];
  }

  /** Says which messages of the folder are there too often or not often enough. */
  compareCopies(folder: string, ids: readonly string[]): string[] {
    const counts = new Map<string, number>();
    for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
    const expected = new Map<string, number>();
    for (const [key, count] of this.#copies) {
      if (key.startsWith(`${folder} `)) expected.set(key.slice(folder.length + 1), count);
    }
    return [...new Set([...counts.keys(), ...expected.keys()])].flatMap((id) => {
      const [count, wanted] = [counts.get(id) ?? 0, expected.get(id) ?? 0];
      return count === wanted ? [] : [`${folder} has ${count} of ${id}, not ${wanted}`];
    });
  }
}
