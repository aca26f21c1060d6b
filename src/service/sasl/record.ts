/**
 * What the log and the counters get of an attempt: one line each, with what an operator asks for, and no text of the
 * peer but cut and quoted.
 */
import type { LoginOutcome } from '../../auth/login.ts';
import type { LogFields, Logger } from '../../core/logger.ts';
import { quotePeerText } from '../../core/printable.ts';
import type { AuthCommand } from '../../protocol/dovecot-auth.ts';
import type { SaslCounters } from './counters.ts';

const ADDRESS = /^[0-9a-fA-F:.]{2,45}$/;
const MECHANISM_NAME = /^[A-Z0-9_-]{1,20}$/;

export interface RecordedAttempt {
  readonly command: AuthCommand;
  /** The name as typed, when it is known. */
  readonly typedName: string | undefined;
  /** What an anonymous user says of itself (RFC 4505). */
  readonly trace?: string | undefined;
  /** From the client's last word to the verdict. */
  readonly ms: number;
}

/** Counts one verdict and writes its line. */
export function recordOutcome(
  outcome: LoginOutcome,
  { command, typedName, trace, ms }: RecordedAttempt,
  { logger, counters }: { readonly logger: Logger; readonly counters: SaslCounters },
): void {
  const fields = { ...describeAttempt(command), ms: Math.round(ms) };
  switch (outcome.kind) {
    case 'accepted': {
      counters.acceptedCount += 1;
      const { user, passdb, masterUser, appPassword, isCached } = outcome;
      const who = { user: quotePeerText(user), ...quoteAll({ masterUser, appPassword, trace }) };
      logger.info('auth.accepted', { ...who, ...fields, passdb, cached: isCached });
      break;
    }
    case 'rejected': {
      counters.rejectedCount += 1;
      const { user, masterUser, reason } = outcome;
      logger.info('auth.rejected', { ...quoteAll({ user, masterUser }), ...fields, reason });
      break;
    }
    case 'unavailable':
      counters.unavailableCount += 1;
      logger.warn('auth.unavailable', { ...quoteAll({ user: typedName }), ...fields, reason: outcome.reason });
      break;
  }
}

/** The attempt for the log. `saslService` is Postfix's `smtpd_sasl_service`, `clientSession` what other clients tell. */
export function describeAttempt({ mechanism, remoteAddress, service, session }: AuthCommand): LogFields {
  const name = mechanism.toUpperCase();
  return {
    mechanism: MECHANISM_NAME.test(name) ? name : quotePeerText(mechanism),
    remote: ADDRESS.test(remoteAddress) ? remoteAddress : quotePeerText(remoteAddress),
    saslService: quotePeerText(service),
    ...quoteAll({ clientSession: session }),
  };
}

/** What is known of these, quoted. */
function quoteAll(texts: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  const known: Record<string, string> = {};
  for (const [name, text] of Object.entries(texts)) if (text !== undefined) known[name] = quotePeerText(text);
  return known;
}
