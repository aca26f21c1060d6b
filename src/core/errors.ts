/**
 * The few classes of faults of our own. What a caller decides on is an outcome (`outcome.ts`), not an exception;
 * wrong arguments are the built-in `TypeError`, `RangeError` and `SyntaxError`.
 */

/** One fault in a configuration: where it stands and what is wrong with it. */
export interface ConfigFault {
  readonly file: string;
  /** Line in the file, from 1; left out for what is missing or stands in several places. */
  readonly line?: number | undefined;
  readonly section?: string | undefined;
  readonly key?: string | undefined;
  /** The text found there; left out where it could be a secret. */
  readonly value?: string | undefined;
  readonly reason: string;
}

/** A configuration that must not be used; carries every fault found, not only the first. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[], options?: ErrorOptions) {
    super(faults.map(formatConfigFault).join('\n'), options);
    this.faults = faults;
  }
}

/** Formats a fault on one line: `FILE:LINE: [SECTION] KEY = VALUE: REASON`, without the parts that are not known. */
export function formatConfigFault(fault: ConfigFault): string {
  const file = fault.line === undefined ? fault.file : `${fault.file}:${fault.line}`;
  const section = fault.section === undefined ? '' : ` [${fault.section}]`;
  const key = fault.key === undefined ? '' : ` ${fault.key}`;
  const value = fault.value === undefined ? '' : ` = ${fault.value}`;
  const place = `${section}${key}${value}`;
  return place === '' ? `${file}: ${fault.reason}` : `${file}:${place}: ${fault.reason}`;
}

/** The peer broke a rule of its protocol; the only right answer is to close the connection. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

/** The text of anything thrown, for a log line. */
export function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The system's code of an error (`ENOENT`), if it has one. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
