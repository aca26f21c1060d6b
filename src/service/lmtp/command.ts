/**
 * The arguments of MAIL and RCPT: `FROM:<path> KEY=VALUE ...`. Takes what Postfix may send, so that no good mail
 * bounces: quoted local parts, dots anywhere, underscores in domains, no domain at all, parameters nobody knows (RULES
 * 25). What an address means is for the directory. RFC 5321 section 4.1.2.
 */

export interface PathCommand {
  /** What stands between the angle brackets, without a source route; empty for `<>`. */
  readonly path: string;
  /** Upper-case names; `true` for a parameter without a value. */
  readonly parameters: ReadonlyMap<string, string | true>;
  /** A parameter that stands there twice. */
  readonly duplicate: string | undefined;
}

const MAX_PATH_CHARS = 1024;
const SOURCE_ROUTE = /^@[^\s,:@]+(?:,@[^\s,:@]+)*:/;
/** Quoted strings may hold anything, angle brackets too; outside of them there is neither white space nor bracket. */
const PATH = /^<((?:"(?:[^"\\]|\\.)*"|[^\s<>"])*)>(?:\s+(.*))?$/s;
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /[\u0000-\u001F\u007F]/;

/** Parses what follows the verb; `keyword` is `FROM` or `TO`. Returns undefined for a syntax error. */
export function parsePathCommand(keyword: 'FROM' | 'TO', text: string): PathCommand | undefined {
  const colon = text.indexOf(':');
  if (colon === -1 || text.slice(0, colon).trim().toUpperCase() !== keyword) return undefined;
  if (CONTROL.test(text)) return undefined;
  const match = PATH.exec(text.slice(colon + 1).trim());
  if (match === null) return undefined;
  const path = (match[1] ?? '').replace(SOURCE_ROUTE, '');
  if (path.length > MAX_PATH_CHARS) return undefined;

  return { path, ...parseParameters(match[2] ?? '') };
}

function parseParameters(text: string): Pick<PathCommand, 'parameters' | 'duplicate'> {
  const parameters = new Map<string, string | true>();
  let duplicate: string | undefined;
  for (const word of text.split(/\s+/)) {
    if (word === '') continue;
    const equals = word.indexOf('=');
    const key = (equals === -1 ? word : word.slice(0, equals)).toUpperCase();
    if (parameters.has(key)) duplicate = key;
    parameters.set(key, equals === -1 ? true : word.slice(equals + 1));
  }
  return { parameters, duplicate };
}
