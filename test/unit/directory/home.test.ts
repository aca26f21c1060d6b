import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkHome, expandHome } from '../../../src/directory/home.ts';

describe('expandHome()', () => {
  it('puts the parts of the address into the template', () => {
    assert.equal(expandHome('/srv/vmail/%Ld/%Ln', 'Bob@d.test'), '/srv/vmail/d.test/bob');
    assert.equal(expandHome('/srv/%d/%n', '__proto__@d.test'), '/srv/d.test/__proto__');
    assert.equal(expandHome('/srv/%d/%n', '%u@d.test'), '/srv/d.test/%u');
  });

  for (const local of ['', '.', '..', '../../etc', 'a/b', '/', '\0', 'a\0b', 'a@b', 'x'.repeat(256)]) {
    it(`refuses the local part ${JSON.stringify(local.slice(0, 12))} (RULES 14)`, () => {
      assert.throws(() => expandHome('/srv/%d/%n', `${local}@d.test`), RangeError);
    });
  }
  for (const domain of ['', '.', '..', 'a/b', 'a\0b']) {
    it(`refuses the domain ${JSON.stringify(domain)} (RULES 14)`, () => {
      assert.throws(() => expandHome('/srv/%d/%n', `bob@${domain}`), RangeError);
    });
  }
  it('refuses an address without a domain', () => assert.throws(() => expandHome('/srv/%d/%n', 'bob'), RangeError));
  it('takes a local part of 255 bytes', () => {
    assert.equal(expandHome('/srv/%n', `${'x'.repeat(255)}@d.test`), `/srv/${'x'.repeat(255)}`);
  });
});

describe('checkHome()', () => {
  for (const home of ['/srv/bob', '/srv/bob/', '/srv/a b']) {
    it(`takes ${home}`, () => assert.doesNotThrow(() => checkHome(home)));
  }
  for (const home of [
    '',
    '/',
    'srv/bob',
    '/srv/../etc',
    '/srv/./bob',
    '/srv//bob',
    '/srv/..',
    '/srv/\0',
    `/${'x/'.repeat(2100)}`,
  ]) {
    it(`refuses ${JSON.stringify(home.slice(0, 20))} (RULES 14)`, () =>
      assert.throws(() => checkHome(home), RangeError));
  }
});
