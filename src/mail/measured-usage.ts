/**
 * What was measured of an account or a domain, with own deliveries that no measurement can have seen: those in work, and
 * those finished since it began. Each has a sequence that is part of its file name, by which a measurement says which it
 * did see, so that none counts twice. Nothing is read here.
 */
import type { NameMaker } from './maildir-name.ts';
import type { Room } from './quota-verdict.ts';

/** The key of the INBOX among folder directories. */
export const INBOX_KEY = '';

/** Room taken for a delivery in work. */
export interface Reservation {
  /** The message is in its Maildir. */
  finish(): void;
  /** It is not, and gives its room back. */
  cancel(): void;
}

export interface ReservedDelivery {
  readonly bytes: number;
  /** Part of the name of the message. */
  readonly sequence: number;
  /** Directory of the folder; undefined for the INBOX. */
  readonly folder: string | undefined;
}

/** What is kept; right until the caller waits for something. */
export interface MeasuredUsage {
  total(): Room;
  /** By folder directory, the INBOX under INBOX_KEY; a folder without mail is there as well. */
  mailboxes(): ReadonlyMap<string, Room>;
  /** Counts a message about to be delivered. */
  reserve(delivery: ReservedDelivery): Reservation;
}

/** What a measurement found. */
export interface Measurement extends Room {
  /** When it began. */
  readonly startedAtMs: number;
  readonly mailboxes: ReadonlyMap<string, Room>;
}

/** What a measurement must be told, and what it settles: made before it begins. */
export interface MeasuringPlan {
  /** Sequences from here on must be looked for. */
  readonly sinceSequence: number;
  /** Deliveries that were finished before, and so cannot be missed. */
  readonly finished: readonly number[];
}

interface OwnDelivery {
  readonly bytes: number;
  readonly key: string;
  isFinished: boolean;
}

const NO_ROOM: Room = Object.freeze({ bytes: 0, messages: 0 });
const NO_MAILBOXES: ReadonlyMap<string, Room> = new Map();

export class MeasuredTotals implements MeasuredUsage {
  /** The last measurement; undefined before the first. */
  measured: Measurement | undefined;
  readonly #own = new Map<number, OwnDelivery>();

  /** Whether a delivery counts on it. */
  get hasWork(): boolean {
    for (const { isFinished } of this.#own.values()) if (!isFinished) return true;
    return false;
  }

  total(): Room {
    let { bytes, messages }: Room = this.measured ?? NO_ROOM;
    for (const delivery of this.#own.values()) bytes += delivery.bytes;
    messages += this.#own.size;
    return { bytes, messages };
  }

  mailboxes(): ReadonlyMap<string, Room> {
    const measured = this.measured?.mailboxes ?? NO_MAILBOXES;
    if (this.#own.size === 0) return measured;
    const mailboxes = new Map(measured);
    for (const { key, bytes } of this.#own.values()) {
      const room = mailboxes.get(key) ?? NO_ROOM;
      mailboxes.set(key, { bytes: room.bytes + bytes, messages: room.messages + 1 });
    }
    return mailboxes;
  }

  reserve({ bytes, sequence, folder }: ReservedDelivery): Reservation {
    const delivery = { bytes, key: folder ?? INBOX_KEY, isFinished: false };
    this.#own.set(sequence, delivery);
    return {
      finish: () => {
        delivery.isFinished = true;
      },
      cancel: () => void this.#own.delete(sequence),
    };
  }

  /** To be called right before a measurement begins. */
  planMeasuring(names: NameMaker): MeasuringPlan {
    const finished: number[] = [];
    let sinceSequence = names.nextSequence;
    for (const [sequence, { isFinished }] of this.#own) {
      if (isFinished) finished.push(sequence);
      else sinceSequence = Math.min(sinceSequence, sequence);
    }
    return { sinceSequence, finished };
  }

  /** Takes a measurement, which saw these sequences. */
  take(measured: Measurement, { finished }: MeasuringPlan, seen: readonly number[]): void {
    this.measured = measured;
    for (const sequence of finished) this.#own.delete(sequence);
    for (const sequence of seen) this.#own.delete(sequence);
  }
}
