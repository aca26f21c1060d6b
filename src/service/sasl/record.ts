/**
 * What the log and the counters get of an attempt: one line each, with what an operator asks for, and no text of the
 * peer but cut and quoted.
 */
import type { LoginOutcome } from '../../auth/login.ts';
import type { Logger } from '../../core/logger.ts';
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
  const attempt = describeAttempt(command);
  // One literal a line: objects put together from others cost more here than all the rest of a login that is remembered.
  switch (outcome.kind) {
    case 'accepted':
      counters.acceptedCount += 1;
      logger.info('auth.accepted', {
        user: quotePeerText(outcome.user),
        masterUser: quoteKnown(outcome.masterUser),
        appPassword: quoteKnown(outcome.appPassword),
        trace: quoteKnown(trace),
        mechanism: attempt.mechanism,
        remote: attempt.remote,
        saslService: attempt.saslService,
        clientSession: attempt.clientSession,
        ms: Math.round(ms),
        passdb: outcome.passdb,
        cached: outcome.isCached,
      });
      break;
    case 'rejected': {
      counters.rejectedCount += 1;
      const { user, masterUser, reason } = outcome;
      const who = { user: quoteKnown(user), masterUser: quoteKnown(masterUser) };
      logger.info('auth.rejected', { ...who, ...attempt, ms: Math.round(ms), reason });
      break;
    }
    case 'unavailable': {
      counters.unavailableCount += 1;
      const who = { user: quoteKnown(typedName) };
      logger.warn('auth.unavailable', { ...who, ...attempt, ms: Math.round(ms), reason: outcome.reason });
      break;
    }
  }
}

interface DescribedAttempt {
  readonly mechanism: string;
  readonly remote: string;
  /** Postfix's `smtpd_sasl_service`. */
  readonly saslService: string;
  /** What other clients call their session. */
  readonly clientSession: string | undefined;
}

/** The attempt for the log. */
export function describeAttempt({ mechanism, remoteAddress, service, session }: AuthCommand): DescribedAttempt {
  const name = mechanism.toUpperCase();
  return {
    mechanism: MECHANISM_NAME.test(name) ? name : quotePeerText(mechanism),
    remote: ADDRESS.test(remoteAddress) ? remoteAddress : quotePeerText(remoteAddress),
    saslService: quotePeerText(service),
    clientSession: quoteKnown(session),
  };
}

function quoteKnown(text: string | undefined): string | undefined {
  return text === undefined ? undefined : quotePeerText(text);
}
