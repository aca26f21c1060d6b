import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { writeReference, writeSample } from '../../../src/config/documents.ts';
import { parseConfig } from '../../../src/config/load-config.ts';
import { NAMED_SECTIONS, SECTIONS } from '../../../src/config/settings.ts';

const etc = join(import.meta.dirname, '../../../../etc');

describe('the files in etc/', () => {
  it('are what the table says: run "npm run docs" after a change', () => {
    assert.equal(readFileSync(join(etc, 'postern.ini'), 'utf8'), writeSample());
    assert.equal(readFileSync(join(etc, 'README.md'), 'utf8'), writeReference());
  });

  it('change nothing as they are', () => {
    const { config } = parseConfig(writeSample(), 'x');
    assert.deepEqual(config, parseConfig('', 'x').config);
  });

  it('have a good value for every setting, once its comment sign is taken away', () => {
    const text = writeSample().replaceAll(/^#(?=[\w[])/gm, '');
    const { config, settings } = parseConfig(text, 'x');
    assert.ok(settings.every(({ line }) => line !== undefined));
    assert.equal(config.postern.hostname, 'mail.example.com');
    assert.deepEqual(
      { ...config, postern: {}, autoconfig: {}, quotaRoots: [] },
      { ...parseConfig('', 'x').config, postern: {}, autoconfig: {}, quotaRoots: [] },
    );
  });
});

describe('the table of settings', () => {
  for (const [name, { words, settings }] of Object.entries({ ...SECTIONS, ...NAMED_SECTIONS })) {
    it(`explains [${name}] and each of its settings in whole sentences`, () => {
      for (const text of [words, ...Object.values(settings).map((setting) => setting.words)]) {
        assert.match(text, /^[A-Z].{10,}\.$/);
      }
    });
  }
});
