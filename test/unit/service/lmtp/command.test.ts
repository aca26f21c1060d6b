import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parsePathCommand } from '../../../../src/service/lmtp/command.ts';

describe('parsePathCommand() (RULES 25)', () => {
  const paths: [string, string][] = [
    ['FROM:<>', ''],
    ['from: <a@b>', 'a@b'],
    ['FROM:<"a b"@x_y.example> SIZE=1', '"a b"@x_y.example'],
    ['FROM:<"a>b\\"c"@d>', '"a>b\\"c"@d'],
    ['FROM:<user..name.@d>', 'user..name.@d'],
    ['FROM:<@one,@two:a@b>', 'a@b'],
    ['FROM:<jörg@bücher.example> SMTPUTF8', 'jörg@bücher.example'],
    ['FROM:<no-domain>', 'no-domain'],
  ];
  for (const [text, path] of paths) {
    it(`takes ${JSON.stringify(path)} from ${text}`, () => assert.equal(parsePathCommand('FROM', text)?.path, path));
  }

  for (const text of [
    'FROM',
    'TO:<a@b>',
    'FROM:a@b',
    'FROM:<a b@c>',
    'FROM:<a@b',
    'FROM:<<a@b>>',
    'FROM:<"a@b>',
    'FROM:<a\0@b>',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.equal(parsePathCommand('FROM', text), undefined));
  }
  it('refuses a path that is far too long, at once', () => {
    assert.equal(parsePathCommand('FROM', `FROM:<${'a'.repeat(1025)}>`), undefined);
    assert.equal(parsePathCommand('FROM', `FROM:<${'"'.repeat(8000)}`), undefined);
  });

  it('reads parameters in any order, and names one that stands there twice', () => {
    const parsed = parsePathCommand('TO', 'TO:<a@b>  Body=8BITMIME flag X=a=b __proto__=1 body=7BIT');
    assert.deepEqual(
      [...(parsed?.parameters ?? [])],
      [
        ['BODY', '7BIT'],
        ['FLAG', true],
        ['X', 'a=b'],
        ['__PROTO__', '1'],
      ],
    );
    assert.equal(parsed?.duplicate, 'BODY');
  });
});
