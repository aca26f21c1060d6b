/**
 * Watches the header of a message as it streams by: how long it is, and how many hops it tells of. Mail that goes in
 * circles collects a Received field at each (RFC 5321 section 6.3), and has to be stopped by somebody. Bytes in pieces of
 * any length; nothing is kept but a name that a field may turn out to have.
 *
 * The header ends with the first line that is empty, or is neither a field nor its continuation (RFC 5322 section 2.2): a
 * long body without a header is no long header.
 */
import { refused, type Refused } from '../../mail/outcome.ts';

export interface HeaderLimits {
  /** Received fields of one message; the next is one too many. */
  readonly maxReceivedHeaders: number;
  /** Bytes of all fields together, with line ends. */
  readonly maxHeaderBytes: number;
}

const LF = 0x0a;
const TAB = 0x09;
const SPACE = 0x20;
const COLON = 0x3a;
const FIRST_VISIBLE = 0x21;
const LAST_VISIBLE = 0x7e;
const HOP = 'received';

/** `line`: at its first byte; `name`, `gap`: before the colon; `value`: until the line ends. */
type State = 'line' | 'name' | 'gap' | 'value' | 'over';

export class HeaderGuard {
  readonly #limits: HeaderLimits;
  #state: State = 'line';
  /** The beginning of the field's name, lower case; no longer than it takes to tell. */
  #name = '';
  #bytes = 0;
  #hops = 0;

  constructor(limits: HeaderLimits) {
    this.#limits = limits;
  }

  /** Looks at the next piece; says why the message cannot be taken, or nothing. */
  check(piece: Buffer): Refused | undefined {
    for (let at = 0; at < piece.length && this.#state !== 'over';) at = this.#read(piece, at);
    if (this.#hops > this.#limits.maxReceivedHeaders) return refused('too-many-hops');
    return this.#bytes > this.#limits.maxHeaderBytes ? refused('header-too-large') : undefined;
  }

  /** Reads on from `at`; the place of the next byte. */
  #read(piece: Buffer, at: number): number {
    const end = this.#state === 'value' ? findLineEnd(piece, at) : at + 1;
    this.#state = this.#step(piece[end - 1] ?? LF);
    if (this.#state !== 'over') this.#bytes += end - at;
    return end;
  }

  #step(byte: number): State {
    switch (this.#state) {
      case 'line':
        this.#name = '';
        return isBlank(byte) ? 'value' : this.#readName(byte);
      case 'name':
        return isBlank(byte) ? 'gap' : this.#readName(byte);
      case 'gap':
        if (isBlank(byte)) return 'gap';
        return byte === COLON ? this.#readName(byte) : 'over';
      case 'value':
        return byte === LF ? 'line' : 'value';
      case 'over':
        return 'over';
    }
  }

  #readName(byte: number): State {
    if (byte === COLON && this.#name !== '') {
      if (this.#name === HOP) this.#hops += 1;
      return 'value';
    }
    if (byte < FIRST_VISIBLE || byte > LAST_VISIBLE || byte === COLON) return 'over';
    if (this.#name.length <= HOP.length) this.#name += String.fromCharCode(byte).toLowerCase();
    return 'name';
  }
}

/** The place behind the next line feed, or the end of the piece. */
function findLineEnd(piece: Buffer, at: number): number {
  const found = piece.indexOf(LF, at);
  return found === -1 ? piece.length : found + 1;
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB;
}
