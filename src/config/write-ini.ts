/** Writes settings so that `read-ini.ts` reads them as they were. */

/** What a value cannot hold without quotes, or begin or end with. */
const NEEDS_QUOTES = /[;#"]|^['\s]|\s$/;

/** One `key = value` line without its line feed. */
export function formatEntry(key: string, text: string): string {
  if (text === '') return `${key} =`;
  const value = NEEDS_QUOTES.test(text) ? `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"` : text;
  return `${key} = ${value}`;
}

export interface SectionText {
  readonly name: string;
  readonly entries: readonly { readonly key: string; readonly text: string }[];
}

/** Sections with their entries, a blank line between them. */
export function formatIni(sections: readonly SectionText[]): string {
  return sections
    .map(({ name, entries }) => [`[${name}]`, ...entries.map(({ key, text }) => formatEntry(key, text)), ''].join('\n'))
    .join('\n');
}
