import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { pino } from 'pino';
import { formatFields, formatLine } from '../../../src/log/line-format.ts';

const SECRETS: ReadonlySet<string> = new Set(['password']);
const NAME = fc.string({ maxLength: 12 }).map((name) => `x${name}`);
const VALUE = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 200 }),
  fc.string({ unit: 'binary-ascii' }),
  fc.double(),
  fc.integer(),
  fc.boolean(),
  fc.constant(undefined),
);

const TIME = /"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"/;

describe('formatLine()', () => {
  it('writes what pino writes, for all plain fields', () => {
    const lines: string[] = [];
    const reference = pino(
      { base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
      { write: (line: string) => lines.push(line) },
    );
    fc.assert(
      fc.property(
        fc.dictionary(NAME, VALUE, { noNullPrototype: true }),
        fc.dictionary(NAME, VALUE, { noNullPrototype: true }),
        fc.option(fc.string({ unit: 'grapheme' }), { nil: undefined }),
        (bindings, fields, message) => {
          const bound = formatFields(bindings, SECRETS);
          const own = formatFields(fields, SECRETS);
          assert.ok(bound !== undefined && own !== undefined);
          const line = formatLine({ level: 'info', event: 'auth.accepted', fields, message }, bound, own);
          lines.length = 0;
          reference.child(bindings).info({ event: 'auth.accepted', ...fields }, message);
          assert.match(line, TIME);
          assert.equal(line.replace(TIME, ''), lines[0]?.replace(TIME, ''));
        },
      ),
    );
  });

  it('stands on one line and is JSON, whatever the text holds', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const parts = { level: 'warn', event: 'auth.fault', fields: undefined, message: text } as const;
        const line = formatLine(parts, '', formatFields({ text }, SECRETS) ?? '');
        assert.equal(line.indexOf('\n'), line.length - 1);
        const value: { text: string; msg: string } = JSON.parse(line);
        assert.deepEqual([value.text, value.msg], [text, text]);
      }),
    );
  });

  it('tells the time of the line', () => {
    const before = Date.now();
    const line = formatLine({ level: 'info', event: 'process.ready', fields: {}, message: undefined }, '', '');
    const { time }: { time: string } = JSON.parse(line);
    assert.ok(Date.parse(time) >= before && Date.parse(time) <= Date.now());
  });
});

describe('formatFields()', () => {
  it('leaves to pino what is not plain or might be a secret', () => {
    for (const fields of [
      { err: new Error('x') },
      { list: [1] },
      { object: {} },
      { nothing: null },
      { big: 1n },
      { ok: 1, password: 'x' },
    ]) {
      assert.equal(formatFields(fields, SECRETS), undefined, Object.keys(fields).join());
    }
  });

  it('leaves out what is undefined, also under the name of a secret', () => {
    assert.equal(formatFields({ user: undefined, password: undefined, ms: 3 }, SECRETS), ',"ms":3');
  });
});
