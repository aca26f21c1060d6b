/**
 * The `%` variables of Dovecot 2.3 in values: `%u %n %d %h %s %l %r`, long names `%{user}`, modifiers `L U` and
 * `%%`. A name that is not known is an error and never an empty string: a half-expanded path would put mail in the
 * wrong place. facts/dovecot.md E.5.
 */

export interface Variables {
  /** Whole name, `%u`. */
  readonly user: string;
  readonly home?: string | undefined;
  readonly service?: string | undefined;
  readonly localAddress?: string | undefined;
  readonly remoteAddress?: string | undefined;
}

const SHORT: Readonly<Record<string, string>> = {
  u: 'user',
  n: 'username',
  d: 'domain',
  h: 'home',
  s: 'service',
  l: 'lip',
  r: 'rip',
};
const PATTERN = /%(?:%|([LU]*)(?:([a-zA-Z])|\{([a-z_]+)\})|(.?))/gs;

/** Expands every variable of `template`; throws SyntaxError for one that is unknown or has no value here. */
export function expandVariables(template: string, variables: Variables): string {
  return template.replaceAll(PATTERN, (whole: string, modifiers?: string, letter?: string, long?: string) => {
    if (whole === '%%') return '%';
    const name = long ?? SHORT[letter ?? ''];
    const value = name === undefined ? undefined : findValue(name, variables);
    if (value === undefined)
      throw new SyntaxError(`Cannot expand variable "${whole}" in "${template}": no such variable here`);
    return applyModifiers(value, modifiers ?? '');
  });
}

/** Checks a template without values: throws SyntaxError for a variable not in `allowed` (long names). */
export function checkVariables(template: string, allowed: readonly string[]): void {
  for (const [whole, , letter, long] of template.matchAll(PATTERN)) {
    if (whole === '%%') continue;
    const name = long ?? SHORT[letter ?? ''];
    if (name === undefined || !allowed.includes(name)) {
      throw new SyntaxError(
        `Cannot use variable "${whole}" in "${template}": allowed are ${allowed.map((a) => `%{${a}}`).join(' ')}`,
      );
    }
  }
}

function findValue(name: string, variables: Variables): string | undefined {
  const { user } = variables;
  // The first @, as Dovecot splits (facts E.4); an address with two is refused long before a path is built.
  const at = user.indexOf('@');
  switch (name) {
    case 'user':
      return user;
    case 'username':
      return at === -1 ? user : user.slice(0, at);
    case 'domain':
      return at === -1 ? '' : user.slice(at + 1);
    case 'home':
      return variables.home;
    case 'service':
      return variables.service;
    case 'lip':
      return variables.localAddress;
    case 'rip':
      return variables.remoteAddress;
    default:
      return undefined;
  }
}

function applyModifiers(value: string, modifiers: string): string {
  let result = value;
  for (const modifier of modifiers) result = modifier === 'L' ? result.toLowerCase() : result.toUpperCase();
  return result;
}
