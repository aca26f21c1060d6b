/**
 * The body from the wire to the disk: CRLF becomes LF, everything else stays (RULES 16). Counts both sizes while
 * the bytes pass: as stored, and as Dovecot's `W=` means it (every LF that has no CR before it counts twice).
 */

const CR = 0x0d;
const LF = 0x0a;

export class LineEndConverter {
  /** Bytes given out so far. */
  storedBytes = 0;
  /** The same bytes with every line end as CRLF. */
  wireBytes = 0;
  #hasPendingCr = false;
  #last = 0;

  /** Counts bytes that are stored as they are, such as headers of our own. */
  count(bytes: Buffer): void {
    let lines = 0;
    for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, at + 1)) lines += 1;
    this.storedBytes += bytes.length;
    this.wireBytes += bytes.length + lines;
  }

  /** Converts the next piece; a CR at its end waits for the next one. The piece's memory is reused. */
  convert(piece: Buffer): Buffer[] {
    const held = this.#takePendingCr(piece);
    const converted = this.#convertPiece(piece);
    return held === undefined ? [converted] : [held, converted];
  }

  /** Gives out a CR that was the very last byte. */
  finish(): Buffer[] {
    if (!this.#hasPendingCr) return [];
    this.#hasPendingCr = false;
    this.storedBytes += 1;
    this.wireBytes += 1;
    return [Buffer.from([CR])];
  }

  /** A CR held back is data after all unless a LF follows. */
  #takePendingCr(piece: Buffer): Buffer | undefined {
    if (!this.#hasPendingCr || piece.length === 0) return undefined;
    this.#hasPendingCr = false;
    if (piece[0] === LF) return undefined;
    this.#last = CR;
    this.storedBytes += 1;
    this.wireBytes += 1;
    return Buffer.from([CR]);
  }

  /** Line by line, in place: the searching and the moving are native, and lines are few where bytes are many. */
  #convertPiece(piece: Buffer): Buffer {
    const end = this.#holdTrailingCr(piece);
    let from = 0;
    let out = 0;
    let lines = 0;
    const keep = (to: number): void => {
      if (out !== from) piece.copyWithin(out, from, to);
      out += to - from;
      from = to;
    };
    for (let at = piece.indexOf(LF); at !== -1; at = piece.indexOf(LF, at + 1)) {
      if (at > from && piece[at - 1] === CR) {
        keep(at - 1);
        from = at;
      } else keep(at);
      if ((out === 0 ? this.#last : piece[out - 1]) !== CR) lines += 1;
    }
    keep(end);
    this.#last = out === 0 ? this.#last : (piece[out - 1] ?? 0);
    this.storedBytes += out;
    this.wireBytes += out + lines;
    return piece.subarray(0, out);
  }

  /** Where the piece ends without a CR of which it is not known yet what follows. */
  #holdTrailingCr(piece: Buffer): number {
    // An empty piece says nothing of a CR that was held before it.
    if (piece.length === 0) return 0;
    this.#hasPendingCr = piece.at(-1) === CR;
    return this.#hasPendingCr ? piece.length - 1 : piece.length;
  }
}
