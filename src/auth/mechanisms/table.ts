/** The SASL mechanisms there are; a new one is one file and one entry here. */
import { ANONYMOUS } from './anonymous.ts';
import { CRAM_MD5 } from './cram-md5.ts';
import { DIGEST_MD5 } from './digest-md5.ts';
import { EXTERNAL } from './external.ts';
import { LOGIN } from './login.ts';
import type { Mechanism } from './mechanism.ts';
import { PLAIN } from './plain.ts';
import { SCRAM_SHA_1, SCRAM_SHA_256 } from './scram.ts';

const MECHANISMS: readonly Mechanism[] = [
  PLAIN,
  LOGIN,
  CRAM_MD5,
  DIGEST_MD5,
  SCRAM_SHA_1,
  SCRAM_SHA_256,
  EXTERNAL,
  ANONYMOUS,
];

/** Finds a mechanism by its name in any case: Postfix passes on what the client typed. */
export function findMechanism(name: string): Mechanism | undefined {
  const upper = name.toUpperCase();
  return MECHANISMS.find((mechanism) => mechanism.name === upper);
}
