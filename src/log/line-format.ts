/**
 * Log lines built by hand: the few microseconds of a general serialiser are a third of what a login costs. Only flat lines
 * of texts, numbers and yes/no are built here; whatever needs more (faults, lists, fields that might hold a secret) is
 * left to pino, and both write the same. No I/O.
 */
import type { LogEvent, LogFields } from '../core/logger.ts';

/** Nothing here needs an escape in JSON. */
const HARMLESS = /^[ !#-[\]-~]*$/;
/** The same in quotes, which is how texts of peers come. */
const HARMLESS_IN_QUOTES = /^"[ !#-[\]-~]*"$/;
/** Far more than there are names of fields. */
const MAX_NAMES = 1000;

/** What a line is made of, beside the fields bound to its logger. */
export interface LineParts {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly event: LogEvent;
  readonly fields: LogFields | undefined;
  readonly message: string | undefined;
}

/**
 * The fields of a logger, or of a line, as they stand in it, with a comma before each; undefined when one of them is not
 * for here. Names in `secrets` never are.
 */
export function formatFields(fields: LogFields, secrets: ReadonlySet<string>): string | undefined {
  let text = '';
  for (const name in fields) {
    const value = fields[name];
    if (value === undefined) continue;
    if (secrets.has(name)) return undefined;
    if (typeof value === 'string') text += `${formatName(name)}${quote(value)}`;
    else if (typeof value === 'boolean') text += `${formatName(name)}${value ? 'true' : 'false'}`;
    else if (typeof value === 'number') text += `${formatName(name)}${Number.isFinite(value) ? value : 'null'}`;
    else return undefined;
  }
  return text;
}

let lastMs = Number.NaN;
let lastTime = '';

/** A whole line with its line feed; `bound` and `own` are of `formatFields`. */
export function formatLine({ level, event, message }: LineParts, bound: string, own: string): string {
  const now = Date.now();
  if (now !== lastMs) {
    lastMs = now;
    lastTime = new Date(now).toISOString();
  }
  const end = message === undefined ? '}\n' : `,"msg":${quote(message)}}\n`;
  return `{"level":"${level}","time":"${lastTime}"${bound},"event":"${event}"${own}${end}`;
}

const formattedNames = new Map<string, string>();

/** Names are few and come again in every line. */
function formatName(name: string): string {
  const known = formattedNames.get(name);
  if (known !== undefined) return known;
  const formatted = `,${quote(name)}:`;
  if (formattedNames.size < MAX_NAMES) formattedNames.set(name, formatted);
  return formatted;
}

function quote(text: string): string {
  if (HARMLESS.test(text)) return `"${text}"`;
  return HARMLESS_IN_QUOTES.test(text) ? `"\\"${text.slice(1, -1)}\\""` : JSON.stringify(text);
}
