import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import fc from 'fast-check';
import { ProtocolError } from '../../../src/core/errors.ts';
import { findText, formatXml, parseXml } from '../../../src/protocol/xml.ts';

/** Characters that no XML document can hold. */
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const FORBIDDEN = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/;

describe('formatXml()', () => {
  it('writes elements in order, attributes, and lists as repeated elements', () => {
    assert.equal(
      formatXml({ a: { '@id': 'x', b: '1', c: [{ d: '2' }, { d: '3' }] } }),
      '<?xml version="1.0" encoding="UTF-8"?>\n<a id="x">\n  <b>1</b>\n  <c>\n    <d>2</d>\n  </c>\n  <c>\n    <d>3</d>\n  </c>\n</a>\n',
    );
  });

  it('escapes text and attributes and drops control characters', () => {
    assert.match(
      formatXml({ a: { '@id': '"<&>', b: '\0a\x1B&amp;<b>\uFFFE\uD800' } }),
      /<a id="&quot;&lt;&amp;&gt;">\n {2}<b>a&amp;amp;&lt;b&gt;<\/b>/,
    );
  });

  it('writes a well-formed document for any text, which reads back as it was', () => {
    const text = fc.string({ maxLength: 30, unit: 'binary' });
    fc.assert(
      fc.property(text, text, (value, attribute) => {
        const xml = formatXml({ root: { '@id': attribute, item: value } });
        assert.equal(XMLValidator.validate(xml), true);
        assert.ok(!FORBIDDEN.test(xml) && !/\p{Cs}/u.test(xml));
        assert.ok(xml.startsWith('<?xml '));
        // oxlint-disable-next-line no-control-regex -- control characters are what was dropped
        const kept = value.replaceAll(/[\u0000-\u001F\u007F-\u009F\uFFFE\uFFFF]|\p{Cs}/gu, '');
        const parser = new XMLParser({ parseTagValue: false, trimValues: false });
        const item = String(parser.parse(xml).root.item);
        assert.equal(item, kept);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('parseXml()', () => {
  const good: [string, string, string | undefined][] = [
    ['plain text', '<a><b>x</b></a>', 'x'],
    ['a byte order mark and a declaration', '\uFEFF<?xml version="1.0"?><a><b>x</b></a>', 'x'],
    ['prefixes', '<p:a xmlns:p="u"><p:b>x</p:b></p:a>', 'x'],
    ['comments', '<a><!-- <b>y</b> --><b>x</b></a>', 'x'],
    ['references, each once', '<a><b>&lt;&amp;lt;&#65;&#x42;</b></a>', '<&lt;AB'],
    ['an ampersand nobody escaped', '<a><b>x&y</b></a>', 'x&y'],
    ['a reference to nothing', '<a><b>&nbsp;&#x110000;</b></a>', '&nbsp;\uFFFD'],
    ['white space around', '<a>\n <b> x </b>\n</a>', 'x'],
    ['numbers as text', '<a><b>0123</b></a>', '0123'],
    ['nothing where there is none', '<a><c>x</c></a>', undefined],
    ['nothing where there are two', '<a><b>x</b><b>y</b></a>', undefined],
    ['nothing where there are children', '<a><b><c>x</c></b></a>', undefined],
  ];
  for (const [name, xml, expected] of good) it(`reads ${name}`, () => assert.equal(read(xml), expected));

  const bad: [string, string][] = [
    ['nothing', ''],
    ['no XML', 'hello'],
    ['an open element', '<a><b>x</b>'],
    ['a wrong end', '<a><b>x</a></b>'],
    ['a document type', '<!DOCTYPE a><a><b>x</b></a>'],
    ['a billion laughs', '<!DOCTYPE a [<!ENTITY x "y"><!ENTITY z "&x;&x;">]><a><b>&z;</b></a>'],
    ['an external entity', '<!doctype a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a><b>&x;</b></a>'],
    ['thousands of tags', `<a>${'<b/>'.repeat(15_000)}</a>`],
    ['thousands of references', `<a><b>${'&'.repeat(60_000)}</b></a>`],
    ['deep nesting', '<a>'.repeat(20_000)],
    ['names of the language', '<a><__proto__>x</__proto__></a>'],
  ];
  for (const [name, xml] of bad) it(`refuses ${name}`, () => assert.throws(() => parseXml(xml), ProtocolError));

  it('never takes long, nor throws anything but ProtocolError, for any text of 64 KiB', () => {
    const piece = fc.constantFrom(
      '<',
      '>',
      '</',
      '<a>',
      '</a>',
      '<!--',
      '-->',
      '<![CDATA[',
      ']]>',
      '&',
      '&#',
      '&amp;',
      '<?',
      '?>',
      '"',
      "'",
      '=',
      'x',
      ' ',
      '<a b="',
      '/',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), fc.integer({ min: 1, max: 2000 }), (pieces, times) => {
        const text = pieces.join('').repeat(times).slice(0, 65_536);
        const startedAt = performance.now();
        try {
          parseXml(text);
        } catch (error) {
          assert.ok(error instanceof ProtocolError);
        }
        assert.ok(
          performance.now() - startedAt < 500,
          `${performance.now() - startedAt} ms for ${JSON.stringify(pieces.join(''))}`,
        );
      }),
      { numRuns: 3000 },
    );
  });
});

function read(xml: string): string | undefined {
  return findText(parseXml(xml), ['a', 'b']);
}
