/**
 * Takes the lines of an INI file apart before the `ini` package sees them, because ini 6.0.0 misreads in silence what
 * people do write: an unquoted `;` or `#` cuts the value, a comment behind quotes or a section name changes what is
 * read, a bare key becomes `true`, a dot in a section name nests, of two equal keys the last wins, `__proto__` is
 * skipped. Here each is a fault. It knows no setting; meaning comes later. Look again when `ini` changes its major.
 */

/** One line that says something, and where it stands. */
export type IniLine =
  | { readonly kind: 'section'; readonly name: string; readonly line: number }
  | { readonly kind: 'entry'; readonly key: string; readonly text: string; readonly line: number }
  | { readonly kind: 'fault'; readonly key?: string; readonly reason: string; readonly line: number }
  /** A section whose name cannot be read: nobody can judge the keys below it. */
  | { readonly kind: 'broken-section'; readonly reason: string; readonly line: number };

const MAX_LINE_CHARS = 4096;

/** Long nonsense is cut: the line number says where it stands. */
const MAX_SHOWN_CHARS = 40;

/** `[section]` or `[kind name]`, and a comment. */
const SECTION = /^\[([^[\]]*)\]\s*(?:[;#].*)?$/;
const SECTION_NAME = /^[A-Za-z0-9_-]+(?: [A-Za-z0-9_-]+)?$/;
const KEY = /^[A-Za-z][A-Za-z0-9_]*$/;
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /[\u0000-\u0008\u000A-\u001F\u007F-\u009F\u2028\u2029]/;
const COMMENT_AT_START = /^[;#]/;
const COMMENT_INSIDE = /\s[;#]/;
/** What may follow a closing quote. */
const AFTER_QUOTE = /^\s*(?:\s[;#].*)?$/;
const ESCAPE = /\\(.?)/g;

/** Reads every line; comments and blank lines are left out. */
export function readIniLines(text: string): IniLine[] {
  const lines: IniLine[] = [];
  for (const [i, raw] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    const line = i + 1;
    if (raw.length > MAX_LINE_CHARS) {
      lines.push({
        kind: 'fault',
        line,
        reason: `Cannot read the line: it has more than ${MAX_LINE_CHARS} characters`,
      });
    } else if (CONTROL.test(raw)) {
      lines.push({ kind: 'fault', line, reason: 'Cannot read the line: there is a control character in it' });
    } else {
      const trimmed = raw.trim();
      if (trimmed !== '' && !COMMENT_AT_START.test(trimmed)) lines.push(readLine(trimmed, line));
    }
  }
  return lines;
}

function readLine(text: string, line: number): IniLine {
  if (text.startsWith('[')) return readSection(text, line);
  const equals = text.indexOf('=');
  if (equals === -1) {
    return { kind: 'fault', line, reason: 'Cannot read the line: no "=" in it (write "key = value")' };
  }
  const key = text.slice(0, equals).trim();
  if (!KEY.test(key)) {
    return {
      kind: 'fault',
      line,
      reason: `Cannot read the key ${show(key)}: it is a letter, then letters, digits and "_"`,
    };
  }
  const value = readValue(text.slice(equals + 1));
  if (value.kind === 'text') return { kind: 'entry', key, text: value.text, line };
  return { kind: 'fault', key, line, reason: value.reason };
}

function readSection(text: string, line: number): IniLine {
  const name = SECTION.exec(text)?.[1]?.trim().replaceAll(/\s+/g, ' ');
  if (name !== undefined && SECTION_NAME.test(name)) return { kind: 'section', name, line };
  const why = name?.includes('.') === true ? 'dots are not allowed in it' : 'write "[section]" or "[kind name]"';
  return { kind: 'broken-section', line, reason: `Cannot read the section ${show(text)}: ${why}` };
}

type Value = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'fault'; readonly reason: string };

/** Reads what stands behind the `=`. A comment needs white space before it, so `=;` is taken for a slip. */
function readValue(raw: string): Value {
  const text = raw.trim();
  if (text.startsWith('"')) return readQuoted(text);
  if (text.startsWith("'")) return readLiteral(text);
  const comment = COMMENT_INSIDE.exec(raw);
  const value = (comment === null ? raw : raw.slice(0, comment.index)).trim();
  const mark = /[;#"]/.exec(value)?.[0];
  if (mark === '"')
    return { kind: 'fault', reason: 'Cannot read the value: a quote inside it, put all of it in quotes' };
  if (mark !== undefined) {
    return { kind: 'fault', reason: `Cannot read the value: put it in quotes, or white space before the "${mark}"` };
  }
  return { kind: 'text', text: value };
}

/** `"..."`, with \" and \\ for a quote and a backslash. */
function readQuoted(text: string): Value {
  let end = 1;
  while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
  if (end >= text.length) return { kind: 'fault', reason: 'Cannot read the value: its closing quote is missing' };
  const inner = text.slice(1, end);
  for (const [escape, escaped] of inner.matchAll(ESCAPE)) {
    if (escaped !== '"' && escaped !== '\\') {
      return { kind: 'fault', reason: `Cannot read the value: unknown "${escape}", a backslash is written twice` };
    }
  }
  return endAt(text.slice(end + 1), inner.replaceAll(ESCAPE, '$1'));
}

/** `'...'`, where every character stands for itself. */
function readLiteral(text: string): Value {
  const end = text.indexOf("'", 1);
  if (end === -1) return { kind: 'fault', reason: 'Cannot read the value: its closing quote is missing' };
  return endAt(text.slice(end + 1), text.slice(1, end));
}

function endAt(rest: string, text: string): Value {
  if (AFTER_QUOTE.test(rest)) return { kind: 'text', text };
  return { kind: 'fault', reason: 'Cannot read the value: only a comment may follow the closing quote' };
}

function show(text: string): string {
  return JSON.stringify(text.slice(0, MAX_SHOWN_CHARS));
}
