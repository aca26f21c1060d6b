import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { SecretFile } from '../../../src/store/secret-file.ts';
import { CollectingLogger } from '../../support/collecting-logger.ts';

const root = mkdtempSync(join(tmpdir(), 'postern-secrets-'));
after(() => rmSync(root, { recursive: true }));

function openIn(folder: string): { secret: SecretFile; logger: CollectingLogger } {
  const logger = new CollectingLogger();
  const secret = new SecretFile({ path: join(folder, 'secrets'), logger });
  secret.open();
  return { secret, logger };
}

describe('SecretFile', () => {
  it('makes the file once, for its owner alone, and leaves nothing else behind', () => {
    const folder = mkdtempSync(join(root, 'a-'));
    const { secret, logger } = openIn(folder);
    assert.deepEqual(readdirSync(folder), ['secrets']);
    assert.equal(statSync(join(folder, 'secrets')).mode & 0o777, 0o600);
    assert.match(readFileSync(join(folder, 'secrets'), 'latin1'), /^[0-9a-f]{64}\n$/);
    logger.assertQuiet();
    const again = openIn(folder);
    again.logger.assertQuiet();
    assert.deepEqual(again.secret.deriveKey('a'), secret.deriveKey('a'));
  });

  it('gives each purpose a key of its own', () => {
    const { secret } = openIn(mkdtempSync(join(root, 'b-')));
    assert.notDeepEqual(secret.deriveKey('a'), secret.deriveKey('b'));
    assert.equal(secret.deriveKey('a').length, 32);
  });

  const broken: [string, string][] = [
    ['empty', ''],
    ['short', 'ab12\n'],
    ['longer', `${'a'.repeat(65)}\n`],
    ['not hexadecimal', 'x'.repeat(64)],
  ];
  for (const [what, text] of broken) {
    it(`says so, tells nothing of it, and serves from memory when the file is ${what}`, () => {
      const folder = mkdtempSync(join(root, 'c-'));
      writeFileSync(join(folder, 'secrets'), text);
      const { secret, logger } = openIn(folder);
      const [line] = logger.of('store.fault');
      assert.equal(line?.level, 'error');
      if (text !== '') assert.ok(!String(line?.fields['err']).includes(text.trim()));
      assert.deepEqual(secret.deriveKey('a'), secret.deriveKey('a'));
      assert.equal(readFileSync(join(folder, 'secrets'), 'latin1'), text);
    });
  }

  it('serves from memory when the folder is not there', () => {
    const { secret, logger } = openIn(join(root, 'missing'));
    assert.equal(logger.of('store.fault').length, 1);
    assert.equal(secret.deriveKey('a').length, 32);
  });
});
