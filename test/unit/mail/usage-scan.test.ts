import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UsageScanner } from '../../../src/mail/usage-scan.ts';
import { startStore } from '../../support/mail-store.ts';

const ANN = 'ann@d.example';

describe('UsageScanner (RULES 34)', () => {
  it('adds sizes from names of all folders and asks the disk for names without one', async (t) => {
    const store = await startStore(t);
    store.plant(ANN, [
      'new/1.a,S=100',
      'cur/2.b,S=200,W=210:2,S',
      '.Sent/cur/3.c:2,',
      '.Sent/tmp/4.d,S=900',
      '.dovecot.sieve',
    ]);
    store.plant(ANN, ['new/.hidden', '.lists.x/new/5.e,S=1']);
    const path = store.maildir(ANN);
    const scanner = new UsageScanner();
    const request = { path, inbox: path, pid: 1, sinceSequence: 0 };
    assert.deepEqual(scanner.scan(request), {
      bytes: 311,
      messages: 4,
      mailboxes: new Map([
        ['', { bytes: 300, messages: 2 }],
        ['.Sent', { bytes: 10, messages: 1 }],
        ['.lists.x', { bytes: 1, messages: 1 }],
      ]),
      seen: [],
    });
    assert.deepEqual(scanner.scan({ ...request, path: '/nonexistent', inbox: '/nonexistent/in' }), {
      bytes: 0,
      messages: 0,
      mailboxes: new Map(),
      seen: [],
    });
  });

  it('does not trust a directory time that was young when it was read', async (t) => {
    const store = await startStore(t);
    const path = store.maildir(ANN);
    store.plant(ANN, ['new/1.a,S=100']);
    const scanner = new UsageScanner();
    const request = { path, inbox: path, pid: 1, sinceSequence: 0 };
    assert.equal(scanner.scan(request).bytes, 100);
    store.plant(ANN, ['new/2.b,S=50']);
    assert.equal(scanner.scan(request).bytes, 150);
  });

  it('counts a message that moves from new to cur meanwhile once', async (t) => {
    const store = await startStore(t);
    store.plant(ANN, ['new/1.a,S=100', 'cur/1.a,S=100:2,S']);
    const path = store.maildir(ANN);
    assert.equal(new UsageScanner().scan({ path, inbox: path, pid: 1, sinceSequence: 0 }).messages, 1);
  });
});
