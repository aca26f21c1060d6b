/**
 * A mail of our own making, from a template to the bytes that are stored. A template is a text with `%{name}` values: the
 * subject on its first line, behind `Subject:`, an empty line, and the body. Nothing in a value can add a header.
 */
import { parseTemplate, type Template } from '../core/template.ts';

export interface NoticeTemplate {
  readonly subject: Template;
  readonly body: Template;
}

/** What stands in a template for what; all values are plain text. */
export type NoticeValues = Readonly<Record<string, string>>;

export interface NoticeEnvelope {
  /** Address of whom it is for. */
  readonly to: string;
  /** Address it says it is from. */
  readonly from: string;
  readonly hostname: string;
  /** Unique on this host. */
  readonly id: string;
  readonly atMs: number;
}

const TEMPLATE = /^Subject: ([^\r\n]+)\r?\n\r?\n(.*)$/s;
const MAX_TEMPLATE_CHARS = 64 * 1024;
/** RFC 2047 section 2: an encoded word has 75 characters at most. */
const ENCODED_BYTES = 45;

/** Parses a template; throws SyntaxError for one without a subject, a value that is not in `names`, or too long. */
export function parseNotice(text: string, names: readonly string[]): NoticeTemplate {
  if (text.length > MAX_TEMPLATE_CHARS) throw new SyntaxError(`Cannot use notice: longer than ${MAX_TEMPLATE_CHARS}`);
  const [whole, subject = '', body = ''] = TEMPLATE.exec(text.replace(/^\uFEFF/, '')) ?? [];
  if (whole === undefined)
    throw new SyntaxError('Cannot use notice: it begins with "Subject: ...", then an empty line');
  const template = { subject: parseTemplate(subject), body: parseTemplate(body) };
  const values = Object.fromEntries(names.map((name) => [name, '']));
  expand(template.subject, values);
  expand(template.body, values);
  return template;
}

/** Writes the mail as it is stored, with LF line ends; Return-Path and the like are delivery's. */
export function formatNotice(template: NoticeTemplate, values: NoticeValues, envelope: NoticeEnvelope): Buffer {
  const { to, from, hostname, id, atMs } = envelope;
  const lines = [
    `Date: ${new Date(atMs).toUTCString().replace('GMT', '+0000')}`,
    `From: ${from}`,
    `To: ${to}`,
    `Subject: ${encodeHeader(expand(template.subject, values))}`,
    `Message-ID: <${id}@${hostname}>`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: 8bit',
    // RFC 3834 section 5: nobody answers it, holiday notices neither.
    'Auto-Submitted: auto-generated',
    '',
    expand(template.body, values).replaceAll(/\r\n?/g, '\n').trimEnd(),
    '',
  ];
  return Buffer.from(lines.join('\n'));
}

function expand(template: Template, values: NoticeValues): string {
  return template
    .map((part) => {
      if (part.kind === 'text') return part.text;
      const { expression, modifiers, cut } = part;
      const isPlain = modifiers.length === 0 && cut.offset === 0 && cut.width === 0;
      const value = expression.kind === 'variable' && isPlain ? values[expression.name] : undefined;
      if (value === undefined) {
        const known = Object.keys(values).map((name) => `%{${name}}`);
        throw new SyntaxError(`Cannot use "${part.source}" in a notice: there are ${known.join(' ')}`);
      }
      return value;
    })
    .join('');
}

/** RFC 2047: as it is when it is ASCII, else encoded words, each of whole characters. */
function encodeHeader(text: string): string {
  const line = text.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim();
  if (/^[ -~]*$/.test(line) && !line.includes('=?')) return line;
  const words: string[] = [];
  let piece = '';
  for (const char of line) {
    if (Buffer.byteLength(piece + char) > ENCODED_BYTES) {
      words.push(piece);
      piece = '';
    }
    piece += char;
  }
  words.push(piece);
  return words.map((word) => `=?utf-8?B?${Buffer.from(word).toString('base64')}?=`).join('\n ');
}
