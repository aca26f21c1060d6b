/**
 * What a reader of one value is: text in the file to a typed value and back, as a codec of zod with the bounds on its
 * typed side. Readers for all the kinds of values stand in `readers.ts` and `mail-readers.ts`.
 */
import * as z from 'zod';

/** `Unit` ends the name of the property in Config, so that `idle_timeout` becomes `idleTimeoutMs`. */
export interface Reader<T, Unit extends string = ''> {
  readonly codec: z.ZodType<T, string>;
  readonly unit: Unit;
  /** What people write, for the documents: `duration (30s, 5m), at least 20m`. */
  readonly form: string;
  /** The text may hold a password, so that no fault repeats it. */
  readonly isSecret?: boolean;
}

/** A value, or why there is none. */
export type Reading<T> =
  { readonly kind: 'value'; readonly value: T } | { readonly kind: 'fault'; readonly reason: string };

interface ReaderParts<T> {
  /** Throws SyntaxError or RangeError, whose message is shown to the administrator. */
  readonly parse: (text: string) => T;
  readonly format: (value: T) => string;
  /** Checks what was parsed, such as its bounds. */
  readonly check?: z.ZodType<T, T>;
  readonly form: string;
}

/** Makes a reader from a parser and a formatter. */
export function createReader<T>(parts: ReaderParts<T>): Reader<T> {
  return createMeasure('', parts);
}

/** Makes a reader whose values have a unit. */
export function createMeasure<T, Unit extends string>(unit: Unit, parts: ReaderParts<T>): Reader<T, Unit> {
  const { parse, format, check = z.custom<T>(), form } = parts;
  const codec = z.codec(z.string(), check, {
    decode: (text, context) => {
      try {
        return parse(text);
      } catch (error) {
        if (!(error instanceof SyntaxError || error instanceof RangeError)) throw error;
        context.issues.push({ code: 'custom', input: text, message: error.message });
        return z.NEVER;
      }
    },
    encode: format,
  });
  return { codec, unit, form };
}

/** Reads a text; the reason of a fault is a sentence of ours. */
export function readText<T>(reader: Reader<T, string>, text: string): Reading<T> {
  const result = z.safeDecode(reader.codec, text);
  if (result.success) return { kind: 'value', value: result.data };
  return { kind: 'fault', reason: result.error.issues[0]?.message ?? 'Cannot use the value' };
}

/** Formats a value as the file would have it. */
export function formatValue<T>(reader: Reader<T, string>, value: T): string {
  return z.encode(reader.codec, value);
}
