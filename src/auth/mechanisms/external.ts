/**
 * SASL EXTERNAL (RFC 4422, appendix A): the client proved who it is outside SASL, by a TLS certificate, and may name whom
 * it wants to act as. Whether there was a certificate is for the authenticator to see (RULES 37).
 *
 * States: before the message (an empty challenge asks for it when the client sent none); done.
 */
import type { Mechanism, MechanismStep } from './mechanism.ts';
import { readName } from './mechanism.ts';

export const EXTERNAL: Mechanism = {
  name: 'EXTERNAL',
  flags: [],
  begin: () => ({
    next: (response) =>
      response === undefined ? { kind: 'challenge', challenge: Buffer.alloc(0) } : readMessage(response),
  }),
};

function readMessage(message: Buffer): MechanismStep {
  if (message.length === 0) return { kind: 'external', authorizationId: undefined };
  if (message.includes(0)) return { kind: 'reject', reason: 'bad-request', user: undefined };
  const authorizationId = readName(message);
  if (authorizationId === undefined) return { kind: 'reject', reason: 'bad-username', user: undefined };
  return { kind: 'external', authorizationId };
}
