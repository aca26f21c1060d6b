import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { MAX_PASSWORD_BYTES, readNewPassword } from '../../../src/cli/terminal.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';

const folder = mkdtempSync(join(tmpdir(), 'postern-'));
after(() => rmSync(folder, { recursive: true }));

describe('readNewPassword()', () => {
  it('asks twice and gives the password when both are the same', async () => {
    const terminal = new FakeTerminal({ secrets: ['pässword', 'pässword'] });
    assert.deepEqual(await readNewPassword({}, terminal), { kind: 'read', password: Buffer.from('pässword') });
    assert.equal(terminal.output, '');
  });

  const refusals: [string, FakeTerminal, string | undefined, RegExp][] = [
    ['the two differ', new FakeTerminal({ secrets: ['a', 'b'] }), undefined, /the two differ/],
    ['the person gives up', new FakeTerminal({ secrets: ['a', undefined] }), undefined, /cancelled/],
    ['nobody is there to ask', new FakeTerminal(), undefined, /no terminal here, use --password-file/],
    ['it is empty', new FakeTerminal({ secrets: ['', ''] }), undefined, /it is empty/],
    ['standard input is empty', new FakeTerminal({ input: '\n' }), '-', /it is empty/],
    ['standard input has two lines', new FakeTerminal({ input: 'a\nb\n' }), '-', /several lines/],
    ['it is too long', new FakeTerminal({ input: 'x'.repeat(MAX_PASSWORD_BYTES + 1) }), '-', /more than 511 bytes/],
    ['the input has no end', new FakeTerminal({ input: 'x'.repeat(100_000) }), '-', /from standard input/],
    ['the file is missing', new FakeTerminal(), '/nonexistent/x', /from \/nonexistent\/x: ENOENT/],
    ['the file has no end', new FakeTerminal(), '/dev/zero', /more than 511 bytes/],
  ];
  for (const [name, terminal, passwordFile, expected] of refusals) {
    it(`refuses when ${name}`, async () => {
      const answer = await readNewPassword({ passwordFile }, terminal);
      assert.equal(answer.kind, 'none');
      assert.match(answer.reason, expected);
    });
  }

  for (const [name, content, password] of [
    ['one line', 'secret\n', 'secret'],
    ['no line feed', 'secret', 'secret'],
    ['CRLF', 'secret\r\n', 'secret'],
    ['spaces, which count', ' secret \n', ' secret '],
  ] as const) {
    it(`reads a file with ${name}`, async () => {
      const passwordFile = join(folder, 'password');
      writeFileSync(passwordFile, content);
      assert.deepEqual(await readNewPassword({ passwordFile }, new FakeTerminal()), {
        kind: 'read',
        password: Buffer.from(password),
      });
    });
  }

  it('keeps bytes that are no UTF-8', async () => {
    const terminal = new FakeTerminal({ input: Buffer.from([0xff, 0xe9, 0x0a]) });
    assert.deepEqual(await readNewPassword({ passwordFile: '-' }, terminal), {
      kind: 'read',
      password: Buffer.from([0xff, 0xe9]),
    });
  });
});
