import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { readIni } from '../../../src/config/read-ini.ts';
import { formatEntry, formatIni } from '../../../src/config/write-ini.ts';

/** The entries of the only section, or the reasons of the faults. */
function readEntries(body: string): Record<string, string> | string[] {
  const { sections, faults } = readIni(`[s]\n${body}`, 'f');
  if (faults.length > 0) return faults.map(({ reason }) => reason);
  return Object.fromEntries([...(sections[0]?.entries ?? [])].map(([key, { text }]) => [key, text]));
}

describe('readIni() reads a value', () => {
  const cases: [string, string][] = [
    ['k = value', 'value'],
    ['k=value', 'value'],
    ['  k   =   two words  ', 'two words'],
    ['k = value   ; comment', 'value'],
    ['k = value\t# comment', 'value'],
    ['k = value ;', 'value'],
    ['k =', ''],
    ['k = ; nothing', ''],
    ['k = ""', ''],
    ['k = a=b', 'a=b'],
    ['k = true', 'true'],
    ['k = false', 'false'],
    ['k = null', 'null'],
    ['k = "true"', 'true'],
    ['k = 007', '007'],
    ['k = 1e3', '1e3'],
    ['k = [x]', '[x]'],
    ['k = {"a":1}x'.replaceAll('"', "'"), "{'a':1}x"],
    ["k = it's", "it's"],
    [String.raw`k = C:\vmail\new`, String.raw`C:\vmail\new`],
    ['k = "a;b#c"', 'a;b#c'],
    ['k = "a ; b"   ; comment', 'a ; b'],
    ['k = " spaces "', ' spaces '],
    [String.raw`k = "a \"quote\" and \\"`, String.raw`a "quote" and \ `.trim()],
    ["k = 'a;b'", 'a;b'],
    [String.raw`k = 'a\b"c'   # comment`, String.raw`a\b"c`],
    ["k = '123'", '123'],
    ["k = '[1]'", '[1]'],
    ["k = 'null'", 'null'],
    ['k = "\'x\'"', "'x'"],
    ['k = Größe €', 'Größe €'],
    ['k = %Lu/%{domain}', '%Lu/%{domain}'],
  ];
  for (const [line, expected] of cases) {
    it(`${JSON.stringify(expected)} from ${JSON.stringify(line)}`, () => {
      assert.deepEqual(readEntries(line), { k: expected });
    });
  }

  it('in files with CRLF, a byte order mark, comments, and indented sections', () => {
    const { sections, faults } = readIni(
      '\uFEFF; c\r\n# c\r\n\r\n  [log] ; x\r\n  level = info\r\n[passdb   old]#y\r\n',
      'f',
    );
    assert.deepEqual(faults, []);
    assert.deepEqual(
      sections.map(({ name, line, entries }) => [name, line, [...entries]]),
      [
        ['log', 4, [['level', { text: 'info', line: 5 }]]],
        ['passdb old', 6, []],
      ],
    );
  });
});

describe('readIni() refuses', () => {
  const cases: [string, string, RegExp][] = [
    ['what ini would cut at a semicolon', 'k = ab;cd', /before the ";"/],
    ['what ini would cut at a hash', 'k = ab#cd', /before the "#"/],
    ['an escaped semicolon, which ini would take', String.raw`k = ab\;cd`, /put it in quotes/],
    ['a comment mark inside quotes that do not begin the value', 'k = a "b ; c"', /a quote inside/],
    ['a value with one quote, which ini would keep', 'k = "', /closing quote/],
    ['a single quote alone', "k = '", /closing quote/],
    ['a quote that is escaped at the end', String.raw`k = "abc\"`, /closing quote/],
    ['an escape that ini would leave in, quotes and all', String.raw`k = "\q"`, /unknown "\\q"/],
    ['a comment glued to a quote', 'k = "a";b', /only a comment/],
    ['a bare key, which ini makes true', 'k', /no "="/],
    ['an array, which ini collects', 'k[] = 1', /the key "k\[\]"/],
    ['a key of the prototype, which ini skips', '__proto__ = 1', /the key "__proto__"/],
    ['a quoted key', '"k" = 1', /Cannot read the key/],
    ['an empty key, which ini skips', '= 1', /the key ""/],
    ['a NUL', 'k = a\0b', /control character/],
    ['a line separator', 'k = a\u2028b', /control character/],
    ['a carriage return inside a line, where ini begins a new one', 'k = a\rj = b', /control character/],
    ['a line without end', `k = ${'x'.repeat(5000)}`, /more than 4096 characters/],
    ['a key given twice, of which ini takes the last', 'k = 1\nk = 2', /twice: it stands in line 2/],
    ['a section without its bracket', '[log', /Cannot read the section/],
    ['two sections in a line', '[log] [auth]', /Cannot read the section/],
    ['a dot, which ini would nest', '[a.b]', /dots are not allowed/],
    ['a section without a name', '[]', /Cannot read the section/],
    ['a section given twice, which ini merges', '[s]', /twice: it stands in line 1/],
  ];
  for (const [name, body, expected] of cases) {
    it(name, () => {
      const reasons = readEntries(body);
      assert.ok(Array.isArray(reasons), `read as ${JSON.stringify(reasons)}`);
      assert.match(reasons.join('\n'), expected);
      assert.equal(reasons.length, 1);
    });
  }

  it('nothing below a section that it refused, since nobody can judge it', () => {
    const { sections, faults } = readIni('[a.b]\nk = 1\nk = 2\nbare\n[ok]\nk = 3\n', 'f');
    assert.deepEqual(
      faults.map(({ line }) => line),
      [1, 4],
    );
    assert.deepEqual(
      sections.map(({ name }) => name),
      ['ok'],
    );
  });
});

describe('formatEntry()', () => {
  it('writes what readIni() reads back, whatever the text', () => {
    const character = fc.oneof(
      fc.constantFrom(';', '#', '"', "'", '\\', ' ', '=', '[', ']', '%', '\t'),
      fc.string({ unit: 'grapheme', maxLength: 1 }),
    );
    fc.assert(
      fc.property(fc.array(character, { maxLength: 30 }), (characters) => {
        // oxlint-disable-next-line no-control-regex -- no line of a file holds these
        const text = characters.join('').replaceAll(/[\u0000-\u0008\u000A-\u001F\u007F-\u009F\u2028\u2029\uFEFF]/g, '');
        assert.deepEqual(readEntries(formatEntry('k', text)), { k: text });
      }),
      { numRuns: 1000 },
    );
  });
});

describe('formatIni()', () => {
  it('puts a blank line between sections', () => {
    const entries = [{ key: 'level', text: 'info' }];
    assert.equal(
      formatIni([
        { name: 'log', entries },
        { name: 'passdb local', entries: [] },
      ]),
      '[log]\nlevel = info\n\n[passdb local]\n',
    );
  });
});
