/**
 * What is left of crypt(3) on a system without libcrypt: SHA-crypt by the vectors of its specification (Drepper, 2007),
 * MD5-CRYPT and bcrypt; everything compared with the library as well, where there is one.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { openLibcrypt } from '../../../../src/auth/schemes/libcrypt.ts';
import { cryptMd5 } from '../../../../src/auth/schemes/md5-crypt.ts';
import { cryptSha } from '../../../../src/auth/schemes/sha-crypt.ts';
import { findScheme } from '../../../../src/auth/schemes/scheme.ts';
import { hashSlow, verifySlow } from '../../../../src/auth/schemes/slow.ts';
import { parseStoredPassword } from '../../../../src/auth/schemes/stored-password.ts';
import type { HashVerdict } from '../../../../src/auth/hasher.ts';

const LONG = 'a very much longer text to encrypt.  This one even stretches over morethan one line.';
const SHORT_SALT = 'we have a short salt string but not a short password';
const FEW_ROUNDS = 'the minimum number is still observed';

/** Setting, password, hash. */
const SPECIFIED: readonly (readonly [string, string, string])[] = [
  ['$5$saltstring', 'Hello world!', '$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5'],
  [
    '$5$rounds=10000$saltstringsaltstring',
    'Hello world!',
    '$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA',
  ],
  [
    '$5$rounds=5000$toolongsaltstring',
    'This is just a test',
    '$5$rounds=5000$toolongsaltstrin$Un/5jzAHMgOGZ5.mWJpuVolil07guHPvOW8mGRcvxa5',
  ],
  [
    '$5$rounds=1400$anotherlongsaltstring',
    LONG,
    '$5$rounds=1400$anotherlongsalts$Rx.j8H.h8HjEDGomFU8bDkXm3XIUnzyxf12oP84Bnq1',
  ],
  ['$5$rounds=77777$short', SHORT_SALT, '$5$rounds=77777$short$JiO1O3ZpDAxGJeaDIuqCoEFysAe1mZNJRs3pw0KQRd/'],
  [
    '$5$rounds=123456$asaltof16chars..',
    'a short string',
    '$5$rounds=123456$asaltof16chars..$gP3VQ/6X7UUEW3HkBn2w1/Ptq2jxPyzV/cZKmF/wJvD',
  ],
  ['$5$rounds=10$roundstoolow', FEW_ROUNDS, '$5$rounds=1000$roundstoolow$yfvwcWrQ8l/K0DAWyuPMDNHpIVlTQebY9l/gL972bIC'],
  [
    '$6$saltstring',
    'Hello world!',
    '$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1',
  ],
  [
    '$6$rounds=10000$saltstringsaltstring',
    'Hello world!',
    '$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.',
  ],
  [
    '$6$rounds=5000$toolongsaltstring',
    'This is just a test',
    '$6$rounds=5000$toolongsaltstrin$lQ8jolhgVRVhY4b5pZKaysCLi0QBxGoNeKQzQ3glMhwllF7oGDZxUhx1yxdYcz/e1JSbq3y6JMxxl8audkUEm0',
  ],
  [
    '$6$rounds=1400$anotherlongsaltstring',
    LONG,
    '$6$rounds=1400$anotherlongsalts$POfYwTEok97VWcjxIiSOjiykti.o/pQs.wPvMxQ6Fm7I6IoYN3CmLs66x9t0oSwbtEW7o7UmJEiDwGqd8p4ur1',
  ],
  [
    '$6$rounds=77777$short',
    SHORT_SALT,
    '$6$rounds=77777$short$WuQyW2YR.hBNpjjRhpYD/ifIw05xdfeEyQoMxIXbkvr0gge1a1x3yRULJ5CCaUeOxFmtlcGZelFl5CxtgfiAc0',
  ],
  [
    '$6$rounds=123456$asaltof16chars..',
    'a short string',
    '$6$rounds=123456$asaltof16chars..$BtCwjqMJGx5hrJhZywWvt0RLE8uZ4oPwcelCjmw2kSYu.Ec6ycULevoBK25fs2xXgMNrCzIMVcgEJAstJeonj1',
  ],
  [
    '$6$rounds=10$roundstoolow',
    FEW_ROUNDS,
    '$6$rounds=1000$roundstoolow$kUMsbe306n21p9R.FRkW3IGn.S9NPN0x50YhH1xhLsPuWGsUSklZt58jaTfF4ZEQpyUNGc0dqbpBYYBaHHrsX.',
  ],
];

const salts = fc.stringMatching(/^[./0-9A-Za-z]{0,20}$/);
const passwords = fc.uint8Array({ maxLength: 300, min: 1 }).map((bytes) => Buffer.from(bytes));

describe('cryptSha()', () => {
  for (const [setting, password, hash] of SPECIFIED) {
    it(`makes what the specification says of ${setting}`, () => {
      assert.equal(cryptSha(Buffer.from(password), setting), hash);
    });
  }

  it('makes what libcrypt makes', () => {
    const libcrypt = openLibcrypt();
    assert.ok(libcrypt, 'libcrypt is a part of Debian’s base system');
    fc.assert(
      fc.property(passwords, salts, fc.constantFrom('5', '6'), (password, salt, id) => {
        const setting = `$${id}$rounds=1000$${salt}`;
        assert.equal(cryptSha(password, setting), libcrypt.crypt(password, setting));
      }),
      { numRuns: 60 },
    );
  });

  it('knows no other form', () => {
    for (const setting of ['$1$salt$', '$7$x', '5$salt', ''])
      assert.equal(cryptSha(Buffer.from('x'), setting), undefined);
  });
});

describe('cryptMd5()', () => {
  it('makes what libcrypt makes', () => {
    const libcrypt = openLibcrypt();
    assert.ok(libcrypt, 'libcrypt is a part of Debian’s base system');
    fc.assert(
      fc.property(passwords, salts, (password, salt) => {
        assert.equal(cryptMd5(password, `$1$${salt}$`), libcrypt.crypt(password, `$1$${salt}$`));
      }),
      { numRuns: 60 },
    );
  });
});

describe('without libcrypt', () => {
  const cases: readonly (readonly [string, HashVerdict])[] = [
    ['{SHA256-CRYPT}$5$.VB/qFbXtPN/yJgo$.JjJJ/tzmnEnmOru6k7SwnDAwpvErhgXT.XV7oR4al/', 'match'],
    [
      '$6$5LQupPvL9kxau76e$6i1ytuTrxGBWHLhXa0zxsp5gW/g9OsVcba9Nf/zASISmPXwTVkX183VRZsdZxUYkJPBBQxxMHCI4wl4fo6.0A0',
      'match',
    ],
    ['{MD5-CRYPT}$1$QoHrR/ZW$XEzxCuW9jijY49AQFsGu51', 'match'],
    ['{BLF-CRYPT}$2y$05$BjaAA95.cnO/zRNmq7iVHeket/ytx9dTs5jMB8Iyi6x8Rs0pG0PyK', 'match'],
    ['{CRYPT}$2b$05$BjaAA95.cnO/zRNmq7iVHeket/ytx9dTs5jMB8Iyi6x8Rs0pG0PyK', 'match'],
    ['{CRYPT}TZPCA46raLFKk', 'busy'],
    ['{BLF-CRYPT}$2x$05$BjaAA95.cnO/zRNmq7iVHeket/ytx9dTs5jMB8Iyi6x8Rs0pG0PyK', 'busy'],
    ['{CRYPT}$y$j9T$F5Jx5fExrKuPp53xLKQ..1$GmcwIgvdUC9qLWcKCi6gklUa1dM3ziD43YxYNURLKy0', 'busy'],
    ['{CRYPT}$6$rounds=9000000$5LQupPvL9kxau76e$x', 'busy'],
  ];
  for (const [text, verdict] of cases) {
    it(`says ${verdict} for ${text.slice(0, 30)}, and never match for a wrong password`, () => {
      const stored = parseStoredPassword(text);
      assert.ok(stored);
      assert.equal(verifySlow(Buffer.from('secret'), stored, undefined), verdict);
      const wrong = verifySlow(Buffer.from('Secret'), stored, undefined);
      assert.equal(wrong, verdict === 'match' ? 'mismatch' : verdict);
    });
  }

  it('makes hashes that the library verifies', () => {
    const libcrypt = openLibcrypt();
    for (const [name, rounds] of [
      ['SHA256-CRYPT', 5000],
      ['SHA512-CRYPT', 1000],
      ['BLF-CRYPT', 4],
    ] as const) {
      const scheme = findScheme(name);
      assert.ok(scheme);
      const stored = parseStoredPassword(hashSlow(Buffer.from('tést'), { scheme, rounds, libcrypt: undefined }));
      assert.ok(stored);
      assert.equal(verifySlow(Buffer.from('tést'), stored, libcrypt), 'match', name);
    }
  });
});

describe('openLibcrypt()', () => {
  it('gives the same answer ten thousand times, however memory moves meanwhile', () => {
    const libcrypt = openLibcrypt();
    assert.ok(libcrypt);
    const garbage: Buffer[] = [];
    for (let i = 0; i < 10_000; i++) {
      garbage[i % 100] = Buffer.alloc(8192, i);
      const password = Uint8Array.from(Buffer.from(`secret${i % 7}`));
      assert.equal(libcrypt.crypt(password, 'TZ') === libcrypt.crypt(password, 'TZ'), true);
    }
    assert.equal(libcrypt.crypt(Buffer.from('secret'), 'TZ'), 'TZPCA46raLFKk');
  });

  it('takes nothing that has no room, and no setting it cannot read', () => {
    const libcrypt = openLibcrypt();
    assert.ok(libcrypt);
    assert.throws(() => libcrypt.crypt(Buffer.alloc(512, 'x'), '$6$salt$'), RangeError);
    assert.throws(() => libcrypt.crypt(Buffer.from('a\0b'), '$6$salt$'), RangeError);
    for (const setting of ['', '*0', '$6$salt\0$', `$6$${'x'.repeat(400)}`, '$?$', ':::'])
      assert.equal(libcrypt.crypt(Buffer.from('secret'), setting), undefined, setting);
    const longest = Buffer.alloc(511, 'x');
    assert.match(libcrypt.crypt(longest, '$6$salt$') ?? '', /^\$6\$salt\$/);
  });
});
