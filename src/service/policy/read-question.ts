/**
 * The attributes of a policy request as a question for the rules. Every attribute may be absent, empty or nonsense;
 * none of that is an error (facts/postfix.md B.1, B.2).
 */
import type { PolicyQuestion, PolicyState } from '../../policy/question.ts';
import type { PolicyAttributes } from '../../protocol/policy.ts';

/** The only request Postfix sends; others get no opinion. */
const REQUEST = 'smtpd_access_policy';

const STATES: ReadonlyMap<string, PolicyState> = new Map([
  ['RCPT', 'rcpt'],
  ['END-OF-MESSAGE', 'end-of-message'],
]);

/** Reads a question that came on `connection`. */
export function readQuestion(attributes: PolicyAttributes, connection: string): PolicyQuestion {
  const text = (name: string): string => attributes.get(name) ?? '';
  const state = text('request') === REQUEST ? STATES.get(text('protocol_state').toUpperCase()) : undefined;
  return {
    connection,
    state: state ?? 'other',
    instance: text('instance'),
    queueId: text('queue_id'),
    sender: text('sender'),
    recipient: text('recipient'),
    recipientCount: readCount(text('recipient_count')),
    sizeBytes: readCount(text('size')),
    saslMethod: text('sasl_method'),
    saslUsername: text('sasl_username'),
  };
}

function readCount(text: string): number {
  return /^\d{1,15}$/.test(text) ? Number(text) : 0;
}
