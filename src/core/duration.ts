/** Durations as the configuration writes them (`2s 5m 1h 7d`, `500ms`), in milliseconds inside. */

const UNITS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
  ['w', 604_800_000],
]);

/** Parses `NUMBER UNIT` to milliseconds; throws SyntaxError when there is no unit or it is not known. */
export function parseDuration(text: string): number {
  const match = /^(\d{1,12}(?:\.\d{1,3})?)\s?([a-z]{1,2})$/.exec(text);
  const unit = UNITS.get(match?.[2] ?? '');
  if (match === null || unit === undefined) {
    throw new SyntaxError(`Cannot parse duration "${text}": use a number and one of ${[...UNITS.keys()].join(' ')}`);
  }
  return Math.round(Number(match[1]) * unit);
}

/** Formats milliseconds in the largest unit that divides them. */
export function formatDuration(milliseconds: number): string {
  let best = `${milliseconds}ms`;
  if (milliseconds === 0) return '0s';
  for (const [name, unit] of UNITS) if (milliseconds % unit === 0) best = `${milliseconds / unit}${name}`;
  return best;
}
