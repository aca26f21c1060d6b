/**
 * The grammar of `%` variables (Dovecot 2.3): a text taken apart into what stands for itself and what is to be replaced.
 * `%[-][offset.][0]width MODIFIERS letter`, or a long name in braces: `%{user}`, `%{md5:user}`, `%{if;a;eq;b;then;else}`.
 * What the names mean is in `variables.ts`. Anything that is not understood is an error, never an empty string.
 * facts/dovecot.md E.5.
 */

/** What happens to a value before it is put in; in the order they are applied, left to right. */
export type Modifier = 'L' | 'U' | 'E' | 'X' | 'R' | 'N' | 'H' | 'M' | 'D' | 'T';

/** Which characters of a value are put in. */
export interface Cut {
  /** Characters left out at the start; negative counts from the end. */
  readonly offset: number;
  /** Characters at most, 0 for all; negative leaves out so many at the end. */
  readonly width: number;
  /** `width` is filled up with zeros on the left, and cuts nothing. */
  readonly isPadded: boolean;
}

export type Hash = 'md5' | 'sha1' | 'sha256' | 'sha384' | 'sha512';

export type Expression =
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'hash'; readonly hash: Hash; readonly name: string }
  | {
      readonly kind: 'if';
      readonly left: Template;
      readonly operator: Operator;
      readonly right: Template;
      readonly ifTrue: Template;
      readonly ifFalse: Template;
    };

/** Numbers are compared by signs, texts by words, and `*` holds the left one against a pattern. */
export type Operator = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge' | '*' | '!*';

export type TemplatePart =
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'value';
      readonly expression: Expression;
      readonly modifiers: readonly Modifier[];
      readonly cut: Cut;
      /** As it was written, for messages. */
      readonly source: string;
    };

export type Template = readonly TemplatePart[];

const SHORT: ReadonlyMap<string, string> = new Map([
  ['u', 'user'],
  ['n', 'username'],
  ['d', 'domain'],
  ['h', 'home'],
  ['s', 'service'],
  ['l', 'lip'],
  ['r', 'rip'],
  ['a', 'lport'],
  ['b', 'rport'],
  ['m', 'mech'],
  ['c', 'secured'],
  ['k', 'cert'],
]);
const MODIFIERS: ReadonlySet<string> = new Set<Modifier>(['L', 'U', 'E', 'X', 'R', 'N', 'H', 'M', 'D', 'T']);
const HASHES: ReadonlySet<string> = new Set<Hash>(['md5', 'sha1', 'sha256', 'sha384', 'sha512']);
const OPERATORS: ReadonlySet<string> = new Set<Operator>([
  '==',
  '!=',
  '<',
  '<=',
  '>',
  '>=',
  'eq',
  'ne',
  'lt',
  'le',
  'gt',
  'ge',
  '*',
  '!*',
]);
/** Dovecot's own limit. */
const MAX_MODIFIERS = 10;
/** More characters than any value or path has. */
const MAX_WIDTH = 4096;
const MAX_DEPTH = 8;

/** Why something of Dovecot's is not understood here, for messages. */
const REFUSED: ReadonlyMap<string, string> = new Map([
  ['w', 'a password is put nowhere'],
  ['password', 'a password is put nowhere'],
  ['env', 'the environment is not part of the configuration'],
  ['passdb', 'write the field into the query or the fields of this section'],
  ['userdb', 'write the field into the query or the fields of this section'],
  ['p', 'the client of a login tells no process'],
  ['pid', 'the client of a login tells no process'],
]);

const PREFIX = /(-?\d+)?(?:\.(-?\d*))?([A-Z]*)/y;

/** Takes a text apart; throws SyntaxError for what is no variable of this grammar. */
export function parseTemplate(text: string): Template {
  return new TemplateParser(text).parse();
}

/** Every long name whose value a template uses. */
export function listNames(template: Template): ReadonlySet<string> {
  const names = new Set<string>();
  for (const part of template) {
    if (part.kind === 'text') continue;
    const { expression } = part;
    if (expression.kind !== 'if') {
      names.add(expression.name);
      continue;
    }
    const { left, right, ifTrue, ifFalse } = expression;
    for (const inner of [left, right, ifTrue, ifFalse]) for (const name of listNames(inner)) names.add(name);
  }
  return names;
}

class TemplateParser {
  readonly #text: string;
  readonly #depth: number;
  #at = 0;

  constructor(text: string, depth = 0) {
    this.#text = text;
    this.#depth = depth;
  }

  parse(): Template {
    if (this.#depth > MAX_DEPTH) throw new SyntaxError(`Cannot use "${this.#text}": conditions stand too deep`);
    const parts: TemplatePart[] = [];
    let text = '';
    while (this.#at < this.#text.length) {
      const percent = this.#text.indexOf('%', this.#at);
      const end = percent === -1 ? this.#text.length : percent;
      text += this.#text.slice(this.#at, end);
      this.#at = end;
      if (percent === -1) break;
      if (this.#text[percent + 1] === '%') {
        text += '%';
        this.#at += 2;
        continue;
      }
      if (text !== '') parts.push({ kind: 'text', text });
      text = '';
      parts.push(this.#parseValue());
    }
    if (text !== '') parts.push({ kind: 'text', text });
    return parts;
  }

  #parseValue(): TemplatePart {
    const start = this.#at;
    PREFIX.lastIndex = start + 1;
    const [prefix = '', first, second, letters = ''] = PREFIX.exec(this.#text) ?? [];
    this.#at += 1 + prefix.length;
    const cut = this.#readCut(first, second);
    const modifiers = Array.from(letters).filter(isModifier);
    if (modifiers.length !== letters.length || modifiers.length > MAX_MODIFIERS) throw this.#fault(start);
    const expression = this.#parseExpression(start);
    return { kind: 'value', expression, modifiers, cut, source: this.#text.slice(start, this.#at) };
  }

  #readCut(...[first = '', second]: [first: string | undefined, second: string | undefined]): Cut {
    const isWhole = second === undefined;
    const digits = isWhole ? first : second;
    const width = Number(digits === '-' ? '0' : digits);
    const offset = isWhole ? 0 : Number(first);
    if (Math.abs(width) > MAX_WIDTH || Math.abs(offset) > MAX_WIDTH) {
      throw new SyntaxError(`Cannot use "${this.#text}": a width is past ${MAX_WIDTH}`);
    }
    const isPadded = /^-?0\d/.test(digits);
    // Dovecot reads the minus of a width without offset, and does nothing with it.
    return { offset, width: isWhole ? Math.abs(width) : width, isPadded };
  }

  #parseExpression(start: number): Expression {
    const character = this.#text[this.#at] ?? '';
    if (character === '{') return this.#parseLong(start);
    this.#at += character.length;
    const name = SHORT.get(character);
    if (name === undefined) throw this.#fault(start, character);
    return { kind: 'variable', name };
  }

  #parseLong(start: number): Expression {
    const inner = this.#takeBraces(start);
    if (inner.startsWith('if;')) return this.#parseCondition(inner, start);
    const [, hash = '', name = ''] = /^([a-z0-9]+):([a-z_]+)$/.exec(inner) ?? [];
    if (isHash(hash)) return { kind: 'hash', hash, name };
    if (/^[a-z_]+$/.test(inner) && !REFUSED.has(inner)) return { kind: 'variable', name: inner };
    const [word = ''] = /^[a-z0-9]*/.exec(inner) ?? [];
    if (isHash(word)) throw new SyntaxError(`${this.#fault(start).message}: hashes take no options`);
    throw this.#fault(start, word);
  }

  /** What stands between the braces; those within belong to it. */
  #takeBraces(start: number): string {
    let depth = 0;
    for (let at = this.#at; at < this.#text.length; at++) {
      if (this.#text[at] === '{') depth += 1;
      if (this.#text[at] === '}') depth -= 1;
      if (depth > 0) continue;
      const inner = this.#text.slice(this.#at + 1, at);
      this.#at = at + 1;
      return inner;
    }
    this.#at = this.#text.length;
    throw this.#fault(start);
  }

  #parseCondition(inner: string, start: number): Expression {
    const [, left, operator = '', right, ifTrue, ifFalse, ...rest] = splitArguments(inner);
    if (left === undefined || right === undefined || ifTrue === undefined || ifFalse === undefined || rest.length > 0) {
      throw new SyntaxError(`${this.#fault(start).message}: write %{if;LEFT;OPERATOR;RIGHT;THEN;ELSE}`);
    }
    if (!isOperator(operator)) {
      throw new SyntaxError(`${this.#fault(start).message}: operators are ${[...OPERATORS].join(' ')}`);
    }
    const parse = (text: string): Template => new TemplateParser(text, this.#depth + 1).parse();
    return {
      kind: 'if',
      left: parse(left),
      operator,
      right: parse(right),
      ifTrue: parse(ifTrue),
      ifFalse: parse(ifFalse),
    };
  }

  #fault(start: number, name = ''): SyntaxError {
    const variable = this.#text.slice(start, Math.max(this.#at, start + 2));
    const reason = REFUSED.get(name);
    return new SyntaxError(
      `Cannot use variable "${variable}" in "${this.#text}"${reason === undefined ? '' : `: ${reason}`}`,
    );
  }
}

/** Parts between semicolons, but for those inside braces. */
function splitArguments(text: string): string[] {
  const parts = [''];
  let depth = 0;
  for (const character of text) {
    if (character === '{') depth += 1;
    if (character === '}') depth -= 1;
    if (character === ';' && depth === 0) parts.push('');
    else parts[parts.length - 1] += character;
  }
  return parts;
}

function isModifier(letter: string): letter is Modifier {
  return MODIFIERS.has(letter);
}

function isHash(word: string): word is Hash {
  return HASHES.has(word);
}

function isOperator(word: string): word is Operator {
  return OPERATORS.has(word);
}
