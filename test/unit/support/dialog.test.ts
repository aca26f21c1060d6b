import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parseDialog, runDialog } from '../../support/dialog.ts';

/** Says hello, then gives every byte back in upper case; `bye` ends it. */
function serve(socket: Socket): void {
  socket.write('hello é\n');
  socket.on('data', (chunk: Buffer) => {
    const text = chunk.toString('latin1');
    if (text.includes('bye')) socket.end();
    else socket.write(Buffer.from(text.toUpperCase(), 'latin1'));
  });
}

describe('runDialog()', () => {
  let folder = '';
  let server: Server;
  const connect = (): Socket => createConnection({ path: join(folder, 's') });

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'postern-dialog-'));
    server = createServer(serve);
    await new Promise<void>((resolve) => server.listen(join(folder, 's'), resolve));
  });
  after(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });

  async function play(content: string): Promise<void> {
    const path = join(folder, 'x.dialog');
    writeFileSync(path, content);
    await runDialog({ path, connect, stepTimeoutMs: 200 });
  }

  it('accepts what the transcript says, escapes and all', async () => {
    await play(
      'service echo lf\n-- a comment\n\n<- hello é\n-> a.b\\tc\\x41\n<~ A\\.B\\tC\\w\n>> x\n-> y\n<- XY\n-> bye\nx<\n',
    );
  });

  it('takes as many bytes as expected when there are no lines', async () => {
    await play('service echo none\n<- hello é\\n\n-> 3:abc,\n<- 3:ABC\n<~ ,\n');
  });

  const wrong: [string, string, RegExp][] = [
    ['another text', 'service echo lf\n<- hello\n', /x\.dialog:2: <- hello\n {2}came: "hello é\\n"/],
    ['a pattern that matches only a part', 'service echo lf\n<~ hell\n', /came: "hello/],
    ['silence', 'service echo lf\n<- hello é\n<- more\n', /came: ""/],
    ['a connection that stays open', 'service echo lf\n<- hello é\nx<\n', /still open/],
    ['words before a close', 'service echo lf\nx<\n', /came: "hello/],
  ];
  for (const [what, content, message] of wrong) {
    it(`fails for ${what}`, async () => {
      await assert.rejects(play(content), message);
    });
  }

  it('refuses a transcript it cannot read', () => {
    assert.throws(() => parseDialog('<- a\n', 'p'), /p:1: the first line/);
    assert.throws(() => parseDialog('service a lf\n?? a\n', 'p'), /p:2: no such step/);
  });
});
