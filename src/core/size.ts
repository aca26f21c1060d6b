/** Sizes as the configuration writes them (`10M 1G`, factor 1024), in bytes inside. */

const UNITS = ['', 'K', 'M', 'G', 'T'] as const;
const STEP = 1024;

/** Parses `NUMBER[B|K|M|G|T]` to bytes; `unit` is what a bare number counts in. Throws SyntaxError. */
export function parseSize(text: string, unit: 'B' | 'K' = 'B'): number {
  const match = /^(\d{1,16})\s?([BKMGT])?(?:i?B)?$/i.exec(text);
  if (match === null) throw new SyntaxError(`Cannot parse size "${text}": use a number and one of B K M G T`);
  const letter = (match[2] ?? unit).toUpperCase();
  const power = letter === 'B' ? 0 : UNITS.findIndex((known) => known === letter);
  const bytes = Number(match[1]) * STEP ** power;
  if (!Number.isSafeInteger(bytes)) throw new SyntaxError(`Cannot parse size "${text}": too large`);
  return bytes;
}

/** Formats bytes in the largest unit that divides them. */
export function formatSize(bytes: number): string {
  let value = bytes;
  let power = 0;
  while (value !== 0 && value % STEP === 0 && power < UNITS.length - 1) {
    value /= STEP;
    power += 1;
  }
  return `${value}${UNITS[power] ?? ''}`;
}
