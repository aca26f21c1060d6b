/** Readers of the plain kinds of values: numbers, durations, sizes, words, lists, paths and names. */
import { posix } from 'node:path';
import * as z from 'zod';
import { parseDomain } from '../core/address.ts';
import { formatDuration, parseDuration } from '../core/duration.ts';
import { formatSize, parseSize } from '../core/size.ts';
import { findNearest } from './did-you-mean.ts';
import { createMeasure, createReader, formatValue, readText, type Reader } from './reader.ts';

export interface Bounds {
  readonly min: number;
  readonly max: number;
}

const USER_OR_GROUP = /^(?:[A-Za-z_][A-Za-z0-9_.-]{0,30}\$?|\d{1,10})$/;
const MODE = /^0?[0-7]{3}$/;
const OCTAL = 8;
const MODE_DIGITS = 4;

/** `30s 5m 1h 7d`, in milliseconds. */
export function duration(bounds: Bounds): Reader<number, 'Ms'> {
  return createMeasure('Ms', {
    parse: parseDuration,
    format: formatDuration,
    check: withinBounds(bounds, formatDuration),
    form: `duration such as 30s, 5m, 1h, 7d; ${formatDuration(bounds.min)} to ${formatDuration(bounds.max)}`,
  });
}

/** `10M 1G` with the factor 1024, in bytes. */
export function size(bounds: Bounds): Reader<number, 'Bytes'> {
  return createMeasure('Bytes', {
    parse: (value) => parseSize(value),
    format: formatSize,
    check: withinBounds(bounds, formatSize),
    form: `size such as 10M, 1G; ${formatSize(bounds.min)} to ${formatSize(bounds.max)}`,
  });
}

export function count(bounds: Bounds): Reader<number> {
  return createReader({
    parse: (value) => {
      if (!/^\d{1,15}$/.test(value)) throw new SyntaxError(`Cannot use "${value}": write a whole number`);
      return Number(value);
    },
    format: String,
    check: withinBounds(bounds, String),
    form: `number; ${bounds.min} to ${bounds.max}`,
  });
}

export const yesNo: Reader<boolean> = createReader({
  parse: (value) => {
    if (value === 'yes') return true;
    if (value === 'no') return false;
    throw new SyntaxError(`Cannot use "${value}": write yes or no`);
  },
  format: (value) => (value ? 'yes' : 'no'),
  form: 'yes or no',
});

/** One of a few words; case does not matter. `what` names the kind of word in a fault. */
export function choice<const T extends string>(words: readonly T[], what = 'value'): Reader<T> {
  return createReader({
    parse: (value) => {
      const folded = value.toLowerCase();
      const word = words.find((known) => known.toLowerCase() === folded);
      if (word !== undefined) return word;
      const nearest = findNearest(value, words);
      const hint = nearest === undefined ? '' : `; did you mean "${nearest}"?`;
      throw new SyntaxError(`Cannot use ${what} "${value}": there are ${words.join(', ')}${hint}`);
    },
    format: (value) => value,
    form: `one of ${words.join(', ')}`,
  });
}

/** Any text that fits `pattern`; `form` says in words what that is. */
export function text({ pattern, form }: { readonly pattern: RegExp; readonly form: string }): Reader<string> {
  return createReader({
    parse: (value) => {
      if (!pattern.test(value)) throw new SyntaxError(`Cannot use "${value}": write ${form}`);
      return value;
    },
    format: (value) => value,
    form,
  });
}

/** Empty for none, else what `reader` reads. */
export function optional<T, Unit extends string>(reader: Reader<T, Unit>): Reader<T | undefined, Unit> {
  return createMeasure(reader.unit, {
    parse: (value) => (value === '' ? undefined : readOrThrow(reader, value)),
    format: (value) => (value === undefined ? '' : formatValue(reader, value)),
    form: `${reader.form}; may be empty`,
  });
}

/** Items between commas or white space, none twice. */
export function list<T>(item: Reader<T>, { min = 0 }: { readonly min?: number } = {}): Reader<readonly T[]> {
  return createReader({
    parse: (value) => {
      const items = value === '' ? [] : value.split(/\s*,\s*|\s+/);
      if (items.includes('')) throw new SyntaxError(`Cannot read list "${value}": an item between commas is empty`);
      if (items.length < min) throw new RangeError('Cannot use an empty list here');
      const twice = items.find((one, i) => items.indexOf(one) !== i);
      if (twice !== undefined) throw new RangeError(`Cannot use "${twice}" twice`);
      return items.map((one) => readOrThrow(item, one));
    },
    format: (values) => values.map((value) => formatValue(item, value)).join(', '),
    form: `list: ${item.form}${min === 0 ? '; may be empty' : ''}`,
  });
}

/** An absolute path, without a slash at its end. */
export const path: Reader<string> = createReader({
  parse: (value) => {
    if (!value.startsWith('/')) throw new SyntaxError(`Cannot use path "${value}": it must be absolute`);
    const normal = posix.normalize(value);
    return normal === '/' ? normal : normal.replace(/\/$/, '');
  },
  format: (value) => value,
  form: 'absolute path',
});

export const hostName: Reader<string> = createReader({
  parse: (value) => {
    const name = parseDomain(value);
    if (name === undefined) throw new SyntaxError(`Cannot use "${value}": it is no host name`);
    return name;
  },
  format: (value) => value,
  form: 'host name',
});

export const userOrGroup: Reader<string> = text({ pattern: USER_OR_GROUP, form: 'name or number' });

/** Permissions in octal, as chmod(1) takes them. */
export const mode: Reader<number> = createReader({
  parse: (value) => {
    if (!MODE.test(value)) throw new SyntaxError(`Cannot use mode "${value}": write it in octal, such as 0660`);
    return Number.parseInt(value, OCTAL);
  },
  format: (value) => value.toString(OCTAL).padStart(MODE_DIGITS, '0'),
  form: 'octal mode such as 0660',
});

/** Reads an item of a larger value; throws SyntaxError with the item's own reason. */
export function readOrThrow<T>(reader: Reader<T, string>, value: string): T {
  const reading = readText(reader, value);
  if (reading.kind === 'fault') throw new SyntaxError(reading.reason);
  return reading.value;
}

function withinBounds(bounds: Bounds, format: (value: number) => string): z.ZodType<number, number> {
  return z
    .number()
    .min(bounds.min, `Cannot use less than ${format(bounds.min)} here`)
    .max(bounds.max, `Cannot use more than ${format(bounds.max)} here`);
}
