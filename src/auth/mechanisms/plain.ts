/**
 * SASL PLAIN, RFC 4616: `authzid NUL authcid NUL password`. A different authzid is a master login, for the authenticator
 * to decide. No SASLprep: passwords are compared as bytes, as Dovecot does.
 *
 * States: before the message (an empty challenge asks for it when the client sent none); done.
 */
import type { Mechanism, MechanismStep } from './mechanism.ts';
import { readName } from './mechanism.ts';

const NUL = 0;

export const PLAIN: Mechanism = {
  name: 'PLAIN',
  flags: ['plaintext'],
  begin: () => ({
    next: (response) =>
      response === undefined ? { kind: 'challenge', challenge: Buffer.alloc(0) } : readMessage(response),
  }),
};

function readMessage(message: Buffer): MechanismStep {
  const first = message.indexOf(NUL);
  const second = first === -1 ? -1 : message.indexOf(NUL, first + 1);
  if (second === -1) return { kind: 'reject', reason: 'bad-request', user: undefined };
  const authcid = message.subarray(first + 1, second);
  const username = readName(authcid);
  if (username === undefined || username === '') return { kind: 'reject', reason: 'bad-username', user: undefined };
  const password = message.subarray(second + 1);
  if (password.includes(NUL)) return { kind: 'reject', reason: 'bad-request', user: undefined };
  // Compared byte by byte, before any normalisation, as Dovecot does.
  const authzid = message.subarray(0, first);
  if (authzid.length === 0 || authzid.equals(authcid)) return { kind: 'password', login: { username, password } };
  const authorizationId = readName(authzid);
  if (authorizationId === undefined) return { kind: 'reject', reason: 'authorization-id', user: username };
  return { kind: 'password', login: { username, password, authorizationId } };
}
