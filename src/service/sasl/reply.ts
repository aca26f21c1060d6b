/**
 * Outcomes of the login code as bytes of the Dovecot auth protocol. The only place where SASL replies get their words.
 *
 * Postfix shows `reason` to the SMTP client, so it is one text for every rejection (DESIGN 1.7). It also turns every FAIL
 * into a permanent 535 and only a lost connection into 454, which is why an outage may mean a close (RULES 21).
 */
import type { Accepted, LoginOutcome, Rejected } from '../../auth/login.ts';
import { formatFail, formatOk } from '../../protocol/dovecot-auth.ts';

const REJECTED = 'Invalid user name or password';
const APP_PASSWORD_REQUIRED = 'App password required';
const TEMPORARY = 'Temporary authentication failure';
const INVALID_BASE64 = 'Invalid base64 data';
const TIMED_OUT = 'Authentication request timed out';
const BAD_REQUEST = 'Invalid request';

/** Postfix says minor 0 and knows no temporary failure; from minor 1 on clients do. */
const FIRST_MINOR_WITH_TEMPORARY = 1;

export type Reply =
  { readonly kind: 'send'; readonly bytes: string; readonly isDelayed: boolean } | { readonly kind: 'close' };

export interface ReplyContext {
  readonly id: number;
  readonly clientMinor: number;
  /** Requests of this connection that wait for a reply, this one included. */
  readonly owedCount: number;
  /** The name as it was typed, when it is known. */
  readonly typedName?: string | undefined;
  /** The server's last word in the mechanism, for a client that takes it with the success. */
  readonly finalResponse?: Buffer | undefined;
}

/** What to answer to a decided request. */
export function replyTo(outcome: LoginOutcome, context: ReplyContext): Reply {
  const { id, clientMinor, owedCount } = context;
  switch (outcome.kind) {
    case 'accepted':
      return { kind: 'send', bytes: formatAccepted(outcome, context), isDelayed: false };
    case 'rejected':
      return { kind: 'send', bytes: formatRejected(id, outcome), isDelayed: outcome.hasNoDelay !== true };
    case 'unavailable':
      if (clientMinor < FIRST_MINOR_WITH_TEMPORARY && owedCount === 1) return { kind: 'close' };
      return { kind: 'send', bytes: formatTemporaryFail(id), isDelayed: false };
  }
}

/** A master login carries both names, as Dovecot's does. */
export function formatAccepted(
  { user, masterUser, isAnonymous }: Accepted,
  { id, typedName, finalResponse }: Pick<ReplyContext, 'id' | 'typedName' | 'finalResponse'>,
): string {
  if (masterUser === undefined && isAnonymous !== true && finalResponse === undefined) return formatOk(id, user);
  const originalUser = masterUser === undefined || typedName === user ? undefined : typedName;
  return formatOk(id, user, { originalUser, authUser: masterUser, isAnonymous: isAnonymous === true, finalResponse });
}

/** One text for every failure of a domain, whoever it is about (RULES 41). */
function formatRejected(id: number, { user, masterUser, hasNoDelay, tellsAppPassword }: Rejected): string {
  const reason = tellsAppPassword === true ? APP_PASSWORD_REQUIRED : REJECTED;
  // Who typed the password is the one who failed, as with Dovecot.
  return formatFail(id, { user: masterUser ?? user, hasNoDelay: hasNoDelay === true, reason });
}

/** "Later", for a client that understands it or whose other requests a close would hurt. */
export function formatTemporaryFail(id: number): string {
  return formatFail(id, { isTemporary: true, code: 'temp_fail', reason: TEMPORARY });
}

/** Requests that failed before any credentials were known; nothing can be learnt from them, so they are not delayed. */
export function formatRequestFail(id: number, fault: 'base64' | 'timed-out' | 'bad-request'): string {
  switch (fault) {
    case 'base64':
      return formatFail(id, { code: 'invalid_base64', reason: INVALID_BASE64 });
    case 'timed-out':
      return formatFail(id, { reason: TIMED_OUT });
    case 'bad-request':
      return formatFail(id, { reason: BAD_REQUEST });
  }
}
