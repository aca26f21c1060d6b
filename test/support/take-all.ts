/** Feeds bytes to a `take` function of a codec in pieces, as a socket would, and collects the values. */
import fc from 'fast-check';

export type Take<T> = (bytes: Buffer) => { value: T; rest: Buffer } | undefined;

/** Cuts `bytes` at `cuts` (any numbers) and gives every value `take` finds, with what was left over. */
export function takeAll<T>(take: Take<T>, bytes: Buffer, cuts: readonly number[] = []): { values: T[]; rest: Buffer } {
  const borders = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
  const values: T[] = [];
  let rest: Buffer = Buffer.alloc(0);
  let start = 0;
  for (const border of borders) {
    rest = Buffer.concat([rest, bytes.subarray(start, border)]);
    start = border;
    for (let taken = take(rest); taken !== undefined; taken = take(rest)) {
      values.push(taken.value);
      rest = taken.rest;
    }
  }
  return { values, rest };
}

/** Places to cut at. */
export const cuts = fc.array(fc.nat({ max: 100_000 }), { maxLength: 12 });
