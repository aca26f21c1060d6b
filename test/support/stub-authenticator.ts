/** An authenticator that only verifies passwords, as a test says; everything else is "could not tell". */
import type { Authenticator } from '../../src/auth/login.ts';
import { unavailable } from '../../src/core/outcome.ts';

export function stubAuthenticator(own: Partial<Authenticator>): Authenticator {
  const later = () => Promise.resolve(unavailable('stub'));
  return {
    recall: () => undefined,
    verify: later,
    findCredential: later,
    verifyExternal: later,
    acceptAnonymous: later,
    ...own,
  };
}
