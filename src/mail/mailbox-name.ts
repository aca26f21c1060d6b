/**
 * Names of folders and their directories in Maildir++: levels joined by dots behind a leading dot, in modified UTF-7
 * (RFC 3501 section 5.1.3). facts/dovecot.md G.8.
 */

const MAX_LEVEL_BYTES = 255;
const MAX_PATH_BYTES = 254;
/** Six-bit digits of modified base64: `,` instead of `/`. */
const FROM_BASE64 = /&([A-Za-z0-9+,]*)-/g;
const TO_BASE64 = /[^\u0020-\u007E]+/g;

/**
 * The directory of a folder below the Maildir++ root, or undefined for a name that cannot be one: empty levels, dots
 * (the separator on the disk), slashes, control characters, a leading `~`, too long.
 */
export function formatFolderDirectory(name: string, separator: string): string | undefined {
  const levels = name.normalize('NFC').split(separator);
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  if (levels.some((level) => level === '' || /[./\u0000-\u001F\u007F]/.test(level))) return undefined;
  if (name.startsWith('~')) return undefined;
  const encoded = levels.map(encodeMailboxName);
  if (encoded.some((level) => Buffer.byteLength(level) > MAX_LEVEL_BYTES)) return undefined;
  const directory = `.${encoded.join('.')}`;
  return Buffer.byteLength(directory) > MAX_PATH_BYTES ? undefined : directory;
}

/** Encodes to modified UTF-7. */
export function encodeMailboxName(name: string): string {
  return name.replaceAll('&', '&-').replaceAll(TO_BASE64, (run) => {
    const base64 = Buffer.from(run, 'utf16le').swap16().toString('base64');
    return `&${base64.replace(/=+$/, '').replaceAll('/', ',')}-`;
  });
}

/** The name of the folder in a directory below the Maildir++ root, as an IMAP client shows it: `.Sent.2020` is `Sent/2020`. */
export function parseFolderDirectory(directory: string, separator: string): string {
  const levels = directory.replace(/^\./, '').split('.');
  return levels.map(decodeMailboxName).join(separator);
}

/** Decodes modified UTF-7; what is none stays as it is. */
export function decodeMailboxName(name: string): string {
  return name.replaceAll(FROM_BASE64, (run, base64: string) => {
    if (base64 === '') return '&';
    const bytes = Buffer.from(base64.replaceAll(',', '/'), 'base64');
    return bytes.length === 0 || bytes.length % 2 !== 0 ? run : bytes.swap16().toString('utf16le');
  });
}

/** Folder directories have few different names, and each is looked at for every message. */
const MAX_KNOWN_NAMES = 10_000;

/** The names that quota rules have for mailboxes, by the directory of the folder; undefined is the INBOX. */
export function createMailboxNamer(separator: string): (folder: string | undefined) => string {
  const known = new Map<string, string>();
  return (folder) => {
    if (folder === undefined) return 'INBOX';
    let name = known.get(folder);
    if (name === undefined) {
      name = parseFolderDirectory(folder, separator);
      if (known.size >= MAX_KNOWN_NAMES) known.clear();
      known.set(folder, name);
    }
    return name;
  };
}
