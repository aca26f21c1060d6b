/**
 * Whether a stored hash should be made anew after a login that brought the password (`[auth] upgrade_scheme`). Who may
 * be changed, and the change itself, are decided elsewhere.
 */
import { readsWhole } from './crypt-forms.ts';
import { makeDecoy } from './new-hash.ts';
import { findScheme } from './scheme.ts';
import { parseStoredPassword, readText } from './stored-password.ts';
import { readWork } from './stored-work.ts';

export interface UpgradeTarget {
  /** The scheme of new passwords. */
  readonly scheme: string;
  /** The mechanisms that are offered, in any case. */
  readonly offeredMechanisms: readonly string[];
}

/**
 * Whether a hash made now would be another: of another algorithm or other costs. Never for what serves an offered
 * mechanism that proves the password ({PLAIN} serves all): its users could not log in by that any more.
 */
export function needsUpgrade(stored: string, { scheme, offeredMechanisms }: UpgradeTarget): boolean {
  const parsed = parseStoredPassword(stored);
  const target = findScheme(scheme);
  const decoy = target && parseStoredPassword(makeDecoy(target) ?? '');
  if (parsed === undefined || decoy === undefined) return false;
  const offered = new Set(offeredMechanisms.map((name) => name.toUpperCase()));
  if (parsed.scheme.proofs.some((name) => offered.has(name))) return false;
  return readWork(parsed, 0)?.signature !== readWork(decoy, 0)?.signature;
}

/**
 * Whether the password that matched is surely the user's own. Where the hash looks at a part of it only, what was typed may
 * be right at its start and mistyped behind: hashed anew, it would lock out whoever types the right one.
 */
export function isSurelyWhole(stored: string, password: Buffer): boolean {
  const parsed = parseStoredPassword(stored);
  if (parsed === undefined || parsed.scheme.kind === 'truncated') return false;
  const isCrypt = parsed.scheme.kind === 'crypt' || parsed.scheme.kind === 'bcrypt';
  return !isCrypt || readsWhole(readText(parsed) ?? '', password);
}
