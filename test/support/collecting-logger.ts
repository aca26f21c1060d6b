/** A logger that keeps its lines, without what is undefined in them as in the real log, and fails the test on a warning or error nobody expected. */
import assert from 'node:assert/strict';
import type { LogEvent, LogFields, Logger } from '../../src/core/logger.ts';

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly event: LogEvent;
  readonly fields: LogFields;
  readonly message: string | undefined;
}

export class CollectingLogger implements Logger {
  readonly lines: LogLine[];
  readonly isDebug = true;
  readonly #bindings: LogFields;

  constructor(lines: LogLine[] = [], bindings: LogFields = {}) {
    this.lines = lines;
    this.#bindings = bindings;
  }

  debug(event: LogEvent, fields?: LogFields, message?: string): void {
    this.#add('debug', event, { fields, message });
  }
  info(event: LogEvent, fields?: LogFields, message?: string): void {
    this.#add('info', event, { fields, message });
  }
  warn(event: LogEvent, fields?: LogFields, message?: string): void {
    this.#add('warn', event, { fields, message });
  }
  error(event: LogEvent, fields?: LogFields, message?: string): void {
    this.#add('error', event, { fields, message });
  }
  child(fields: LogFields): Logger {
    return new CollectingLogger(this.lines, { ...this.#bindings, ...fields });
  }

  /** Lines of one event. */
  of(event: LogEvent): LogLine[] {
    return this.lines.filter((line) => line.event === event);
  }

  /** Fails when a warning or error stands in the log whose event is not among `expected`. */
  assertQuiet(expected: readonly LogEvent[] = []): void {
    const loud = this.lines.filter((line) => line.level === 'warn' || line.level === 'error');
    assert.deepEqual(
      loud.filter((line) => !expected.includes(line.event)),
      [],
    );
  }

  #add(
    level: LogLine['level'],
    event: LogEvent,
    rest: { fields: LogFields | undefined; message: string | undefined },
  ): void {
    const fields = Object.entries({ ...this.#bindings, ...rest.fields }).filter(([, value]) => value !== undefined);
    this.lines.push({ level, event, fields: Object.fromEntries(fields), message: rest.message });
  }
}
