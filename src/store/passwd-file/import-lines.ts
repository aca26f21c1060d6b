/**
 * The lines of a users file as an import wants them: each with its number, read strictly, none left out. Beside Dovecot's
 * passwd-file it reads the `postfix-accounts.cf` of docker-mailserver (`address|{SCHEME}hash|extra fields`).
 */
import { readContent } from './load.ts';
import { parseLine, type LineOptions, type PasswdUser } from './line.ts';

export interface ImportLinesOptions extends LineOptions {
  /** Domain of names without one. */
  readonly defaultDomain: string | undefined;
}

export interface NumberedUser {
  readonly line: number;
  readonly user: PasswdUser;
}

const LINE_FEED = 0x0a;
/** docker-mailserver's separator comes before any colon; a passwd-file has it in a password at most. */
const DOCKER_LINE = /^([^:|]+)\|([^|]*)(?:\|(.*))?$/;
const NAME = /^[^:]*/;

/** Reads all users of a file; rejects when the file cannot be read as one version. */
export async function readImportLines(path: string, options: ImportLinesOptions): Promise<AsyncIterable<NumberedUser>> {
  const content = await readContent(path);
  if (content.kind === 'unusable') throw new Error(`Cannot read "${path}": ${content.reason}`);
  return parseLines(content.bytes, options);
}

async function* parseLines(bytes: Buffer, options: ImportLinesOptions): AsyncIterable<NumberedUser> {
  let number = 0;
  for (let start = 0; start < bytes.length;) {
    const feed = bytes.indexOf(LINE_FEED, start);
    const end = feed === -1 ? bytes.length : feed;
    number += 1;
    const user = parseLine(rewriteLine(bytes.toString('utf8', start, end), options.defaultDomain), options);
    start = end + 1;
    if (user !== undefined) yield { line: number, user };
  }
}

function rewriteLine(text: string, defaultDomain: string | undefined): string {
  const line = text.endsWith('\r') ? text.slice(0, -1) : text;
  if (line.startsWith('#')) return line;
  const [, name, password, extra = ''] = DOCKER_LINE.exec(line) ?? [];
  const passwd = name === undefined ? line : `${name}:${password ?? ''}::::::${extra}`;
  if (defaultDomain === undefined) return passwd;
  return passwd.replace(NAME, (user) => (user === '' || user.includes('@') ? user : `${user}@${defaultDomain}`));
}
