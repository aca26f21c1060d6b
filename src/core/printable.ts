/**
 * Peer text made safe for a log line: cut and quoted, so that it can neither flood the log nor forge a line in it.
 */

/** Longer peer text says nothing more to a reader. */
const MAX_SHOWN_CHARS = 80;

/** Nothing here needs an escape; nearly every text is like that. */
const HARMLESS = /^[ !#-[\]-~]*$/;

/** Quotes `text` as JSON does, cut to `maxChars`; a cut is marked by the number of characters left out. */
export function quotePeerText(text: string, maxChars = MAX_SHOWN_CHARS): string {
  if (text.length <= maxChars && HARMLESS.test(text)) return `"${text}"`;
  const shown = JSON.stringify(text.slice(0, maxChars)).replaceAll(
    /[\u007F-\u009F\u2028\u2029\u202A-\u202E\u2066-\u2069]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return text.length > maxChars ? `${shown}+${text.length - maxChars}` : shown;
}
