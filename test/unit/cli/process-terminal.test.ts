import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { createTerminal } from '../../../src/cli/process-terminal.ts';

/** A keyboard that remembers whether it is in raw mode. */
function openKeyboard() {
  const rawModes: boolean[] = [];
  const input = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode: (isRaw: boolean) => rawModes.push(isRaw),
  });
  const output = new PassThrough();
  const errors = new PassThrough();
  return { input, output, errors, rawModes, terminal: createTerminal({ input, output, errors }) };
}

describe('readSecret()', () => {
  for (const [name, typed, expected] of [
    ['a line', 'secret\r', 'secret'],
    ['a line with corrections', 'sex\u007Fcrez\u0008t\n', 'secret'],
    ['a line begun anew', 'wrong\u0015secret\r', 'secret'],
    ['letters of several bytes', 'pässwörd€😀x\u007F\r', 'pässwörd€😀'],
    ['Ctrl-C', 'sec\u0003', undefined],
    ['Ctrl-D at the start', '\u0004', undefined],
  ] as const) {
    it(`reads ${name} byte by byte, in raw mode, echoing nothing`, async () => {
      const { input, errors, rawModes, terminal } = openKeyboard();
      const answer = terminal.readSecret('Password: ');
      for (const byte of Buffer.from(typed)) input.write(Buffer.from([byte]));
      assert.equal(await answer, expected);
      assert.deepEqual(rawModes, [true, false]);
      assert.equal(String(errors.read()), 'Password: \n');
    });
  }

  it('leaves what was pasted beyond the line to the next question', async () => {
    const { input, terminal } = openKeyboard();
    const first = terminal.readSecret('One: ');
    input.write('a\nb\n');
    assert.equal(await first, 'a');
    assert.equal(await terminal.readSecret('Two: '), 'b');
  });

  it('gives up when the input ends', async () => {
    const { input, terminal } = openKeyboard();
    const answer = terminal.readSecret('Password: ');
    input.end('sec');
    assert.equal(await answer, undefined);
  });
});

describe('readInput()', () => {
  it('reads to the end and no further than its limit', async () => {
    const { input, terminal } = openKeyboard();
    input.end('0123456789');
    assert.equal(String(await terminal.readInput(10)), '0123456789');
    const other = openKeyboard();
    other.input.end('0123456789');
    await assert.rejects(other.terminal.readInput(9), RangeError);
  });
});

describe('createTerminal()', () => {
  it('takes a reader that went away for no fault', () => {
    const { output, terminal } = openKeyboard();
    output.emit('error', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    terminal.out('more\n');
  });
});
