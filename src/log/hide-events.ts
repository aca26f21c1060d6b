/** A logger without some events: for a verb that says the same things itself, better. */
import type { LogEvent, Logger } from '../core/logger.ts';

/** Wraps a logger; lines of these events are not written. */
export function hideEvents(logger: Logger, events: readonly LogEvent[]): Logger {
  const hidden = new Set(events);
  return {
    isDebug: logger.isDebug,
    debug: (event, fields, message) => (hidden.has(event) ? undefined : logger.debug(event, fields, message)),
    info: (event, fields, message) => (hidden.has(event) ? undefined : logger.info(event, fields, message)),
    warn: (event, fields, message) => (hidden.has(event) ? undefined : logger.warn(event, fields, message)),
    error: (event, fields, message) => (hidden.has(event) ? undefined : logger.error(event, fields, message)),
    child: (fields) => hideEvents(logger.child(fields), events),
  };
}
