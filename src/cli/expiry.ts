/**
 * When something ends, as an administrator writes it: after a duration (`90d`), at the end of a day (`2027-01-31`, by the
 * clock of this machine), at a moment (`2027-01-31T12:00:00Z`), or never.
 */
import { parseDuration } from '../core/duration.ts';

const DAY = /^(\d{4})-(\d{2})-(\d{2})$/;
const MOMENT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})$/;
/** Further away is a slip of the finger, and never says the same. */
const MAX_YEARS = 100;
const YEAR_MS = 31_557_600_000;

/** Reads it as milliseconds since 1970, `undefined` for never; throws SyntaxError for what is no moment to come. */
export function parseExpiry(text: string, now: number): number | undefined {
  if (text === 'never') return undefined;
  const at = parseDay(text) ?? parseMoment(text) ?? now + parseAfter(text);
  if (at <= now) throw new SyntaxError(`"${text}" is past`);
  if (at > now + MAX_YEARS * YEAR_MS)
    throw new SyntaxError(`"${text}" is more than ${MAX_YEARS} years away: use never`);
  return at;
}

function parseDay(text: string): number | undefined {
  const [, year, month, day] = (DAY.exec(text) ?? []).map(Number);
  if (year === undefined || month === undefined || day === undefined) return undefined;
  const date = new Date(year, month - 1, day);
  // A date takes 31 February for 3 March.
  if (date.getMonth() !== month - 1 || date.getDate() !== day) throw new SyntaxError(`"${text}" is no day`);
  return new Date(year, month - 1, day + 1).getTime();
}

function parseMoment(text: string): number | undefined {
  if (!MOMENT.test(text)) return undefined;
  const at = Date.parse(text);
  if (Number.isNaN(at)) throw new SyntaxError(`"${text}" is no moment`);
  return at;
}

function parseAfter(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    throw new SyntaxError(`"${text}" is neither a duration (90d), nor a day (2027-01-31), nor never`, { cause: error });
  }
}
