/**
 * SASLprep (RFC 4013), for SCRAM alone: its clients prepare name and password before they hash them, so the server has
 * to do the same to a password it derives keys from. Everywhere else passwords are bytes, compared as they are.
 */
import { saslprep } from '@mongodb-js/saslprep';

/** Printable ASCII is what it is, prepared or not. */
const UNCHANGED = /^[ -~]*$/;

/**
 * Prepares a name or password; undefined when it holds what SASLprep forbids. Unassigned code points pass: the table is
 * that of Unicode 3.2, and letters and signs that came later are in passwords today.
 */
export function prepareText(text: string): string | undefined {
  if (UNCHANGED.test(text)) return text;
  try {
    return saslprep(text, { allowUnassigned: true });
  } catch {
    return undefined;
  }
}

/**
 * The bytes SCRAM derives its keys from. A password that cannot be prepared is taken as it is, for that is what clients
 * do with it that have no SASLprep at all; the others send nothing we could match.
 */
export function preparePassword(password: Buffer): Buffer {
  const text = password.toString();
  if (text.includes('\uFFFD') && !Buffer.from(text).equals(password)) return password;
  const prepared = prepareText(text);
  return prepared === undefined || prepared === text ? password : Buffer.from(prepared);
}
