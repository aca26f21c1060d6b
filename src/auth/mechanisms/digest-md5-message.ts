/**
 * The two messages of DIGEST-MD5 (RFC 2831 section 2.1): the challenge to bytes, and the response to values. It checks
 * the form alone: who the client is and whether its digest is right is decided elsewhere. Unknown directives are ignored,
 * a known one that comes twice makes the message no good.
 */

/** The directives of a response that matter. What is hashed is kept as the bytes that came. */
export interface DigestResponse {
  readonly username: Buffer;
  /** Empty when the client names none. */
  readonly realm: Buffer;
  readonly nonce: string;
  readonly cnonce: Buffer;
  /** As it was written: it is hashed so. */
  readonly nc: string;
  readonly qop: string;
  readonly digestUri: Buffer;
  /** 32 lower-case hexadecimal digits. */
  readonly response: string;
  readonly authzid: Buffer | undefined;
}

/** Formats the challenge, item for item as Dovecot does; without realms there is one of no name. */
export function formatDigestChallenge(nonce: string, realms: readonly string[]): Buffer {
  const names = realms.length === 0 ? [''] : realms;
  const items = names.map((realm) => `realm="${realm.replaceAll(/["\\]/g, String.raw`\$&`)}"`);
  return Buffer.from([...items, `nonce="${nonce}"`, 'qop="auth"', 'charset="utf-8"', 'algorithm="md5-sess"'].join());
}

const FIRST_COUNT = /^0*1$/;
const RESPONSE = /^[0-9a-f]{32}$/;
/** Never empty; all but the last have to be there. */
const MUST_HAVE_TEXT = ['username', 'nonce', 'cnonce', 'authzid'];
const POSITIVE = /^0*[1-9]\d*$/;

/** What stands for a directive that is left out. */
const DEFAULTS: ReadonlyMap<string, string> = new Map([
  ['nc', '00000001'],
  ['qop', 'auth'],
  ['charset', 'utf-8'],
  ['maxbuf', '65536'],
]);

/** Parses a response; undefined for anything RFC 2831 or Dovecot refuses. */
export function parseDigestResponse(message: Buffer): DigestResponse | undefined {
  const directives = parseDirectives(message.toString('latin1'));
  if (directives === undefined) return undefined;
  const readText = (name: string): string => directives.get(name) ?? DEFAULTS.get(name) ?? '';
  const readBytes = (name: string): Buffer => Buffer.from(readText(name), 'latin1');
  const isAcceptable =
    MUST_HAVE_TEXT.every((name) => directives.get(name) !== '' && (name === 'authzid' || directives.has(name))) &&
    RESPONSE.test(readText('response')) &&
    FIRST_COUNT.test(readText('nc')) &&
    POSITIVE.test(readText('maxbuf')) &&
    readText('qop').toLowerCase() === 'auth' &&
    readText('charset').toLowerCase() === 'utf-8';
  if (!isAcceptable) return undefined;
  return {
    username: readBytes('username'),
    realm: readBytes('realm'),
    nonce: readText('nonce'),
    cnonce: readBytes('cnonce'),
    nc: readText('nc'),
    qop: readText('qop'),
    digestUri: readBytes('digest-uri'),
    response: readText('response'),
    authzid: directives.has('authzid') ? readBytes('authzid') : undefined,
  };
}

const SPACE = /[ \t\r\n]*/y;
const NAME = /[!#-+\--.0-9A-Z^_`a-z|~*]+/y;
const QUOTED = /"((?:[^"\\\0]|\\[^\0])*)"/y;
const TOKEN = /[^\0-\u0020",]*/y;

/** Takes `name=value` items apart, with lower-case names; undefined for other text and for a name that comes twice. */
function parseDirectives(text: string): ReadonlyMap<string, string> | undefined {
  const directives = new Map<string, string>();
  const scanner = new Scanner(text);
  while (!scanner.isAtEnd) {
    const name = scanner.take(NAME)?.toLowerCase();
    // RFC 2831 allows empty items between commas.
    if (name !== undefined) {
      const value = scanner.takeChar('=') ? (scanner.takeQuoted() ?? scanner.take(TOKEN)) : undefined;
      if (value === undefined || directives.has(name)) return undefined;
      directives.set(name, value);
    }
    if (!scanner.isAtEnd && !scanner.takeChar(',')) return undefined;
  }
  return directives;
}

/** Reads a text from left to right, white space before each part left out. Linear in the length of the text. */
class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    this.#match(SPACE);
    return this.#at === this.#text.length;
  }

  take(pattern: RegExp): string | undefined {
    this.#match(SPACE);
    return this.#match(pattern)?.[0];
  }

  takeChar(char: string): boolean {
    this.#match(SPACE);
    if (this.#text[this.#at] !== char) return false;
    this.#at += 1;
    return true;
  }

  /** What stands between quotes, without its backslashes; undefined when there is no whole such text. */
  takeQuoted(): string | undefined {
    this.#match(SPACE);
    return this.#match(QUOTED)?.[1]?.replaceAll(/\\(.)/gs, '$1');
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text) ?? undefined;
    if (found !== undefined) this.#at += found[0].length;
    return found;
  }
}
