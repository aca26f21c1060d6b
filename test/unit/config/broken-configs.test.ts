/** Each folder in test/config holds a broken configuration and the faults it must be refused with, every one. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { loadConfig } from '../../../src/config/load-config.ts';
import { ConfigError } from '../../../src/core/errors.ts';

// From dist/test/unit/config to the sources: configurations are not compiled.
const root = join(import.meta.dirname, '../../../../test/config');

function faultsOf(path: string): string {
  try {
    loadConfig({ path });
  } catch (error) {
    if (error instanceof ConfigError) return `${error.message}\n`.replaceAll(path, 'postern.ini');
    throw error;
  }
  return 'it was taken\n';
}

describe('loadConfig() refuses', () => {
  const cases = readdirSync(root).toSorted();

  it('every folder of test/config', () => assert.ok(cases.length >= 70, `only ${cases.length} folders`));

  for (const name of cases) {
    it(`${name} with the faults it must give`, () => {
      const expected = readFileSync(join(root, name, 'expected-error.txt'), 'utf8');
      assert.equal(faultsOf(join(root, name, 'postern.ini')), expected);
    });
  }

  it('a file that is missing, a directory, a device and a file without end, with one fault each', () => {
    assert.match(faultsOf('/nonexistent/postern.ini'), /^postern\.ini: Cannot read the configuration: ENOENT.*\n$/);
    assert.match(faultsOf('/'), /^postern\.ini: Cannot read the configuration: it is no regular file\n$/);
    assert.match(faultsOf('/dev/zero'), /it is no regular file\n$/);
    const folder = mkdtempSync(join(tmpdir(), 'postern-'));
    after(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'long.ini');
    writeFileSync(path, '# long\n'.repeat(100_000));
    assert.match(faultsOf(path), /it has more than 262144 bytes\n$/);
  });

  it('a file of nonsense with a bounded number of faults', () => {
    const folder = mkdtempSync(join(tmpdir(), 'postern-'));
    after(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'nonsense.ini');
    writeFileSync(path, 'nonsense\n'.repeat(20_000));
    const lines = faultsOf(path).split('\n');
    assert.equal(lines.length, 102);
    assert.equal(lines[100], 'postern.ini: Cannot show all faults: 19900 more');
  });
});
