/**
 * A set of characters as `username_chars` writes it: each stands for itself, and `a-z`, `A-Z`, `0-9` or a part of one of
 * them is a range. A hyphen between any other two characters is only a hyphen, so that Dovecot's own list
 * (`...0-9.-_@`), which knows no ranges, means the same here.
 */

const RANGE = /([a-z])-([a-z])|([A-Z])-([A-Z])|(\d)-(\d)/y;

/** Parses a set; throws RangeError for a range that runs backwards. */
export function parseCharacterSet(text: string): ReadonlySet<string> {
  const characters = new Set<string>();
  for (let at = 0; at < text.length;) {
    RANGE.lastIndex = at;
    const range = RANGE.exec(text)?.[0];
    if (range === undefined) {
      const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
      characters.add(character);
      at += character.length;
      continue;
    }
    const first = range.charCodeAt(0);
    const last = range.charCodeAt(range.length - 1);
    if (first > last) throw new RangeError(`Cannot use range "${range}": it runs backwards`);
    for (let code = first; code <= last; code++) characters.add(String.fromCharCode(code));
    at += range.length;
  }
  return characters;
}
