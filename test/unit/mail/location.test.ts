import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { locate, parseLocation, type LocationSettings } from '../../../src/mail/location.ts';
import type { MailUser } from '../../../src/mail/mail-user.ts';

const SETTINGS: LocationSettings = {
  home: '/srv/vmail/%Ld/%Ln',
  location: 'maildir:~/Maildir',
  roots: ['/srv/vmail', '/srv/vmail/big'],
  uid: 5000,
  gid: 5000,
};
const USER: MailUser = { address: 'Ann@d.example', quota: [] };

function pathOf(user: Partial<MailUser>, settings: Partial<LocationSettings> = {}): string {
  const located = locate({ ...USER, ...user }, { ...SETTINGS, ...settings });
  return located.kind === 'located' ? located.location.path : `${located.reason}: ${located.detail}`;
}

describe('parseLocation()', () => {
  it('takes options off the path (RULES 12)', () => {
    assert.deepEqual(parseLocation('maildir:~/Mail:INBOX=~/In:CONTROL=/c/%u:INDEX=MEMORY'), {
      path: '~/Mail',
      inbox: '~/In',
      control: '/c/%u',
      index: 'MEMORY',
    });
  });

  for (const text of [
    'maildir:~/Mail:LAYOUT=fs',
    'maildir:~/Mail:UTF-8',
    'maildir:~/Mail:INBOX=',
    'maildir:~/Mail:inbox=/x',
    'maildir:~/Mail:',
    'maildir:',
    'mbox:~/mail',
    'mdbox:~/mdbox',
    '~/Maildir',
    '',
  ]) {
    it(`refuses ${JSON.stringify(text)} (RULES 12)`, () => {
      assert.throws(() => parseLocation(text), SyntaxError);
      assert.match(pathOf({ mail: text }), /^location: /);
    });
  }
});

describe('locate()', () => {
  it('expands once for an account, and anew for other settings and for an account that changed', () => {
    const first = locate(USER, SETTINGS);
    assert.equal(locate(USER, SETTINGS), first);
    assert.notDeepEqual(locate(USER, { ...SETTINGS, location: 'maildir:~/Mail' }), first);
    assert.notDeepEqual(locate({ ...USER, home: '/srv/vmail/moved' }, SETTINGS), first);
    assert.equal(locate(USER, SETTINGS), first);
  });

  it('expands the home of the configuration when the account has none', () => {
    assert.equal(pathOf({}), '/srv/vmail/d.example/ann/Maildir');
    assert.equal(pathOf({ home: '/srv/vmail/old/place' }), '/srv/vmail/old/place/Maildir');
    assert.equal(pathOf({ mail: 'maildir:%h/box' }), '/srv/vmail/d.example/ann/box');
    assert.equal(pathOf({ mail: 'maildir:/srv/vmail/%{domain}/x/' }), '/srv/vmail/d.example/x');
  });

  it('finds the innermost root and the INBOX', () => {
    const located = locate({ ...USER, mail: 'maildir:/srv/vmail/big/ann:INBOX=~/In' }, SETTINGS);
    assert.deepEqual(located, {
      kind: 'located',
      location: { path: '/srv/vmail/big/ann', inbox: '/srv/vmail/d.example/ann/In', root: '/srv/vmail/big' },
    });
  });

  it('never lets a colon in a name become an option', () => {
    assert.equal(pathOf({ address: 'a:INBOX=x@d.example' }), '/srv/vmail/d.example/a:inbox=x/Maildir');
  });

  for (const address of [
    '@d.example',
    'a@',
    '.@d.example',
    '..@d.example',
    'a/b@d.example',
    'a@..',
    'a\0@d.example',
    '',
  ]) {
    it(`refuses to build a path for ${JSON.stringify(address)} (RULES 14)`, () => {
      assert.match(pathOf({ address }), /^location: /);
    });
  }

  for (const mail of [
    'maildir:/srv/other/x',
    'maildir:/srv/vmail',
    'maildir:/srv/vmailx/y',
    'maildir:~/../../../etc',
    'maildir:relative',
    'maildir:~/M:INBOX=/etc/in',
    'maildir:~/M:CONTROL=relative',
    'maildir:/srv/vmail/%z',
  ]) {
    it(`refuses ${mail}, which leaves the mail roots or cannot be expanded (RULES 14)`, () => {
      assert.match(pathOf({ mail }), /^location: /);
    });
  }

  it('never leaves the roots whatever the address (RULES 14)', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii', maxLength: 20 }), fc.string({ maxLength: 20 }), (local, domain) => {
        const located = locate({ address: `${local}@${domain}`, quota: [] }, SETTINGS);
        if (located.kind === 'located') {
          assert.ok(located.location.path.startsWith('/srv/vmail/'));
          assert.ok(!located.location.path.split('/').includes('..'));
        }
      }),
    );
  });

  it('defers an account with ids that are not ours (RULES 13)', () => {
    assert.match(pathOf({ uid: 1000 }), /^wrong-owner: /);
    assert.match(pathOf({ gid: 1000 }), /^wrong-owner: /);
    assert.equal(pathOf({ uid: 5000, gid: 5000 }), '/srv/vmail/d.example/ann/Maildir');
  });
});
