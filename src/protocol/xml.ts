/**
 * XML in and out for the protocols of mail clients: small documents of elements and text. Entities are never expanded
 * by the parser and documents with a DTD are refused, so nothing here can grow or reach out. XML 1.0.
 */
import { XMLBuilder, XMLParser, XMLValidator } from 'fast-xml-parser';
import { ProtocolError } from '../core/errors.ts';

/** Children in the order of the document. A key `@NAME` is an attribute; an array repeats its element. */
export interface XmlElement {
  readonly [name: string]: string | XmlElement | readonly XmlElement[];
}

/** Tags, and references too. A request has a dozen; thousands cost the parser more time than a request may take. */
const MAX_TAGS = 100;

/** What no XML document can hold, escaped or not, lone surrogates, and white space that no client trims. */
const UNWANTED =
  // oxlint-disable-next-line no-control-regex -- control characters are what must go
  /[\u0000-\u001F\u007F-\u009F\uFFFE\uFFFF]|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g;

const REFERENCE = /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(amp|lt|gt|quot|apos));/gi;
/** An ampersand that begins no reference: some clients send addresses unescaped. */
const STRAY_AMPERSAND = /&(?!(?:#\d{1,7}|#x[0-9a-f]{1,6}|amp|lt|gt|quot|apos);)/gi;

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

const builder = new XMLBuilder({
  attributeNamePrefix: '@',
  ignoreAttributes: false,
  format: true,
  indentBy: '  ',
});

const parser = new XMLParser({
  processEntities: false,
  removeNSPrefix: true,
  ignoreAttributes: true,
  ignoreDeclaration: true,
  ignorePiTags: true,
  parseTagValue: false,
  trimValues: true,
});

/** Formats a document with its declaration. Text is escaped, and characters XML cannot hold are dropped. */
export function formatXml(document: XmlElement): string {
  const text: string = builder.build({
    '?xml': { '@version': '1.0', '@encoding': 'UTF-8' },
    ...clean(document),
  });
  return text;
}

/**
 * Parses a document to nested objects without attributes and name-space prefixes; read it with `findText`. Throws
 * ProtocolError for what is not well-formed, holds a DTD, or has too many tags.
 */
export function parseXml(text: string): unknown {
  if (/<!(?!--|\[CDATA\[)/.test(text)) throw new ProtocolError('Cannot read XML: it holds a DTD');
  for (const sign of ['<', '&']) {
    if (text.split(sign, MAX_TAGS + 1).length > MAX_TAGS) throw new ProtocolError('Cannot read XML: too many tags');
  }
  const escaped = text.replace(/^\uFEFF/, '').replaceAll(STRAY_AMPERSAND, '&amp;');
  if (XMLValidator.validate(escaped) !== true) throw new ProtocolError('Cannot read XML: not well-formed');
  try {
    const document: unknown = parser.parse(escaped);
    return document;
  } catch (error) {
    throw new ProtocolError('Cannot read XML: not well-formed', { cause: error });
  }
}

/** The text of the element at `path`, references resolved; undefined when it is missing, repeated or has children. */
export function findText(document: unknown, path: readonly string[]): string | undefined {
  let node = document;
  for (const name of path) {
    if (typeof node !== 'object' || node === null) return undefined;
    node = Object.hasOwn(node, name) ? Object.entries(node).find(([key]) => key === name)?.[1] : undefined;
  }
  return typeof node === 'string' ? decodeReferences(node) : undefined;
}

/** In one pass, so that a reference that a reference gives stays text. */
function decodeReferences(text: string): string {
  return text.replaceAll(REFERENCE, (whole: string, decimal?: string, hex?: string, name?: string) => {
    if (name !== undefined) return NAMED[name.toLowerCase()] ?? whole;
    const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal);
    return code <= 0x10ffff ? String.fromCodePoint(code) : '\uFFFD';
  });
}

function clean(element: XmlElement): XmlElement {
  return Object.fromEntries(
    Object.entries(element).map(([name, child]) => {
      if (typeof child === 'string') return [name, child.replaceAll(UNWANTED, '')];
      return [name, isList(child) ? child.map(clean) : clean(child)];
    }),
  );
}

function isList(child: XmlElement | readonly XmlElement[]): child is readonly XmlElement[] {
  return Array.isArray(child);
}
