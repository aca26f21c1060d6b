/** An authenticator that only verifies passwords, as a test says; everything else is "could not tell". */
import type { Authenticator, Undecided } from '../../src/auth/login.ts';
import { unavailable } from '../../src/core/outcome.ts';

function later(): Promise<Undecided> {
  return Promise.resolve(unavailable('stub'));
}

export function stubAuthenticator(own: Partial<Authenticator>): Authenticator {
  return {
    recall: () => undefined,
    verify: later,
    findCredential: later,
    verifyExternal: later,
    acceptAnonymous: later,
    ...own,
  };
}
