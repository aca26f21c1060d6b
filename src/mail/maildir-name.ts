/**
 * File names of messages in a Maildir: `<sec>.M<usec>P<pid>Q<n>.<host>,S=<bytes>,W=<bytes>` and, after a colon, flags.
 * facts/dovecot.md G.2. Everything up to the colon is the base name, which never changes while the message lives.
 */
import { randomInt } from 'node:crypto';
import type { Clock } from '../core/clock.ts';

/** A name that no other message of this machine has. */
export interface UniqueName {
  /** Ours, rising: tells deliveries of this process apart (usage-cache.ts). */
  readonly sequence: number;
  /** Without sizes: what the file is called in tmp/. */
  readonly stem: string;
}

/** Sequences start at random: two processes with one pid in one microsecond (containers) still differ. */
const MAX_FIRST_SEQUENCE = 2 ** 40;
const OWN_SEQUENCE = /^\d+\.M\d+P(\d+)Q(\d+)\./;
const STORED_SIZE = /,S=(\d{1,15})(?=[,:]|$)/;

export class NameMaker {
  readonly #host: string;
  readonly #clock: Clock;
  #sequence = randomInt(MAX_FIRST_SEQUENCE);

  constructor(host: string, clock: Clock) {
    this.#host = escapeHost(host);
    this.#clock = clock;
  }

  /** Every name made from now on has this sequence or a higher one. */
  get nextSequence(): number {
    return this.#sequence;
  }

  make(): UniqueName {
    const sequence = this.#sequence++;
    const now = this.#clock.now();
    const seconds = Math.floor(now / 1000);
    const microseconds = Math.floor(now % 1000) * 1000 + (sequence % 1000);
    return { sequence, stem: `${seconds}.M${microseconds}P${process.pid}Q${sequence}.${this.#host}` };
  }
}

/** The final base name: sizes as stored with LF and as sent with CRLF. */
export function formatBaseName(stem: string, sizes: { storedBytes: number; wireBytes: number }): string {
  return `${stem},S=${sizes.storedBytes},W=${sizes.wireBytes}`;
}

/** The part of a file name that identifies the message. */
export function takeBaseName(fileName: string): string {
  const colon = fileName.indexOf(':');
  return colon === -1 ? fileName : fileName.slice(0, colon);
}

/** The size a name claims, or undefined when it has none and the file must be asked. */
export function findStoredSize(fileName: string): number | undefined {
  const size = STORED_SIZE.exec(fileName)?.[1];
  return size === undefined ? undefined : Number(size);
}

/** The sequence in a name made by process `pid`, or undefined for anybody else's. */
export function findSequence(fileName: string, pid: number): number | undefined {
  const match = OWN_SEQUENCE.exec(fileName);
  return match !== null && Number(match[1]) === pid ? Number(match[2]) : undefined;
}

/** A slash would be a path and a colon would start the flags (facts/dovecot.md G.2). */
function escapeHost(host: string): string {
  return host.replaceAll('/', String.raw`\057`).replaceAll(':', String.raw`\072`);
}
