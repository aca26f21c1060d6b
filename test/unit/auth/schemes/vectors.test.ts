/**
 * Every scheme against the vectors of Dovecot's own `doveadm pw`, and against what must never match. The comparison with
 * a Dovecot at hand is test/system/schemes.test.ts.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { HashPool } from '../../../../src/auth/hash-pool.ts';
import { listSchemes } from '../../../../src/auth/schemes/scheme.ts';
import type { HashVerdict } from '../../../../src/auth/hasher.ts';
import { CollectingLogger } from '../../../support/collecting-logger.ts';

const ACCENTED = 'tést pass,1';
const SECRET = 'secret';

const SHA512_CRYPT =
  '$6$5LQupPvL9kxau76e$6i1ytuTrxGBWHLhXa0zxsp5gW/g9OsVcba9Nf/zASISmPXwTVkX183VRZsdZxUYkJPBBQxxMHCI4wl4fo6.0A0';

/** Of a {SCRAM-SHA-1}, without its iterations. */
const SCRAM_FIELDS = 'CLF3wEdW1yMjGwKGsRgU4Q==,le2b+U2JmmyX71E5sw/g4Ia21Bw=,rQIknDcYaC5cftdxYtMJKBihTmI=';

const MATCHING: readonly (readonly [string, string])[] = [
  [ACCENTED, '{PLAIN}tést pass,1'],
  [ACCENTED, '{CLEAR}tést pass,1'],
  [ACCENTED, '{CLEARTEXT}tést pass,1'],
  [ACCENTED, '{PLAIN-TRUNC}12-tést pass,1'],
  [ACCENTED, '{PLAIN-TRUNC}5-tést'],
  [ACCENTED, '{MD5}$1$RSUPyCip$8izvLdGnN9pJEQpdm92au.'],
  [ACCENTED, '{MD5-CRYPT}$1$bbh.NtFG$JnTR69AjRXOppcR2UXdVN0'],
  [ACCENTED, '{SHA}fczE4PijjpKqCjK3YgcEC6rWe3A='],
  [ACCENTED, '{SHA1}fczE4PijjpKqCjK3YgcEC6rWe3A='],
  [ACCENTED, '{SHA256}RJy/OggTtyPBxY2iKhN5Wm5RuknQDErgwPNasMryc84='],
  [ACCENTED, '{SHA512}gJNKurGqGbtR0ktEw055gMjQV8xm1Pl6aBNucjCcObwfbJsHV49D2cfvrIM0HL1lwmpiF0oh/Q4Oo1ZSkHR9vQ=='],
  [ACCENTED, '{SMD5}fYfdGMit9EtjQetuUhxam4ch8mY='],
  [ACCENTED, '{SSHA}1vODysEhyTCim0wswO8P2gICp7In53Oa'],
  [ACCENTED, '{SSHA256}Hc3ytaJcujsU2cDcp4vCdjK0HhuGu8+a/i+ZDHQ/Z5h0mIzE'],
  [ACCENTED, '{SSHA512}JPdPQexveeETGvcwGwQGoktu/sGAZV9Vzksb1dvUHHEbyvVwNa97yX6XIAM4J7NLXV1uyyMAFgzXVJUJEYPCzELAxbI='],
  [ACCENTED, '{CRAM-MD5}a9fdec5d755cecbebd7a5232d49e14d89507b9ffaa909283973e3686f671ef4b'],
  [ACCENTED, '{HMAC-MD5}a9fdec5d755cecbebd7a5232d49e14d89507b9ffaa909283973e3686f671ef4b'],
  [ACCENTED, '{DIGEST-MD5}657c817da3c312dc5c9f84ff65ac99fe'],
  [ACCENTED, '{PLAIN-MD4}faf9957161995fa13c7ba5556d43de93'],
  [ACCENTED, '{PLAIN-MD5}1f46054c72ab7165a7d962eebea6ac56'],
  [ACCENTED, '{LDAP-MD5}H0YFTHKrcWWn2WLuvqasVg=='],
  [ACCENTED, '{SCRAM-SHA-1}4096,Gr9SO/niYEc7jn5NzGyXEQ==,6GVdOvd5nv6+aG+GUq+fwWJjBeM=,2oMv4I5LZciOjjkn5umOTsgvlNc='],
  [
    ACCENTED,
    '{SCRAM-SHA-256}4096,Le7cEnmwyfj9irbU6G/V+g==,84S3vQWncuT1INZqrl8Qx8krdFpXKcAVmF1+fQZpuLk=,yFY9ZF2amrnBfuTxwSHYCvCkzVWW8avYBeB8lVUn7fo=',
  ],
  [ACCENTED, '{PBKDF2}$1$IOtpunm0AmNtu5i8$5000$2db2203ad7009ea35193d49795c6b2064818942e'],
  [ACCENTED, '{DES-CRYPT}8FUWwIjgB/rAc'],
  [ACCENTED, '{SHA256-CRYPT}$5$D/fxgZ/L9yUME/xJ$ZoBJa0Pa4MVNzIYD1XIMzw1f9YQO9GApF6JDpHv30xC'],
  [
    ACCENTED,
    '{SHA512-CRYPT}$6$n2x8BgGciZrAkW0O$Xq.7KcK88fTkWcdtlee7rkNRLjzhmBIzgLinIvI7B.clEstZNEIp23wvprxVc2dO29TFf/Q3035WMwyW948uk/',
  ],
  [ACCENTED, '{BLF-CRYPT}$2y$05$yJQBqL1UUW5bzE2tJMuYAexpZbmZHNJ1Wwq2AbBnFdcEyVDBaJsgy'],
  [ACCENTED, '{CRYPT}$2y$05$kJvs84KNSjVxLMNfVO8tDuCfYiDHAsGp55dKnRSacwdZT.Uk2gbZu'],
  [
    ACCENTED,
    '{ARGON2I}$argon2i$v=19$m=32768,t=4,p=1$yzRSB/xn5DiA6J6iR08SKQ$9Ggx5VA76V25bOTt4HmCvnZlvZB6O5M2LLxQEkX2hrU',
  ],
  [
    ACCENTED,
    '{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$3B/lwI7+8hztqIsw2y++jA$BOjKF902ENFXCLY1N4PeTEl26jxmMQPbXkxHCJwJgac',
  ],
  [ACCENTED, '{PLAIN.B64}dMOpc3QgcGFzcywx'],
  [ACCENTED, '{PLAIN.HEX}74c3a9737420706173732c31'],
  [SECRET, '{PLAIN}secret'],
  [SECRET, '{CLEAR}secret'],
  [SECRET, '{CLEARTEXT}secret'],
  [SECRET, '{PLAIN-TRUNC}6-secret'],
  [SECRET, '{PLAIN-TRUNC}4-secr'],
  [SECRET, '{MD5}$1$L11BEyRd$H9M1.SBX3xpvdwC1BrDy21'],
  [SECRET, '{MD5-CRYPT}$1$QoHrR/ZW$XEzxCuW9jijY49AQFsGu51'],
  [SECRET, '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ='],
  [SECRET, '{SHA1}5en6G6MezRroT3XKqkdPOmY/BfQ='],
  [SECRET, '{SHA256}K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols='],
  [SECRET, '{SHA512}vSsar3708Jvp9Szi2NWZZ02Bqp1qRCFpbcTZPdBhnWgs5WtNZKnvCXdhztmeD2cmW192CF5bDufKRpayrW/isg=='],
  [SECRET, '{SMD5}Nm8pN1zMW3NQLWnjzatXwKjTcHs='],
  [SECRET, '{SSHA}xmxghb8G8DOkoRW2aOXlil0wHN45Sznr'],
  [SECRET, '{SSHA256}yLvpQ2ZyzQpuOPxChVF4dh0Azy0S2o9vhqZYqjx8kxK/g9m1'],
  [SECRET, '{SSHA512}d+Wii49PdvQblhVt85QXmZgQHGpvUqGQamO+2VV5gmPauqXwANMvgyBJnC6CR8X4tlKTwKaRjZdkVTZCzEDCXTDfmQA='],
  [SECRET, '{CRAM-MD5}cd3ba7deaad6e5ca23448ba42e379747a9e0f7f1fbc00c8a81bbaac395731b56'],
  [SECRET, '{HMAC-MD5}cd3ba7deaad6e5ca23448ba42e379747a9e0f7f1fbc00c8a81bbaac395731b56'],
  [SECRET, '{DIGEST-MD5}30969131580e626606ce70ceaab77719'],
  [SECRET, '{PLAIN-MD4}67d3dafef63ff00603aeef3769cfbf0d'],
  [SECRET, '{PLAIN-MD5}5ebe2294ecd0e0f08eab7690d2a6ee69'],
  [SECRET, '{LDAP-MD5}Xr4ilOzQ4PCOq3aQ0qbuaQ=='],
  [SECRET, '{SCRAM-SHA-1}4096,CLF3wEdW1yMjGwKGsRgU4Q==,le2b+U2JmmyX71E5sw/g4Ia21Bw=,rQIknDcYaC5cftdxYtMJKBihTmI='],
  [
    SECRET,
    '{SCRAM-SHA-256}4096,+qw09jvFz2oSaycbyq+o4w==,UftiPj6DE38Q3H4UXIkEQZVqv4wFv0CqzC0ZGS3B97Q=,v5ehb3Dtbzt4DgC65oSvq5EAWxxCIF4SvCG322p/yxE=',
  ],
  [SECRET, '{PBKDF2}$1$e42zjSFBr/BR/Fgp$5000$d9d284ca1f907a80313217b127683cf3696ce0f4'],
  [SECRET, '{DES-CRYPT}TZPCA46raLFKk'],
  [SECRET, '{SHA256-CRYPT}$5$.VB/qFbXtPN/yJgo$.JjJJ/tzmnEnmOru6k7SwnDAwpvErhgXT.XV7oR4al/'],
  [
    SECRET,
    '{SHA512-CRYPT}$6$5LQupPvL9kxau76e$6i1ytuTrxGBWHLhXa0zxsp5gW/g9OsVcba9Nf/zASISmPXwTVkX183VRZsdZxUYkJPBBQxxMHCI4wl4fo6.0A0',
  ],
  [SECRET, '{BLF-CRYPT}$2y$05$BjaAA95.cnO/zRNmq7iVHeket/ytx9dTs5jMB8Iyi6x8Rs0pG0PyK'],
  [SECRET, '{CRYPT}$2y$05$5kRK9AMe1wWNJKDvxyIBZeU40qOsGIfkzmfA8APmxd/jUGgeR/jqe'],
  [SECRET, '{ARGON2I}$argon2i$v=19$m=32768,t=4,p=1$I0fBc8X3ArUyEqbma4OzkA$82vPcTcwCoBkbGWn/+XpKdCRja2hLlclKTEmIzzh5FY'],
  [
    SECRET,
    '{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$voLwXwswXk948exkZw9Lzw$cjUI5IfmZlfcZIdsXjGirIDuZTgLSkSkLVVRqXR0xXI',
  ],
  [SECRET, '{PLAIN.B64}c2VjcmV0'],
  [SECRET, '{PLAIN.HEX}736563726574'],
  [SECRET, '{SHA256.HEX}2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b'],
  [SECRET, '{CRAM-MD5.B64}zTun3qrW5cojRIukLjeXR6ng9/H7wAyKgbuqw5VzG1Y='],
  [SECRET, '{CRYPT}$y$j9T$F5Jx5fExrKuPp53xLKQ..1$GmcwIgvdUC9qLWcKCi6gklUa1dM3ziD43YxYNURLKy0'],
  // Names in any case, encodings, detection by length.
  [SECRET, '{cleartext}secret'],
  [SECRET, '{PLAIN.base64}c2VjcmV0'],
  [SECRET, '{SHA256}2BB80D537B1DA3E38BD30361AA855686BDE0EACD7162FEF6A25FE97BF527A25B'],
  [SECRET, '{SHA1.hex}e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4'],
  [SECRET, '{PLAIN-MD5}Xr4ilOzQ4PCOq3aQ0qbuaQ=='],
  [SECRET, '{LDAP-MD5}5ebe2294ecd0e0f08eab7690d2a6ee69'],
  [SECRET, '{PLAIN-MD4.b64}Z9Pa/vY/8AYDru83ac+/DQ=='],
  [SECRET, '{SSHA.hex}c66c6085bf06f033a4a115b668e5e58a5d301cde394b39eb'],
  [SECRET, '{CRAM-MD5}zTun3qrW5cojRIukLjeXR6ng9/H7wAyKgbuqw5VzG1Y='],
  [
    SECRET,
    '{SHA512-CRYPT.b64}JDYkNUxRdXBQdkw5a3hhdTc2ZSQ2aTF5dHVUcnhHQldITGhYYTB6eHNwNWdXL2c5T3NWY2JhOU5mL3pBU0lTbVBYd1RWa1gxODNWUlpzZFp4VVlrSlBCQlF4eE1IQ0k0d2w0Zm82LjBBMA==',
  ],
  [
    SECRET,
    '{PBKDF2.hex}2431246534327a6a534642722f42522f46677024353030302464396432383463613166393037613830333133323137623132373638336366333639366365306634',
  ],
  [SECRET, '{PBKDF2}$1$e42zjSFBr/BR/Fgp$5000$D9D284CA1F907A80313217B127683CF3696CE0F4'],
  // {MD5} is MD5-CRYPT or PLAIN-MD5.
  [SECRET, '{MD5}5ebe2294ecd0e0f08eab7690d2a6ee69'],
  [SECRET, '{MD5}Xr4ilOzQ4PCOq3aQ0qbuaQ=='],
  // crypt(3) goes by the hash, whatever the label says; without one as well.
  [SECRET, '$1$QoHrR/ZW$XEzxCuW9jijY49AQFsGu51'],
  [SECRET, SHA512_CRYPT],
  [SECRET, `{DES-CRYPT}${SHA512_CRYPT}`],
  [SECRET, `{SHA256-CRYPT}${SHA512_CRYPT}`],
  [SECRET, '{SHA512-CRYPT}$1$QoHrR/ZW$XEzxCuW9jijY49AQFsGu51'],
  [SECRET, '{CRYPT}TZPCA46raLFKk'],
  [SECRET, '{CRYPT}$2a$05$BjaAA95.cnO/zRNmq7iVHeket/ytx9dTs5jMB8Iyi6x8Rs0pG0PyK'],
  [SECRET, '{BLF-CRYPT}$2b$05$BjaAA95.cnO/zRNmq7iVHeket/ytx9dTs5jMB8Iyi6x8Rs0pG0PyK'],
  [SECRET, '{BLF-CRYPT}$2x$05$BjaAA95.cnO/zRNmq7iVHeket/ytx9dTs5jMB8Iyi6x8Rs0pG0PyK'],
  [SECRET, '{CRYPT}$gy$j9T$F5Jx5fExrKuPp53xLKQ..1$uE5FcoxTz78xZpMZkpTmj/0MogyeNUSLIjdCxpQjz.8'],
  [SECRET, '{CRYPT}$7$CU..../....2Q9obwLhin8qvQl6sisAO/$zLxvLFYPM5KAGpCZJUSlO9j165rU./sf1Adr0M4C5A4'],
  [SECRET, '{CRYPT}$sha1$100000$abc$/eVPZ/pcip8Pv/nkViIsmUJxi/3A'],
  [SECRET, '{CRYPT}$md5,rounds=100000$abcd$$FYf0EaHBjdvtAc2HpIHvD/'],
  [SECRET, '{CRYPT}$3$$878d8014606cda29677a44efa1353fc7'],
  [SECRET, '{CRYPT}_/...abcdqv914M7v2rI'],
  // Either label of argon2 takes either variant.
  [
    SECRET,
    '{ARGON2I}$argon2id$v=19$m=65536,t=3,p=1$voLwXwswXk948exkZw9Lzw$cjUI5IfmZlfcZIdsXjGirIDuZTgLSkSkLVVRqXR0xXI',
  ],
  [SECRET, '{argon2}$argon2i$v=19$m=32768,t=4,p=1$I0fBc8X3ArUyEqbma4OzkA$82vPcTcwCoBkbGWn/+XpKdCRja2hLlclKTEmIzzh5FY'],
  ['', '{PLAIN}'],
  ['', '{PLAIN-TRUNC}6-'],
  [SECRET, '{PLAIN-TRUNC}-secret'],
  [SECRET, '{PLAIN-TRUNC.b64}NC1zZWNy'],
];

const NOT_MATCHING: readonly (readonly [string, string, HashVerdict])[] = [
  [SECRET, '{OTP}sha1 1024 cfd3ca7aefbdb2af d474ed950cb2d8ff', 'unusable'],
  [SECRET, '{NTLM}878d8014606cda29677a44efa1353fc7', 'unusable'],
  // Dovecot takes every password for these two.
  [SECRET, '{PLAIN-TRUNC}0-', 'unusable'],
  [SECRET, '{PLAIN-TRUNC}-', 'unusable'],
  [SECRET, '{PLAIN-TRUNC}secret', 'unusable'],
  ['secrets', '{PLAIN-TRUNC}7-secret', 'mismatch'],
  ['secr', '{PLAIN-TRUNC}6-secret', 'mismatch'],
  [SECRET, '{PLAIN-MD5}5ebe2294ecd0e0f08eab7690d2a6ee6', 'unusable'],
  [SECRET, '{PLAIN-MD5}5ebe2294ecd0e0f08eab7690d2a6ee6x', 'unusable'],
  [SECRET, '{MD5}x', 'unusable'],
  [SECRET, '{MD5-CRYPT}5ebe2294ecd0e0f08eab7690d2a6ee69', 'unusable'],
  [SECRET, `{MD5-CRYPT}${SHA512_CRYPT}`, 'unusable'],
  [SECRET, '{SMD5}Xr4ilOzQ4PCOq3aQ0qbuaQ==', 'unusable'],
  [SECRET, '{CRAM-MD5}', 'unusable'],
  [SECRET, '{CRAM-MD5}cd3ba7deaad6e5ca23448ba42e379747', 'unusable'],
  [SECRET, '{SSHA}c66c6085bf06f033a4a115b668e5e58a5d301cde394b39eb', 'mismatch'],
  [SECRET, '{PBKDF2}', 'unusable'],
  [SECRET, '{PBKDF2}$1$e42zjSFBr/BR/Fgp$5000', 'unusable'],
  [SECRET, '{PBKDF2}$1$e42zjSFBr/BR/Fgp$5000$d9d284ca1f907a80313217b127683cf3696ce0f4$', 'unusable'],
  [SECRET, '{PBKDF2}$2$e42zjSFBr/BR/Fgp$5000$d9d284ca1f907a80313217b127683cf3696ce0f4', 'unusable'],
  [SECRET, '{PBKDF2}$1$e42zjSFBr/BR/Fgp$0$d9d284ca1f907a80313217b127683cf3696ce0f4', 'unusable'],
  [SECRET, '{PBKDF2}$1$e42zjSFBr/BR/Fgp$999999999$d9d284ca1f907a80313217b127683cf3696ce0f4', 'unusable'],
  [SECRET, `{SCRAM-SHA-1}4095,${SCRAM_FIELDS}`, 'unusable'],
  [SECRET, `{SCRAM-SHA-1}999999999,${SCRAM_FIELDS}`, 'unusable'],
  [SECRET, '{SCRAM-SHA-1}4096,CLF3wEdW1yMjGwKGsRgU4Q==,le2b+U2JmmyX71E5sw/g4Ia21Bw=', 'unusable'],
  [SECRET, `{SCRAM-SHA-1}4096,${SCRAM_FIELDS.replace('==', '')}`, 'unusable'],
  [SECRET, `{SCRAM-SHA-256}4096,${SCRAM_FIELDS}`, 'unusable'],
  ['x', `{SCRAM-SHA-1}4096,${SCRAM_FIELDS}`, 'mismatch'],
  ['x', '{ARGON2ID}', 'mismatch'],
  ['x', '{BLF-CRYPT}', 'mismatch'],
  ['x', '{CRYPT.B64}', 'mismatch'],
  ['x', '{CRYPT}x', 'unusable'],
  ['x', '{CRYPT}$nosuch$form$x', 'unusable'],
  ['x', '{CRYPT.HEX}2436240041', 'unusable'],
  // More memory, or more time, than a login may take.
  [SECRET, '{CRYPT}$y$jKT$F5Jx5fExrKuPp53xLKQ..1$GmcwIgvdUC9qLWcKCi6gklUa1dM3ziD43YxYNURLKy0', 'unusable'],
  [SECRET, '{CRYPT}$7$PU..../....2Q9obwLhin8qvQl6sisAO/$zLxvLFYPM5KAGpCZJUSlO9j165rU./sf1Adr0M4C5A4', 'unusable'],
  [SECRET, '{CRYPT}$sha1$100000000$abc$/eVPZ/pcip8Pv/nkViIsmUJxi/3A', 'unusable'],
  [SECRET, '{CRYPT}$md5,rounds=4000000000$abcd$$FYf0EaHBjdvtAc2HpIHvD/', 'unusable'],
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

/** What the vectors of {DIGEST-MD5} were made for. */
const USER = 'user@example.com';

/** Every scheme that is made anew. */
const MADE = listSchemes().filter(({ weakness }) => weakness === undefined);

describe('password schemes', () => {
  const logger = new CollectingLogger();
  const pool = new HashPool({ defaultScheme: 'ARGON2ID', workerCount: 2, logger });
  before(() => pool.start());
  after(() => pool.stop());

  for (const [password, stored] of MATCHING) {
    it(`verify "${password}" against ${stored.slice(0, 40)}`, async () => {
      assert.equal(await pool.verify(Buffer.from(password), stored, { user: USER }), 'match');
      assert.equal(await pool.verify(Buffer.from(`x${password}`), stored, { user: USER }), 'mismatch');
    });
  }

  for (const [password, stored, verdict] of NOT_MATCHING) {
    it(`say ${verdict} for ${JSON.stringify(password)} against ${stored.slice(0, 50)}`, async () => {
      assert.equal(await pool.verify(Buffer.from(password), stored, { user: USER }), verdict);
    });
  }

  it('bind DIGEST-MD5 to the user as typed, split at the last @', async () => {
    const password = Buffer.from(SECRET);
    for (const user of [USER, 'a@b@example.com', 'joe', '@', '']) {
      const stored = await pool.hash(password, 'DIGEST-MD5', { user });
      assert.equal(await pool.verify(password, stored, { user }), 'match', user);
      assert.equal(await pool.verify(password, stored, { user: 'other@example.com' }), 'mismatch');
      assert.equal(await pool.verify(password, stored), 'unusable', 'no user is no answer');
    }
    const [local, domain] = ['a@b', 'example.com'];
    const digest = createHash('md5').update(`${local}:${domain}:secret`).digest('hex');
    assert.equal(await pool.verify(password, `{DIGEST-MD5}${digest}`, { user: 'a@b@example.com' }), 'match');
    await assert.rejects(pool.hash(password, 'DIGEST-MD5'), /^RangeError: .*needs a user name$/);
  });

  it('make a new salt each time', async () => {
    const password = Buffer.from(SECRET);
    for (const { name, kind } of MADE) {
      if (['plain', 'digest', 'cram', 'user-digest'].includes(kind)) continue;
      assert.notEqual(await pool.hash(password, name), await pool.hash(password, name), name);
    }
  });

  it('keep bytes that are no text', async () => {
    const password = Buffer.from([0xff, 0x00, 0x61]);
    for (const { name, kind } of MADE) {
      if (kind === 'crypt' || kind === 'bcrypt') {
        await assert.rejects(pool.hash(password, name), /^RangeError: .*NUL/, name);
        continue;
      }
      const stored = await pool.hash(password, name, { user: USER });
      assert.equal(await pool.verify(password, stored, { user: USER }), 'match', name);
      assert.equal(await pool.verify(Buffer.from([0xff]), stored, { user: USER }), 'mismatch', name);
    }
  });

  it('say mismatch for passwords longer than crypt(3) takes, as for unknown users, and make none (RULES 40)', async () => {
    for (const { name } of MADE) {
      const stored = await pool.hash(Buffer.from(SECRET), name, { user: USER });
      for (const length of [511, 512, 12_288])
        assert.equal(await pool.verify(Buffer.alloc(length, 'x'), stored, { user: USER }), 'mismatch', name);
    }
    for (const scheme of ['SHA256-CRYPT', 'SHA512-CRYPT']) {
      const longest = Buffer.alloc(511, 'x');
      const stored = await pool.hash(longest, scheme);
      assert.equal(await pool.verify(longest, stored), 'match', scheme);
      assert.equal(await pool.verify(Buffer.alloc(512, 'x'), stored), 'mismatch', scheme);
      await assert.rejects(pool.hash(Buffer.alloc(512, 'x'), scheme), /^RangeError: .* 511 bytes .* 512$/);
    }
  });

  it('cut no password silently: bcrypt holds 72 bytes', async () => {
    const longest = Buffer.alloc(72, 'x');
    for (const scheme of ['BLF-CRYPT', 'CRYPT']) {
      const stored = await pool.hash(longest, scheme);
      assert.equal(await pool.verify(longest, stored), 'match');
      await assert.rejects(pool.hash(Buffer.alloc(73, 'x'), scheme), /^RangeError: .* 72 bytes .* 73$/);
      assert.equal(
        await pool.verify(Buffer.alloc(80, 'x'), stored),
        'match',
        'as Dovecot, what follows is not looked at',
      );
    }
  });

  it('verify SCRAM data of the prepared password, and Dovecot’s of the bytes as they are', async () => {
    // U+00AA becomes "a" when it is prepared (RFC 4013).
    const typed = Buffer.from('\u00aa');
    const prepared = await pool.hash(typed, 'SCRAM-SHA-256');
    assert.equal(await pool.verify(typed, prepared), 'match');
    assert.equal(await pool.verify(Buffer.from('a'), prepared), 'match');
    const parameters = { algorithm: 'sha256', salt: Buffer.alloc(16), iterations: 4096 } as const;
    const raw = `{SCRAM-SHA-256}${await pool.deriveScram(typed, parameters)}`;
    assert.equal(await pool.verify(typed, raw), 'match');
    assert.equal(await pool.verify(Buffer.from('a'), raw), 'mismatch');
  });

  it('refuse to make an unknown one', async () => {
    await assert.rejects(pool.hash(Buffer.from(SECRET), 'ROT13'), RangeError);
    await assert.rejects(pool.hash(Buffer.from(SECRET), 'OTP'), RangeError);
    assert.throws(() => new HashPool({ defaultScheme: 'ROT13', logger }), RangeError);
  });

  it('log nothing', () => {
    assert.deepEqual(logger.lines, []);
  });
});
