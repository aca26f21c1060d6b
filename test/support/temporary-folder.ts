/** A folder that exists for one test. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** Makes a folder with a short path (unix sockets have 107 bytes) and removes it after the test. */
export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'pt-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
