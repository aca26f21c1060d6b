/**
 * Finds the end of a message and takes the dots of RFC 5321 section 4.5.2 off. Only CRLF `.` CRLF ends it: a bare LF
 * or CR never begins or ends a line here, so nobody can smuggle a second message past us (CVE-2023-51764 and its
 * kin). Bytes in, bytes out; the first line counts as if a CRLF stood before it.
 *
 * What is held back between two pieces is at most the four bytes that may turn out to begin the terminator.
 */

/** The message bytes of one piece; with `rest` set the message has ended and these bytes follow it. */
export interface Taken {
  readonly content: Buffer;
  readonly rest: Buffer | undefined;
}

const CR = 0x0d;
const LF = 0x0a;
const CRLF = Buffer.from('\r\n');
const LINE_DOT = Buffer.from('\r\n.');
const NOTHING = Buffer.alloc(0);

export class DataTerminator {
  /** Bytes of which it is not known yet whether they belong to the terminator. */
  #held: Buffer = CRLF;
  /** Bytes still to be left out: the CRLF that only seems to stand before the first line. */
  #imaginary = CRLF.length;

  /** Takes the next piece and reuses its memory. */
  take(piece: Buffer): Taken {
    const bytes = this.#held.length === 0 ? piece : Buffer.concat([this.#held, piece]);
    this.#held = NOTHING;
    let from = 0;
    let out = 0;
    const keep = (end: number): void => {
      if (out !== from) bytes.copyWithin(out, from, end);
      out += end - from;
      from = end;
    };
    for (let at = bytes.indexOf(LINE_DOT); at !== -1; at = bytes.indexOf(LINE_DOT, from)) {
      const after = at + LINE_DOT.length;
      if (isStartOfLineEnd(bytes, after)) {
        keep(at);
        this.#held = Buffer.from(bytes.subarray(at));
        return { content: this.#withoutImaginary(bytes.subarray(0, out)), rest: undefined };
      }
      keep(at + CRLF.length);
      if (bytes[after] === CR && bytes[after + 1] === LF) {
        return { content: this.#withoutImaginary(bytes.subarray(0, out)), rest: bytes.subarray(after + CRLF.length) };
      }
      from = after;
    }
    const heldLength = countTrailingLineEnd(bytes, from);
    keep(bytes.length - heldLength);
    this.#held = Buffer.from(bytes.subarray(bytes.length - heldLength));
    return { content: this.#withoutImaginary(bytes.subarray(0, out)), rest: undefined };
  }

  #withoutImaginary(content: Buffer): Buffer {
    if (this.#imaginary === 0) return content;
    const count = Math.min(this.#imaginary, content.length);
    this.#imaginary -= count;
    return content.subarray(count);
  }
}

/** Whether the bytes from `at` on end before it can be told if they are CRLF. */
function isStartOfLineEnd(bytes: Buffer, at: number): boolean {
  return at === bytes.length || (at + 1 === bytes.length && bytes[at] === CR);
}

/** How many bytes at the end may begin CRLF `.`, looking no further back than `from`. */
function countTrailingLineEnd(bytes: Buffer, from: number): number {
  const { length } = bytes;
  if (length - 2 >= from && bytes[length - 2] === CR && bytes[length - 1] === LF) return 2;
  return length - 1 >= from && bytes[length - 1] === CR ? 1 : 0;
}
