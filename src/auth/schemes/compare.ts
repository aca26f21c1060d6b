/** Comparing secrets without telling by the time how much of them was right. */
import { timingSafeEqual } from 'node:crypto';

/** Whether the bytes are equal. Unequal lengths are told apart, but only after the same work. */
export function isSameSecret(given: Uint8Array, wanted: Uint8Array): boolean {
  const isSameLength = given.length === wanted.length;
  const isEqual = timingSafeEqual(given, isSameLength ? wanted : given);
  return isSameLength && isEqual;
}
