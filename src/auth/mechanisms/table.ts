/** The SASL mechanisms there are; a new one is one file and one entry here. */
import { LOGIN } from './login.ts';
import type { Mechanism } from './mechanism.ts';
import { PLAIN } from './plain.ts';

const MECHANISMS: readonly Mechanism[] = [PLAIN, LOGIN];

/** Finds a mechanism by its name in any case: Postfix passes on what the client typed. */
export function findMechanism(name: string): Mechanism | undefined {
  const upper = name.toUpperCase();
  return MECHANISMS.find((mechanism) => mechanism.name === upper);
}
