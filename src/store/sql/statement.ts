/**
 * A query of the configuration taken apart into SQL with `?` and the templates of its parameters. A literal in single
 * quotes with variables in it becomes one parameter as a whole, a variable outside of quotes another; nothing is ever
 * pasted into the text, so that no name can change what it says. It knows the tokens of SQL, not its grammar: what the
 * query means is judged by the database. `%%` is a percent sign everywhere. facts/dovecot.md E.5.
 */
import { parseTemplate, type Template } from '../../core/template.ts';
import { expandTemplate, type Variables } from '../../core/variables.ts';

export interface Statement {
  /** The same for every lookup. */
  readonly sql: string;
  /** One for each `?`, in order. */
  readonly templates: readonly Template[];
}

/** What stands for itself, with the places where it begins and what ends it. */
const COPIED: readonly { readonly pattern: RegExp; readonly what: string }[] = [
  { pattern: /"(?:[^"]|"")*"/y, what: 'a name in double quotes' },
  { pattern: /`(?:[^`]|``)*`/y, what: 'a name in backticks' },
  { pattern: /\[[^\]]*\]/y, what: 'a name in brackets' },
  { pattern: /--[^\n]*(?:\n|$)/y, what: 'a comment' },
  { pattern: /\/\*[^]*?\*\//y, what: 'a comment' },
];
const LITERAL = /'((?:[^']|'')*)'/y;
/** A dollar may stand inside a name of SQLite. */
const WORD = /[\p{L}_][\p{L}\p{N}_$]*/uy;
const VARIABLE_START = /%(?:-?\d+)?(?:\.-?\d*)?[A-Z]*/y;
/** Parameters of SQL itself: nothing would be bound to them. */
const PLACEHOLDER = /\?|[:@$#][\p{L}\p{N}_]/uy;
const OPENERS = new Set(['"', '`', '[', "'"]);
const READING = /^(?:select|with|values)$/i;

/** Takes a query apart; throws SyntaxError for a variable where none can stand, and for what reads nothing. */
export function parseStatement(text: string): Statement {
  return new StatementParser(text).parse();
}

/** The parameters of one lookup; throws SyntaxError for a variable without a value. */
export function expandParameters({ templates }: Statement, variables: Variables): string[] {
  return templates.map((template) => expandTemplate(template, variables));
}

class StatementParser {
  readonly #text: string;
  readonly #templates: Template[] = [];
  #at = 0;
  #sql = '';
  #firstWord: string | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Statement {
    if (this.#text.includes('\0')) throw new SyntaxError('Cannot use a query with a NUL in it');
    while (this.#at < this.#text.length) this.#takeToken();
    if (this.#firstWord === undefined || !READING.test(this.#firstWord)) {
      throw new SyntaxError('Cannot use a query that is no SELECT');
    }
    return { sql: this.#sql, templates: this.#templates };
  }

  #takeToken(): void {
    const word = this.#match(WORD);
    if (word !== undefined) {
      this.#firstWord ??= word[0];
      this.#sql += word[0];
      return;
    }
    const literal = this.#match(LITERAL);
    if (literal !== undefined) return this.#addLiteral(literal[1] ?? '');
    for (const { pattern, what } of COPIED) {
      const copied = this.#match(pattern);
      if (copied !== undefined) return this.#copy(copied[0], what);
    }
    if (this.#text[this.#at] === '%') return this.#takePercent();
    this.#takeCharacter();
  }

  #takeCharacter(): void {
    const character = this.#text[this.#at] ?? '';
    if (OPENERS.has(character)) throw new SyntaxError(`Cannot use a query in which a ${character} is not closed`);
    if (this.#text.startsWith('/*', this.#at)) throw new SyntaxError('Cannot use a query in which a /* is not closed');
    if (this.#match(PLACEHOLDER) !== undefined) {
      throw new SyntaxError('Cannot use a query with parameters of its own: write variables such as %u');
    }
    this.#at += 1;
    this.#sql += character;
  }

  #takePercent(): void {
    if (this.#text[this.#at + 1] === '%') {
      this.#at += 2;
      this.#sql += '%';
      return;
    }
    const start = this.#at;
    this.#match(VARIABLE_START);
    this.#at = this.#text[this.#at] === '{' ? this.#endOfBraces() : this.#at + 1;
    // `?1` would be the first parameter once more.
    const next = this.#text[this.#at] ?? '';
    if (/[\p{L}\p{N}_$]/u.test(next)) {
      throw new SyntaxError(`Cannot use variable "${this.#text.slice(start, this.#at)}" in a query: "${next}" follows`);
    }
    this.#bind(parseTemplate(this.#text.slice(start, this.#at)));
  }

  #endOfBraces(): number {
    let depth = 0;
    for (let at = this.#at; at < this.#text.length; at++) {
      if (this.#text[at] === '{') depth += 1;
      if (this.#text[at] === '}') depth -= 1;
      if (depth === 0) return at + 1;
    }
    throw new SyntaxError('Cannot use a query in which a { is not closed');
  }

  #addLiteral(inner: string): void {
    const template = parseTemplate(inner.replaceAll("''", "'"));
    const text = plainText(template);
    if (text === undefined) this.#bind(template);
    else this.#sql += `'${text.replaceAll("'", "''")}'`;
  }

  #copy(token: string, what: string): void {
    const text = plainText(parseTemplate(token));
    if (text === undefined) throw new SyntaxError(`Cannot use a variable in ${what}: ${JSON.stringify(token)}`);
    this.#sql += text;
  }

  #bind(template: Template): void {
    this.#templates.push(template);
    this.#sql += '?';
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at += match[0].length;
    return match;
  }
}

/** The text of a template without variables. */
function plainText(template: Template): string | undefined {
  let text = '';
  for (const part of template) {
    if (part.kind !== 'text') return undefined;
    text += part.text;
  }
  return text;
}
