/** What entries of penalties are called: names of users cut to a length that memory and the file can bear, and pairs. */
import { hash } from 'node:crypto';

/** Nearly every address is shorter, and none that is longer is cut: it is kept as a hash. */
const MAX_NAME_CHARS = 128;
const HASH_CHARS = 22;
/** Marks what is no name for whoever reads a listing. */
const HASHED = '#';

/** A name as a key: itself, or a hash of it when it is very long. */
export function shortenName(name: string): string {
  return name.length <= MAX_NAME_CHARS ? name : `${HASHED}${hash('sha256', name, 'base64').slice(0, HASH_CHARS)}`;
}

/** The key of a pair; a site has no space in it, so what follows the first one is the user. */
export function formatPair(site: string, name: string): string {
  return `${site} ${name}`;
}

/** The site and the user of a pair's key. */
export function parsePair(key: string): { readonly site: string; readonly user: string } {
  const space = key.indexOf(' ');
  return { site: key.slice(0, space), user: key.slice(space + 1) };
}
