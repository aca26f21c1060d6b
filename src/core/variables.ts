/**
 * What the `%` variables of Dovecot 2.3 stand for: `%u %n %d`, long names `%{user}`, and everything else of the grammar in
 * `template.ts`. A name that is not known, or has no value here, is an error and never an empty string: a half-expanded
 * path would put mail in the wrong place. Values are escaped for where they go by whoever expands: `expandPath` for
 * paths; a query binds them as parameters and never pastes them. facts/dovecot.md E.5.
 */
import { compareTexts, hashText, modify } from './modify.ts';
import {
  listNames,
  parseTemplate,
  type Expression,
  type Modifier,
  type Template,
  type TemplatePart,
} from './template.ts';

/** What is known of a login; a `PassdbQuery` fits. */
export interface LoginFacts {
  /** As it was typed, `%{orig_user}`. */
  readonly typedName: string;
  readonly masterUser?: string | undefined;
  readonly context: {
    readonly service: string;
    readonly mechanism: string;
    readonly remoteAddress: string;
    readonly localAddress: string;
    readonly remotePort?: string | undefined;
    readonly localPort?: string | undefined;
    readonly isSecured: boolean;
    readonly certificateName?: string | undefined;
  };
}

export interface Variables {
  /** Whole name, `%u`. */
  readonly user: string;
  readonly home?: string | undefined;
  readonly service?: string | undefined;
  /** Undefined where there is no login: for mail, and for lookups of the command. */
  readonly login?: LoginFacts | undefined;
}

/** Names that follow from the user alone: they mean the same to every service. */
export const ACCOUNT_VARIABLES = ['user', 'username', 'domain', 'domain_first', 'domain_last'] as const;

/** Names that have a value at a login. */
export const LOGIN_VARIABLES = [
  ...ACCOUNT_VARIABLES,
  'service',
  'lip',
  'rip',
  'lport',
  'rport',
  'mech',
  'secured',
  'cert',
  'orig_user',
  'orig_username',
  'orig_domain',
  'auth_user',
  'auth_username',
  'auth_domain',
  'master_user',
] as const;

/** Other names of the same; a login has no real address beside the one it tells. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ['protocol', 'service'],
  ['mechanism', 'mech'],
  ['local_ip', 'lip'],
  ['remote_ip', 'rip'],
  ['local_port', 'lport'],
  ['remote_port', 'rport'],
  ['real_lip', 'lip'],
  ['real_rip', 'rip'],
  ['real_lport', 'lport'],
  ['real_rport', 'rport'],
  ['original_user', 'orig_user'],
  ['original_username', 'orig_username'],
  ['original_domain', 'orig_domain'],
]);

/** Modifiers that give different texts for different values, but for their case. */
const WHOLE: ReadonlySet<Modifier> = new Set<Modifier>(['L', 'U', 'E', 'R', 'M']);

/** Makes a value fit where it goes, or throws for one that cannot. */
export type Escape = (value: string, name: string) => string;

/** Expands every variable of a text; throws SyntaxError for one that is unknown or has no value here. */
export function expandVariables(text: string, variables: Variables): string {
  return text.includes('%') ? expandTemplate(parseTemplate(text), variables) : text;
}

/** As `expandVariables`, for a text that was parsed before. */
export function expandTemplate(template: Template, variables: Variables, escape?: Escape): string {
  return template.map((part) => expandPart(part, variables, escape)).join('');
}

/** Expands one part of a text. */
export function expandPart(part: TemplatePart, variables: Variables, escape?: Escape): string {
  if (part.kind === 'text') return part.text;
  const { expression, modifiers, cut } = part;
  if (expression.kind === 'if') {
    // What it chooses is escaped where it comes from.
    return modify(decide(expression, variables, escape), { modifiers, cut });
  }
  const value = findValue(expression.name, variables);
  if (value === undefined) throw new SyntaxError(`Cannot expand variable "${part.source}": no such variable here`);
  const hashed = expression.kind === 'hash' ? hashText(value, expression.hash) : value;
  const modified = modify(hashed, { modifiers, cut });
  return escape === undefined ? modified : escape(modified, expression.name);
}

/**
 * Expands a path: throws RangeError where a value is no harmless part of one (RULES 14). `home` is a path itself, and
 * stands as it is.
 */
export function expandPath(template: Template, variables: Variables): string {
  return expandTemplate(template, variables, (value, name) => {
    if (name === 'home' || isSafeName(value)) return value;
    throw new RangeError(`Cannot build a path for ${JSON.stringify(variables.user)}: %{${name}} is no safe name`);
  });
}

/** Whether `name` is one harmless path component: not empty, `.` or `..`, and without `/` and NUL (RULES 14). */
export function isSafeName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name);
}

/** Checks a text without values: throws SyntaxError for a variable not in `allowed` (long names). */
export function checkVariables(text: string, allowed: readonly string[]): void {
  for (const name of listNames(parseTemplate(text))) {
    if (allowed.includes(ALIASES.get(name) ?? name)) continue;
    const list = allowed.length === 0 ? 'none' : allowed.map((known) => `%{${known}}`).join(' ');
    throw new SyntaxError(`Cannot use variable "%{${name}}" in "${text}": allowed are ${list}`);
  }
}

/** The variables of a text, each under its first name. */
export function listVariables(text: string): string[] {
  return [...listNames(parseTemplate(text))].map((name) => ALIASES.get(name) ?? name);
}

/** Whether a text has one of these variables (long names). */
export function usesVariable(text: string, names: readonly string[]): boolean {
  const used = listNames(parseTemplate(text));
  return names.some((name) => used.has(name));
}

/**
 * Whether a text is another for every value of one of these variables: it holds one whole. Cut (`%1n`), reduced (`%16Hu`)
 * or inside a condition it tells only some apart.
 */
export function tellsApart(text: string, names: readonly string[]): boolean {
  return parseTemplate(text).some((part) => {
    if (part.kind === 'text' || part.expression.kind === 'if' || !names.includes(part.expression.name)) return false;
    const { cut, modifiers } = part;
    return modifiers.every((modifier) => WHOLE.has(modifier)) && cut.offset === 0 && (cut.width === 0 || cut.isPadded);
  });
}

function decide(
  { left, operator, right, ifTrue, ifFalse }: Extract<Expression, { kind: 'if' }>,
  variables: Variables,
  escape: Escape | undefined,
): string {
  const isTrue = compareTexts(expandTemplate(left, variables), { operator, right: expandTemplate(right, variables) });
  return expandTemplate(isTrue ? ifTrue : ifFalse, variables, escape);
}

function findValue(given: string, variables: Variables): string | undefined {
  const name = ALIASES.get(given) ?? given;
  switch (name) {
    case 'user':
    case 'username':
    case 'domain':
      return partOf(variables.user, name);
    case 'domain_first':
      return partOf(variables.user, 'domain').split('@', 1)[0];
    case 'domain_last':
      return variables.user.includes('@') ? variables.user.slice(variables.user.lastIndexOf('@') + 1) : '';
    case 'home':
      return variables.home;
    default:
      return findLoginValue(name, variables);
  }
}

// One case a name is all there is to it.
// oxlint-disable-next-line complexity
function findLoginValue(name: string, { user, login, service }: Variables): string | undefined {
  if (login === undefined) return name === 'service' ? service : undefined;
  const { context, masterUser = '', typedName } = login;
  switch (name) {
    case 'service':
      return context.service;
    case 'lip':
      return context.localAddress;
    case 'rip':
      return context.remoteAddress;
    case 'lport':
      return context.localPort ?? '';
    case 'rport':
      return context.remotePort ?? '';
    case 'mech':
      return context.mechanism;
    case 'secured':
      return context.isSecured ? 'secured' : '';
    case 'cert':
      return context.certificateName === undefined ? '' : 'valid';
    case 'orig_user':
      return typedName;
    case 'orig_username':
      return partOf(typedName, 'username');
    case 'orig_domain':
      return partOf(typedName, 'domain');
    case 'auth_user':
      return masterUser || user;
    case 'auth_username':
      return partOf(masterUser || user, 'username');
    case 'auth_domain':
      return partOf(masterUser || user, 'domain');
    case 'master_user':
      return masterUser;
    default:
      return undefined;
  }
}

/** At the first @, as Dovecot splits (facts E.4); an address with two is refused long before a path is built. */
function partOf(user: string, part: 'user' | 'username' | 'domain'): string {
  if (part === 'user') return user;
  const at = user.indexOf('@');
  if (part === 'username') return at === -1 ? user : user.slice(0, at);
  return at === -1 ? '' : user.slice(at + 1);
}
