/** Every scheme against the vectors of Dovecot's own `doveadm pw`, and against what must never match. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { HashPool } from '../../../src/auth/hash-pool.ts';
import type { HashVerdict } from '../../../src/auth/hasher.ts';
import { CollectingLogger } from '../../support/collecting-logger.ts';

const ACCENTED = 'tést pass,1';
const SECRET = 'secret';

const MATCHING: readonly (readonly [string, string])[] = [
  [ACCENTED, '{PLAIN}tést pass,1'],
  [SECRET, '{CLEAR}secret'],
  [SECRET, '{cleartext}secret'],
  ['', '{PLAIN}'],
  [ACCENTED, '{PLAIN.B64}dMOpc3QgcGFzcywx'],
  [ACCENTED, '{PLAIN.HEX}74c3a9737420706173732c31'],
  [SECRET, '{PLAIN.base64}c2VjcmV0'],
  [ACCENTED, '{SHA}fczE4PijjpKqCjK3YgcEC6rWe3A='],
  [SECRET, '{SHA1}5en6G6MezRroT3XKqkdPOmY/BfQ='],
  [ACCENTED, '{SHA256}RJy/OggTtyPBxY2iKhN5Wm5RuknQDErgwPNasMryc84='],
  [SECRET, '{SHA256.HEX}2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b'],
  [SECRET, '{SHA256}2BB80D537B1DA3E38BD30361AA855686BDE0EACD7162FEF6A25FE97BF527A25B'],
  [ACCENTED, '{SHA512}gJNKurGqGbtR0ktEw055gMjQV8xm1Pl6aBNucjCcObwfbJsHV49D2cfvrIM0HL1lwmpiF0oh/Q4Oo1ZSkHR9vQ=='],
  [ACCENTED, '{SSHA}1vODysEhyTCim0wswO8P2gICp7In53Oa'],
  [SECRET, '{SSHA}xmxghb8G8DOkoRW2aOXlil0wHN45Sznr'],
  [ACCENTED, '{SSHA256}Hc3ytaJcujsU2cDcp4vCdjK0HhuGu8+a/i+ZDHQ/Z5h0mIzE'],
  [SECRET, '{SSHA256}yLvpQ2ZyzQpuOPxChVF4dh0Azy0S2o9vhqZYqjx8kxK/g9m1'],
  [ACCENTED, '{SSHA512}JPdPQexveeETGvcwGwQGoktu/sGAZV9Vzksb1dvUHHEbyvVwNa97yX6XIAM4J7NLXV1uyyMAFgzXVJUJEYPCzELAxbI='],
  [ACCENTED, '{SHA256-CRYPT}$5$D/fxgZ/L9yUME/xJ$ZoBJa0Pa4MVNzIYD1XIMzw1f9YQO9GApF6JDpHv30xC'],
  [SECRET, '{SHA256-CRYPT}$5$.VB/qFbXtPN/yJgo$.JjJJ/tzmnEnmOru6k7SwnDAwpvErhgXT.XV7oR4al/'],
  [
    ACCENTED,
    '{SHA512-CRYPT}$6$n2x8BgGciZrAkW0O$Xq.7KcK88fTkWcdtlee7rkNRLjzhmBIzgLinIvI7B.clEstZNEIp23wvprxVc2dO29TFf/Q3035WMwyW948uk/',
  ],
  [
    SECRET,
    '$6$5LQupPvL9kxau76e$6i1ytuTrxGBWHLhXa0zxsp5gW/g9OsVcba9Nf/zASISmPXwTVkX183VRZsdZxUYkJPBBQxxMHCI4wl4fo6.0A0',
  ],
  [ACCENTED, '{BLF-CRYPT}$2y$05$yJQBqL1UUW5bzE2tJMuYAexpZbmZHNJ1Wwq2AbBnFdcEyVDBaJsgy'],
  [SECRET, '{BLF-CRYPT}$2y$05$BjaAA95.cnO/zRNmq7iVHeket/ytx9dTs5jMB8Iyi6x8Rs0pG0PyK'],
  [ACCENTED, '{CRYPT}$2y$05$kJvs84KNSjVxLMNfVO8tDuCfYiDHAsGp55dKnRSacwdZT.Uk2gbZu'],
  [SECRET, '{CRYPT}$y$j9T$F5Jx5fExrKuPp53xLKQ..1$GmcwIgvdUC9qLWcKCi6gklUa1dM3ziD43YxYNURLKy0'],
  [SECRET, '$1$QoHrR/ZW$XEzxCuW9jijY49AQFsGu51'],
  [SECRET, '{CRYPT}TZPCA46raLFKk'],
  [
    ACCENTED,
    '{ARGON2I}$argon2i$v=19$m=32768,t=4,p=1$yzRSB/xn5DiA6J6iR08SKQ$9Ggx5VA76V25bOTt4HmCvnZlvZB6O5M2LLxQEkX2hrU',
  ],
  [
    SECRET,
    '{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$voLwXwswXk948exkZw9Lzw$cjUI5IfmZlfcZIdsXjGirIDuZTgLSkSkLVVRqXR0xXI',
  ],
  [
    SECRET,
    '{ARGON2I}$argon2id$v=19$m=65536,t=3,p=1$voLwXwswXk948exkZw9Lzw$cjUI5IfmZlfcZIdsXjGirIDuZTgLSkSkLVVRqXR0xXI',
  ],
];

const NOT_MATCHING: readonly (readonly [string, string, HashVerdict])[] = [
  ['test', '{PLAIN}invalid', 'mismatch'],
  ['', '{PLAIN}x', 'mismatch'],
  ['te\u0301st pass,1', '{PLAIN}tést pass,1', 'mismatch'],
  ['test', '{INVALID}x', 'unusable'],
  ['test', '{PLAIN.ROT13}grfg', 'unusable'],
  ['test', '{PLAIN.B64.HEX}74', 'unusable'],
  ['test', '{}test', 'unusable'],
  ['', '', 'mismatch'],
  ['', '{CRYPT}', 'mismatch'],
  ['', '{SHA512-CRYPT}', 'mismatch'],
  ['*', '{CRYPT}*', 'mismatch'],
  ['!', '!', 'mismatch'],
  ['test', '{CRYPT', 'unusable'],
  ['test', `{SSHA}${Buffer.alloc(20).toString('base64')}`, 'unusable'],
  ['test', `{SSHA}${Buffer.alloc(10).toString('base64')}`, 'unusable'],
  ['secret', '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ', 'unusable'],
  ['secret', '{SHA}not base64!', 'unusable'],
  ['secret', '{SHA256.HEX}2bb8', 'unusable'],
  [
    SECRET,
    '{BLF-CRYPT}$6$5LQupPvL9kxau76e$6i1ytuTrxGBWHLhXa0zxsp5gW/g9OsVcba9Nf/zASISmPXwTVkX183VRZsdZxUYkJPBBQxxMHCI4wl4fo6.0A0',
    'unusable',
  ],
  ['secret\0x', '{SHA256-CRYPT}$5$.VB/qFbXtPN/yJgo$.JjJJ/tzmnEnmOru6k7SwnDAwpvErhgXT.XV7oR4al/', 'mismatch'],
  ['secret', '{SHA256-CRYPT}$5$.VB/qFbXtPN/yJgo$.JjJJ/tzmnEnmOru6k7SwnDAwpvErhgXT.XV7oR4al.', 'mismatch'],
  ['secret', '{SHA512-CRYPT}$6$rounds=999999999$5LQupPvL9kxau76e$x', 'unusable'],
  ['secret', '{BLF-CRYPT}$2y$31$BjaAA95.cnO/zRNmq7iVHeket/ytx9dTs5jMB8Iyi6x8Rs0pG0PyK', 'unusable'],
  ['wrong', '{BLF-CRYPT}$2y$05$BjaAA95.cnO/zRNmq7iVHeket/ytx9dTs5jMB8Iyi6x8Rs0pG0PyK', 'mismatch'],
  ['x', '{BLF-CRYPT}$2y$', 'unusable'],
  ['secret', '{BLF-CRYPT}$2x$31$BjaAA95.cnO/zRNmq7iVHeket/ytx9dTs5jMB8Iyi6x8Rs0pG0PyK', 'unusable'],
  ['secret', '{ARGON2ID}$argon2id$v=19$m=65536', 'unusable'],
  [
    'secret',
    '{ARGON2ID}$argon2id$v=19$m=4194304,t=3,p=1$voLwXwswXk948exkZw9Lzw$cjUI5IfmZlfcZIdsXjGirIDuZTgLSkSkLVVRqXR0xXI',
    'unusable',
  ],
  [
    'Secret',
    '{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$voLwXwswXk948exkZw9Lzw$cjUI5IfmZlfcZIdsXjGirIDuZTgLSkSkLVVRqXR0xXI',
    'mismatch',
  ],
];

/** Schemes both we and doveadm can make. */
const MADE_BY_BOTH = [
  'PLAIN',
  'SHA',
  'SHA256',
  'SHA512',
  'SSHA',
  'SSHA256',
  'SSHA512',
  'CRYPT',
  'SHA256-CRYPT',
  'SHA512-CRYPT',
  'BLF-CRYPT',
  'ARGON2I',
  'ARGON2ID',
];

describe('password schemes', () => {
  const logger = new CollectingLogger();
  const pool = new HashPool({ defaultScheme: 'ARGON2ID', workerCount: 2, logger });
  before(() => pool.start());
  after(() => pool.stop());

  for (const [password, stored] of MATCHING) {
    it(`verify "${password}" against ${stored.slice(0, 40)}`, async () => {
      assert.equal(await pool.verify(Buffer.from(password), stored), 'match');
      assert.equal(await pool.verify(Buffer.from(`x${password}`), stored), 'mismatch');
    });
  }

  for (const [password, stored, verdict] of NOT_MATCHING) {
    it(`say ${verdict} for ${JSON.stringify(password)} against ${stored.slice(0, 50)}`, async () => {
      assert.equal(await pool.verify(Buffer.from(password), stored), verdict);
    });
  }

  for (const scheme of MADE_BY_BOTH) {
    it(`make ${scheme} that doveadm accepts, and accept doveadm’s`, async () => {
      const ours = await pool.hash(Buffer.from(ACCENTED), scheme);
      assert.ok(ours.startsWith(`{${scheme}}`), ours);
      assert.equal(await pool.verify(Buffer.from(ACCENTED), ours), 'match');
      const tested = doveadm(['pw', '-t', ours, '-p', ACCENTED]);
      assert.match(tested, /\(verified\)/);

      const theirs = doveadm(['pw', '-s', scheme, '-p', ACCENTED]);
      assert.equal(await pool.verify(Buffer.from(ACCENTED), theirs), 'match');
      assert.equal(await pool.verify(Buffer.from(SECRET), theirs), 'mismatch');
    });
  }

  it('make a new salt each time', async () => {
    const password = Buffer.from(SECRET);
    for (const scheme of ['SSHA512', 'SHA512-CRYPT', 'BLF-CRYPT', 'ARGON2ID'])
      assert.notEqual(await pool.hash(password, scheme), await pool.hash(password, scheme));
  });

  it('keep bytes that are no text', async () => {
    const password = Buffer.from([0xff, 0x00, 0x61]);
    assert.equal(await pool.verify(password, await pool.hash(password, 'PLAIN')), 'match');
    const argon2 = await pool.hash(password, 'ARGON2ID');
    assert.equal(await pool.verify(password, argon2), 'match');
    assert.equal(await pool.verify(Buffer.from([0xff]), argon2), 'mismatch');
    await assert.rejects(pool.hash(password, 'SHA512-CRYPT'), /NUL/);
  });

  it('say mismatch for passwords longer than crypt(3) takes, as for unknown users, and make none (RULES 40)', async () => {
    for (const scheme of MADE_BY_BOTH) {
      const stored = await pool.hash(Buffer.from(SECRET), scheme);
      for (const length of [511, 512, 12_288])
        assert.equal(await pool.verify(Buffer.alloc(length, 'x'), stored), 'mismatch', `${scheme} ${length}`);
    }
    for (const scheme of ['SHA256-CRYPT', 'SHA512-CRYPT']) {
      const longest = Buffer.alloc(511, 'x');
      assert.equal(await pool.verify(longest, await pool.hash(longest, scheme)), 'match', scheme);
      const stored = await pool.hash(longest, scheme);
      assert.equal(await pool.verify(Buffer.alloc(512, 'x'), stored), 'mismatch', scheme);
      await assert.rejects(
        pool.hash(Buffer.alloc(512, 'x'), scheme),
        /^RangeError: Cannot hash with scheme "SHA\d+-CRYPT": it holds 511 bytes of a password, and this one has 512$/,
      );
    }
  });

  it('refuse to make an unknown one', async () => {
    await assert.rejects(pool.hash(Buffer.from(SECRET), 'ROT13'), RangeError);
    assert.throws(() => new HashPool({ defaultScheme: 'ROT13', logger }), RangeError);
  });

  it('log nothing', () => {
    assert.deepEqual(logger.lines, []);
  });
});

/** Runs Dovecot's own tool; it needs no configuration that a fresh install does not have. */
function doveadm(args: readonly string[]): string {
  const { stdout, stderr, status } = spawnSync('doveadm', ['-c', '/dev/null', ...args], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout.trim();
}
