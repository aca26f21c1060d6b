/** A policy question with the fields a test does not care about filled in. */
import type { PolicyQuestion } from '../../src/policy/question.ts';

export function ask(fields: Partial<PolicyQuestion> = {}): PolicyQuestion {
  return {
    connection: 'c1',
    state: 'rcpt',
    instance: 'i1',
    queueId: '',
    sender: 'someone@elsewhere.example',
    recipient: '',
    recipientCount: 0,
    sizeBytes: 0,
    saslMethod: '',
    saslUsername: '',
    ...fields,
  };
}

export const isProbeSender = (sender: string): boolean => sender.startsWith('double-bounce@');
