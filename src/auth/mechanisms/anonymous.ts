/**
 * SASL ANONYMOUS (RFC 4505): nobody is asked who they are, though they may say so; that is for the log. What such a login
 * may do is decided elsewhere (RULES 37).
 *
 * States: before the message (an empty challenge asks for it when the client sent none); done.
 */
import type { Mechanism } from './mechanism.ts';

export const ANONYMOUS: Mechanism = {
  name: 'ANONYMOUS',
  flags: ['anonymous'],
  begin: () => ({
    next: (response) => {
      if (response === undefined) return { kind: 'challenge', challenge: Buffer.alloc(0) };
      return { kind: 'anonymous', trace: response.length === 0 ? undefined : response.toString() };
    },
  }),
};
