/**
 * Login names as they were typed, made into the names passdbs look up: NFC, checked, then `username_format`. Nothing is
 * looked up here, and whether a name exists plays no part. facts: Dovecot's auth_username_format.
 */
import { expandVariables } from '../core/variables.ts';

/** No address is longer, and a longer name is an attack on whatever looks it up. */
const MAX_USERNAME_BYTES = 255;

/** Control characters of every kind, separators of lines, and the mark of broken UTF-8. */
const FORBIDDEN = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\uFFFD]/u;

/** Formats a typed name by the template `format` (`%Lu`); undefined when it can be nobody's name. */
export function formatUsername(
  typed: string,
  format: string,
  context: { readonly service: string },
): string | undefined {
  if (!isName(typed)) return undefined;
  const name = expandVariables(format, { user: typed.normalize('NFC'), service: context.service });
  return isName(name) ? name : undefined;
}

function isName(text: string): boolean {
  return text !== '' && Buffer.byteLength(text) <= MAX_USERNAME_BYTES && !FORBIDDEN.test(text);
}
