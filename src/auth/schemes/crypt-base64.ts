/** The base64 of crypt(3): its own alphabet, and each group of bytes written from its lowest bits on. */

/** A character's place is its value. */
export const CRYPT_ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

const BITS_PER_CHAR = 6;

/** Encodes bytes in groups of up to three; the first byte named in a group is its highest. */
export function encodeGroups(bytes: Buffer, groups: readonly (readonly number[])[]): string {
  return groups.map((group) => encodeGroup(group.map((index) => bytes[index] ?? 0))).join('');
}

function encodeGroup(group: readonly number[]): string {
  let value = group.reduce((sum, byte) => (sum << 8) | byte, 0);
  const charCount = Math.ceil((group.length * 8) / BITS_PER_CHAR);
  let text = '';
  for (let i = 0; i < charCount; i++) {
    text += CRYPT_ALPHABET.charAt(value & 63);
    value >>>= BITS_PER_CHAR;
  }
  return text;
}
