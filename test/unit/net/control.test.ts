import assert from 'node:assert/strict';
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  askControl,
  createControlListener,
  type ControlHandler,
  type ControlHandlers,
} from '../../../src/net/control.ts';
import { CollectingLogger } from '../../support/collecting-logger.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

describe('the control socket', () => {
  const handlers: ControlHandlers = new Map<string, ControlHandler>([
    ['echo', (request) => Promise.resolve({ ok: true, given: request['text'] })],
    ['fail', () => Promise.reject(new Error('Cannot do it'))],
  ]);

  it('has mode 0600 and answers one object a line (RULES 42)', async (t) => {
    const path = join(temporaryFolder(t), 'control');
    const listener = createControlListener(path, handlers, new CollectingLogger());
    await listener.start();
    t.after(() => listener.stop(0));
    assert.equal(lstatSync(path).mode & 0o777, 0o600);
    assert.deepEqual(await askControl(path, { verb: 'echo', text: 'a\nb' }), { ok: true, given: 'a\nb' });
    assert.deepEqual(await askControl(path, { verb: 'fail' }), { ok: false, error: 'Cannot do it' });
    assert.deepEqual(await askControl(path, { verb: 'none' }), {
      ok: false,
      error: 'Cannot serve request: unknown verb',
    });
  });

  it('rejects when nobody listens', async (t) => {
    await assert.rejects(askControl(join(temporaryFolder(t), 'control'), { verb: 'echo' }), /ENOENT/);
  });
});
