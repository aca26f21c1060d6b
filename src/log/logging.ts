/**
 * Makes the Logger of `core/logger.ts` real with pino: JSON lines for machines, readable lines on a terminal, secrets
 * taken out by path. Plain lines are built by `line-format.ts`, and pino writes the others. Lines of level warn and error are written before the call returns, so that a crash loses none of
 * them; debug and info at the end of the turn. Loggers made before a change of the level follow it.
 */
import { createRequire } from 'node:module';
import { isatty } from 'node:tty';
import { pino, type Logger as Pino } from 'pino';
import type { prettyFactory as PrettyFactory } from 'pino-pretty';
import type { LogEvent, LogFields, Logger } from '../core/logger.ts';
import { formatFields, formatLine, type LineParts } from './line-format.ts';
import { LineWriter } from './line-writer.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface LoggingOptions {
  readonly level: LogLevel;
  /** `auto` is `pretty` on a terminal and `json` elsewhere. */
  readonly format: 'auto' | 'json' | 'pretty';
  /** The descriptor written to; standard output unless a test says otherwise. */
  readonly fd?: number;
}

/** The log of the process, with what its owner may do. */
export interface Logging {
  readonly logger: Logger;
  /** Changes the level of every logger at once. */
  readonly setLevel: (level: LogLevel) => void;
  /** Writes what waits, and no longer writes at the exit of the process. Call it last; twice is harmless. */
  readonly close: () => void;
}

const WEIGHTS: Readonly<Record<LogLevel, number>> = { debug: 20, info: 30, warn: 40, error: 50 };

/**
 * Codecs keep secrets out of what is logged; this is the second lock. Paths without a wildcard cost nothing where the
 * field is missing (pino 10.4: a wildcard doubles the cost of every line).
 */
const SECRET_FIELDS = [
  'password',
  'pass',
  'secret',
  'resp',
  'token',
  'hash',
  'authorization',
  'cookie',
  'headers.authorization',
  'headers.cookie',
  'req.headers.authorization',
  'req.headers.cookie',
];
/** Where one of them is the name of a field, pino writes the line. */
const SECRET_NAMES: ReadonlySet<string> = new Set(SECRET_FIELDS);
const STDOUT = 1;

const load = createRequire(import.meta.url);

/** Opens the log. What still waits at the exit of the process is written then. */
export function openLogging({ level, format, fd = STDOUT }: LoggingOptions): Logging {
  const threshold = { weight: WEIGHTS[level] };
  const isPretty = format === 'pretty' || (format === 'auto' && isatty(fd));
  const writer = new LineWriter({ fd, onLost: (lines) => logger.warn('log.lost', { lines }, 'Lines were lost') });
  const sink = isPretty ? prettify(writer, isatty(fd)) : writer;
  const options = {
    level: 'debug',
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: SECRET_FIELDS, censor: '[redacted]' },
  };
  const logger = new LineLogger({ threshold, writer, sink }, { pino: () => pino(options, sink), bound: '' });
  const flush = (): void => writer.flush();
  process.on('exit', flush);
  return {
    logger,
    setLevel: (next) => {
      threshold.weight = WEIGHTS[next];
    },
    close: () => {
      writer.close();
      process.off('exit', flush);
    },
  };
}

/** Lines for people: time, level, event, message, then the fields. */
function prettify(writer: LineWriter, isColored: boolean): Sink {
  // Loaded only where a person reads: it takes a tenth of a second, and most verbs and every service write none of it.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `require` has no types
  const { prettyFactory } = load('pino-pretty') as { readonly prettyFactory: typeof PrettyFactory };
  const format = prettyFactory({
    colorize: isColored,
    singleLine: true,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'event',
    messageFormat: '{event}{if msg}: {msg}{end}',
  });
  return { write: (line) => writer.write(format(line)) };
}

/** Where lines go. */
interface Sink {
  write(line: string): void;
}

interface Shared {
  /** Lines lighter than this are not written; one object for all loggers. */
  readonly threshold: { weight: number };
  readonly writer: LineWriter;
  readonly sink: Sink;
}

/** What makes a logger differ from others. */
interface Binding {
  /** Makes the logger of pino with these fields: most loggers never need theirs, and it takes longer than a login. */
  readonly pino: () => Pino;
  /** The fields as they stand in a line; undefined when only pino can write them. */
  readonly bound: string | undefined;
}

class LineLogger implements Logger {
  readonly #shared: Shared;
  readonly #binding: Binding;
  #pino: Pino | undefined;

  constructor(shared: Shared, binding: Binding) {
    this.#shared = shared;
    this.#binding = binding;
  }

  get isDebug(): boolean {
    return this.#shared.threshold.weight <= WEIGHTS.debug;
  }

  debug(event: LogEvent, fields?: LogFields, message?: string): void {
    if (this.isDebug) this.#write({ level: 'debug', event, fields, message });
  }

  info(event: LogEvent, fields?: LogFields, message?: string): void {
    if (this.#shared.threshold.weight <= WEIGHTS.info) this.#write({ level: 'info', event, fields, message });
  }

  warn(event: LogEvent, fields?: LogFields, message?: string): void {
    if (this.#shared.threshold.weight > WEIGHTS.warn) return;
    this.#write({ level: 'warn', event, fields, message });
    this.#shared.writer.flush();
  }

  error(event: LogEvent, fields?: LogFields, message?: string): void {
    this.#write({ level: 'error', event, fields, message });
    this.#shared.writer.flush();
  }

  child(fields: LogFields): Logger {
    const { bound } = this.#binding;
    const own = formatFields(fields, SECRET_NAMES);
    return new LineLogger(this.#shared, {
      pino: () => this.#getPino().child(fields),
      bound: bound === undefined || own === undefined ? undefined : bound + own,
    });
  }

  #write(parts: LineParts): void {
    const { bound } = this.#binding;
    const own = parts.fields === undefined ? '' : formatFields(parts.fields, SECRET_NAMES);
    if (bound !== undefined && own !== undefined) this.#shared.sink.write(formatLine(parts, bound, own));
    else this.#getPino()[parts.level]({ event: parts.event, ...parts.fields }, parts.message);
  }

  #getPino(): Pino {
    return (this.#pino ??= this.#binding.pino());
  }
}
