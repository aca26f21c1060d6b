/** The file of suspended logins: whole or refused. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Suspensions } from '../../../src/policy/suspensions.ts';
import { SuspensionFile } from '../../../src/store/suspension-file.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

describe('SuspensionFile', () => {
  it('gives back who is suspended, and refuses what is no such file', async (t) => {
    const path = join(temporaryFolder(t), 'suspensions');
    const file = new SuspensionFile(path);
    const suspensions = new Suspensions();
    suspensions.suspend('ann@example.com', 1000);
    suspensions.suspend('bob@example.com', 2000);
    await file.save(suspensions.list());
    const loaded = new Suspensions();
    await file.load((record) => loaded.restore(record));
    assert.deepEqual([...loaded.list()], [...suspensions.list()]);
    assert.equal(loaded.since('bob@example.com'), 2000);
    const good = readFileSync(path, 'utf8');
    for (const [from, to] of [
      ['1000', '-1'],
      ['1000', '"x"'],
      ['"ann@example.com"', '7'],
      ['suspensions', 'rates'],
    ] as const) {
      writeFileSync(path, good.replace(from, to));
      await assert.rejects(
        file.load(() => undefined),
        SyntaxError,
        to,
      );
    }
  });
});
