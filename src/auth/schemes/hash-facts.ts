/** What can be said of a stored password without knowing it: for imports and checks, which verify nothing. */
import { verifyFast } from './fast.ts';
import { isSlow } from './scheme.ts';
import { parseStoredPassword } from './stored-password.ts';
import { findWeakness, isLocked, readWork } from './stored-work.ts';

export interface HashFacts {
  /** As Dovecot calls it. */
  readonly scheme: string;
  /** Why it should be replaced. */
  readonly weakness: string | undefined;
  /** The mechanisms it can serve beside those that bring the password. */
  readonly proofs: readonly string[];
  /** Marked so that nothing matches it. */
  readonly isLocked: boolean;
}

/** Any password and name: only whether there is something to compare with is asked. */
const ANY = { password: Buffer.from('any'), user: 'any@any' };

/** Undefined when no login can ever match and nobody meant it so: an unknown scheme, or malformed data. */
export function describeHash(stored: string): HashFacts | undefined {
  const parsed = parseStoredPassword(stored);
  if (parsed === undefined) return undefined;
  const { scheme } = parsed;
  const facts = { scheme: scheme.name, weakness: findWeakness(stored), proofs: scheme.proofs };
  if (isLocked(parsed)) return { ...facts, isLocked: true };
  const isUsable = isSlow(scheme) ? readWork(parsed, 0) !== undefined : verifyFast(ANY, parsed) !== 'unusable';
  return isUsable ? { ...facts, isLocked: false } : undefined;
}
