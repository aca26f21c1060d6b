/**
 * The words of the http service: an outcome in, status, headers and body out. Texts are fixed: nothing of a request
 * is ever repeated in an error. Every answer is `no-store`, since mail clients reuse what a cache gives them
 * (facts/autoconfig.md 0.7), and there is no 401 at all: it would make Thunderbird send a password (0.13).
 */

export type HttpOutcome =
  | { readonly kind: 'xml'; readonly body: string }
  | { readonly kind: 'healthy' }
  /** Not a page of ours, or a domain that is not ours. Never a 2xx: that ends Thunderbird's search (facts 0.3). */
  | { readonly kind: 'absent' }
  /** Could not tell: ask again later. */
  | { readonly kind: 'unavailable' }
  | { readonly kind: 'wrong-method'; readonly allow: string }
  | { readonly kind: 'too-large' }
  | { readonly kind: 'bad-request' };

export interface HttpReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const TEXT = 'text/plain; charset=utf-8';
/** Lower case, and first of all text/xml: Thunderbird compares the beginning (facts/autoconfig.md 0.6). */
const XML = 'text/xml; charset=utf-8';

/** Headers of every answer. */
const COMMON_HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' } as const;

const RETRY_AFTER_SECONDS = '60';

/** Makes the reply to an outcome. */
export function makeReply(outcome: HttpOutcome): HttpReply {
  switch (outcome.kind) {
    case 'xml':
      return reply(200, outcome.body, { 'content-type': XML });
    case 'healthy':
      return reply(200, 'ok\n');
    case 'absent':
      return reply(404, 'Not found\n');
    case 'unavailable':
      return reply(503, 'Temporarily unavailable, try again later\n', { 'retry-after': RETRY_AFTER_SECONDS });
    case 'wrong-method':
      return reply(405, 'Method not allowed\n', { allow: outcome.allow });
    case 'too-large':
      return reply(413, 'Too large\n', { connection: 'close' });
    case 'bad-request':
      return reply(400, 'Bad request\n', { connection: 'close' });
  }
}

/** A reply as bytes, for a connection on which no request could be read. */
export function formatRawReply(outcome: HttpOutcome): string {
  const { status, headers, body } = makeReply(outcome);
  const lines = Object.entries({ ...headers, connection: 'close', 'content-length': String(body.length) });
  return `HTTP/1.1 ${status} Error\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`;
}

function reply(status: number, body: string, headers: Readonly<Record<string, string>> = {}): HttpReply {
  return { status, body, headers: { 'content-type': TEXT, ...COMMON_HEADERS, ...headers } };
}
