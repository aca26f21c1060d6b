/** Finds the word that was meant: by edit distance, where two neighbours changed places count as one slip. */

/** Longer words are not compared, so that a file of nonsense costs no time. */
const MAX_WORD_CHARS = 40;
/** One slip for every so many letters begun: `slas` is meant for something, `xyz` is not. */
const LETTERS_A_SLIP = 3;
const MAX_SLIPS = 3;

/** The nearest of `known`, or undefined when nothing is near enough; of two equally near ones the first. */
export function findNearest(word: string, known: readonly string[]): string | undefined {
  if (word.length > MAX_WORD_CHARS) return undefined;
  const folded = word.toLowerCase();
  let nearest: string | undefined;
  let least = Math.min(MAX_SLIPS, Math.ceil(word.length / LETTERS_A_SLIP)) + 1;
  for (const candidate of known) {
    const distance = countSlips(folded, candidate.toLowerCase());
    if (distance < least) [nearest, least] = [candidate, distance];
  }
  return nearest;
}

/** Optimal string alignment distance, in three rows. */
function countSlips(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      let cost = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + (isSame ? 0 : 1));
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isSwapped) cost = Math.min(cost, at(beforeLast, j - 2) + 1);
      row.push(cost);
    }
    [beforeLast, last] = [last, row];
  }
  return at(last, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
