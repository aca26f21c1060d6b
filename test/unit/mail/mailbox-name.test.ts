import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeMailboxName, formatFolderDirectory } from '../../../src/mail/mailbox-name.ts';

describe('encodeMailboxName()', () => {
  for (const [name, encoded] of [
    ['Sent', 'Sent'],
    ['Bücher', 'B&APw-cher'],
    ['Sent & Co', 'Sent &- Co'],
    ['日本', '&ZeVnLA-'],
    ['😀', '&2D3eAA-'],
    ['&', '&-'],
  ] as const) {
    it(`writes ${name} as ${encoded}`, () => assert.equal(encodeMailboxName(name), encoded));
  }
});

describe('formatFolderDirectory()', () => {
  it('joins levels with dots', () => {
    assert.equal(formatFolderDirectory('a/b/c', '/'), '.a.b.c');
    assert.equal(formatFolderDirectory('a.b', '.'), '.a.b');
    assert.equal(formatFolderDirectory('Bücher', '/'), '.B&APw-cher');
  });
  it('refuses what cannot be a folder', () => {
    for (const name of ['', '/', 'a/', '/a', 'a//b', '.', '..', 'a.b', '~a', 'a\nb', 'é'.repeat(200)]) {
      assert.equal(formatFolderDirectory(name, '/'), undefined, name);
    }
  });
});
