/**
 * MD5 (RFC 1321) one block at a time. {CRAM-MD5} stores the two states HMAC-MD5 is in after its key, and node:crypto can
 * neither show nor take up the state of a hash. Only for that: everything else uses node:crypto.
 */
import { createHash } from 'node:crypto';

/** Two states of 16 bytes, outer then inner, each of four little-endian words. */
export const CRAM_STATES_BYTES = 32;

const STATE_BYTES = 16;
const BLOCK_BYTES = 64;
const LENGTH_BYTES = 8;
const WORDS = 4;
const OUTER_PAD = 0x5c;
const INNER_PAD = 0x36;
const PADDING_START = 0x80;
const START: readonly number[] = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];

/** Rotations of the four rounds. */
const ROTATIONS: readonly (readonly number[])[] = [
  [7, 12, 17, 22],
  [5, 9, 14, 20],
  [4, 11, 16, 23],
  [6, 10, 15, 21],
];
const SINES: readonly number[] = Array.from({ length: 64 }, (_, i) => Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32));

/** What {CRAM-MD5} stores of a password: the outer, then the inner state of HMAC-MD5 after its key. */
export function makeCramStates(password: Buffer): Buffer {
  const key = Buffer.alloc(BLOCK_BYTES);
  (password.length > BLOCK_BYTES ? createHash('md5').update(password).digest() : password).copy(key);
  return Buffer.concat(
    [OUTER_PAD, INNER_PAD].map((pad) => writeState(addBlock(START, Buffer.from(key.map((byte) => byte ^ pad))))),
  );
}

/** HMAC-MD5 of a message, from the states of its key. */
export function finishCramStates(states: Buffer, message: Buffer): Buffer {
  if (states.length !== CRAM_STATES_BYTES) throw new RangeError(`Cannot use ${states.length} bytes as CRAM-MD5 states`);
  const inner = finish(readState(states.subarray(STATE_BYTES)), message);
  return finish(readState(states.subarray(0, STATE_BYTES)), inner);
}

/** Ends a hash that has taken one block before `rest`. */
function finish(state: readonly number[], rest: Buffer): Buffer {
  const blocks = Math.ceil((rest.length + 1 + LENGTH_BYTES) / BLOCK_BYTES);
  const padded = Buffer.alloc(blocks * BLOCK_BYTES);
  rest.copy(padded);
  padded[rest.length] = PADDING_START;
  padded.writeBigUInt64LE(BigInt(BLOCK_BYTES + rest.length) * 8n, padded.length - LENGTH_BYTES);
  let current = state;
  for (let at = 0; at < padded.length; at += BLOCK_BYTES) {
    current = addBlock(current, padded.subarray(at, at + BLOCK_BYTES));
  }
  return writeState(current);
}

function addBlock(state: readonly number[], block: Buffer): readonly number[] {
  let [a = 0, b = 0, c = 0, d = 0] = state;
  for (const [i, sine] of SINES.entries()) {
    const round = i >> 4;
    const { mixed, word } = mix(round, { i, b, c, d });
    const sum = (a + mixed + sine + block.readUInt32LE(word * 4)) | 0;
    const rotation = ROTATIONS[round]?.[i % WORDS] ?? 0;
    [a, d, c, b] = [d, c, b, (b + ((sum << rotation) | (sum >>> (32 - rotation)))) | 0];
  }
  const added = [a, b, c, d];
  return state.map((word, i) => (word + (added[i] ?? 0)) >>> 0);
}

/** The function of a round, and the word of the block its step takes. */
function mix(
  round: number,
  { i, b, c, d }: { i: number; b: number; c: number; d: number },
): { mixed: number; word: number } {
  switch (round) {
    case 0:
      return { mixed: (b & c) | (~b & d), word: i };
    case 1:
      return { mixed: (d & b) | (~d & c), word: (5 * i + 1) % 16 };
    case 2:
      return { mixed: b ^ c ^ d, word: (3 * i + 5) % 16 };
    default:
      return { mixed: c ^ (b | ~d), word: (7 * i) % 16 };
  }
}

function readState(bytes: Buffer): readonly number[] {
  return START.map((_, i) => bytes.readUInt32LE(i * 4));
}

function writeState(state: readonly number[]): Buffer {
  const bytes = Buffer.alloc(STATE_BYTES);
  for (const [i, word] of state.entries()) bytes.writeUInt32LE(word, i * 4);
  return bytes;
}
