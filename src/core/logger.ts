/**
 * The log as everything above `core` sees it: a closed list of event names and four levels. `log/` makes it real
 * with pino. `error`: someone must act. `warn`: someone should look. `info`: what an operator asks about. `debug`:
 * protocol lines. Secrets never go into fields; peer text only through `quotePeerText`.
 */

export type LogEvent =
  | 'process.starting'
  | 'process.ready'
  | 'process.signal'
  | 'process.stopping'
  | 'process.stopped'
  | 'process.fault'
  | 'notice.delivered'
  | 'notice.undelivered'
  | 'notice.fault'
  | 'quota.warning'
  | 'quota.overdue'
  | 'quota.overdue-ended'
  | 'quota.overdue-loaded'
  | 'quota.overdue-fault'
  | 'process.notify-failed'
  | 'log.lost'
  | 'privileges.dropped'
  | 'privileges.kept'
  | 'config.reloaded'
  | 'config.rejected'
  | 'config.restart-needed'
  | 'control.request'
  | 'control.fault'
  | 'listener.started'
  | 'listener.fault'
  | 'listener.refused'
  | 'connection.closed'
  | 'connection.protocol-error'
  | 'connection.fault'
  | 'store.opened'
  | 'store.migrated'
  | 'store.fault'
  | 'store.write-fault'
  | 'store.write-resumed'
  | 'passwd-file.loaded'
  | 'passwd-file.line'
  | 'passwd-file.kept'
  | 'auth.accepted'
  | 'auth.rejected'
  | 'auth.unavailable'
  | 'auth.penalty'
  | 'auth.penalties-loaded'
  | 'auth.penalties-fault'
  | 'auth.fault'
  | 'auth.hash-replaced'
  | 'hash.worker-fault'
  | 'policy.decided'
  | 'policy.suspended'
  | 'policy.suspensions-loaded'
  | 'policy.suspensions-fault'
  | 'policy.fault'
  | 'lookup.answered'
  | 'lookup.fault'
  | 'lmtp.delivered'
  | 'lmtp.refused'
  | 'lmtp.deferred'
  | 'lmtp.probe'
  | 'lmtp.fault'
  | 'mail.root-missing'
  | 'mail.fault'
  | 'mail.tmp-cleaned'
  | 'mail.journal-fault'
  | 'policy.rate-warning'
  | 'policy.rate-exceeded'
  | 'policy.rates-loaded'
  | 'policy.rates-fault'
  | 'quota.measured'
  | 'quota.fault'
  | 'quota.warned'
  | 'quota.command'
  | 'http.answered'
  | 'http.fault';

/**
 * What a line carries beside its event: plain values for machines, while the message is for people. A fault goes
 * under `err`, once, and is written with its stack.
 */
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  /** Whether `debug` lines are written: a hot path need not build what nobody reads. */
  readonly isDebug: boolean;
  debug(event: LogEvent, fields?: LogFields, message?: string): void;
  info(event: LogEvent, fields?: LogFields, message?: string): void;
  warn(event: LogEvent, fields?: LogFields, message?: string): void;
  error(event: LogEvent, fields?: LogFields, message?: string): void;
  /** A logger that adds `fields` to every line (service, session, transaction). */
  child(fields: LogFields): Logger;
}
