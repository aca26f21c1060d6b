/**
 * The MD4 digest (RFC 1320), for {PLAIN-MD4} alone: OpenSSL 3 has it no longer. Broken; never for anything new.
 */

interface Round {
  readonly mix: (x: number, y: number, z: number) => number;
  readonly constant: number;
  /** Which word of the block each step takes. */
  readonly order: readonly number[];
  /** How far each step turns; they repeat. */
  readonly shifts: readonly number[];
}

const BLOCK_BYTES = 64;
const LENGTH_BYTES = 8;
const PADDING_START = 0x80;
const DIGEST_BYTES = 16;
const START = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];

const ROUNDS: readonly Round[] = [
  {
    mix: (x, y, z) => (x & y) | (~x & z),
    constant: 0,
    order: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    shifts: [3, 7, 11, 19],
  },
  {
    mix: (x, y, z) => (x & y) | (x & z) | (y & z),
    constant: 0x5a827999,
    order: [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15],
    shifts: [3, 5, 9, 13],
  },
  {
    mix: (x, y, z) => x ^ y ^ z,
    constant: 0x6ed9eba1,
    order: [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15],
    shifts: [3, 9, 11, 15],
  },
];

/** The 16 bytes of a message's digest. */
export function digestMd4(message: Buffer): Buffer {
  const blockCount = Math.ceil((message.length + 1 + LENGTH_BYTES) / BLOCK_BYTES);
  const padded = Buffer.alloc(blockCount * BLOCK_BYTES);
  message.copy(padded);
  padded[message.length] = PADDING_START;
  padded.writeBigUInt64LE(BigInt(message.length) * 8n, padded.length - LENGTH_BYTES);

  const state = Uint32Array.from(START);
  for (let at = 0; at < padded.length; at += BLOCK_BYTES) addBlock(state, padded.subarray(at, at + BLOCK_BYTES));
  const digest = Buffer.alloc(DIGEST_BYTES);
  for (const [i, word] of state.entries()) digest.writeUInt32LE(word, i * 4);
  return digest;
}

function addBlock(state: Uint32Array, block: Buffer): void {
  let [a = 0, b = 0, c = 0, d = 0] = state;
  for (const { mix, constant, order, shifts } of ROUNDS) {
    for (const [step, word] of order.entries()) {
      const sum = (a + mix(b, c, d) + block.readUInt32LE(word * 4) + constant) | 0;
      const shift = shifts[step % shifts.length] ?? 0;
      [a, d, c, b] = [d, c, b, (sum << shift) | (sum >>> (32 - shift))];
    }
  }
  for (const [i, word] of [a, b, c, d].entries()) state[i] = (state[i] ?? 0) + word;
}
