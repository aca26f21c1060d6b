/** What is read from a stored text before anything is hashed: costs, weaknesses, whether it is to be made anew. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { makeDecoy, planHash } from '../../../../src/auth/schemes/new-hash.ts';
import { findScheme, listSchemes, NEW_PASSWORD_SCHEMES } from '../../../../src/auth/schemes/scheme.ts';
import { parseStoredPassword } from '../../../../src/auth/schemes/stored-password.ts';
import { findWeakness, readWork } from '../../../../src/auth/schemes/stored-work.ts';
import { isSurelyWhole, needsUpgrade } from '../../../../src/auth/schemes/upgrade.ts';
import { isBearable, type HashWork } from '../../../../src/auth/schemes/work.ts';

const SALT = 'voLwXwswXk948exkZw9Lzw';
const KEY = 'cjUI5IfmZlfcZIdsXjGirIDuZTgLSkSkLVVRqXR0xXI';
const SHA512 =
  '5LQupPvL9kxau76e$6i1ytuTrxGBWHLhXa0zxsp5gW/g9OsVcba9Nf/zASISmPXwTVkX183VRZsdZxUYkJPBBQxxMHCI4wl4fo6.0A0';
const BCRYPT = 'BjaAA95.cnO/zRNmq7iVHeket/ytx9dTs5jMB8Iyi6x8Rs0pG0PyK';
const PBKDF2 = 'd9d284ca1f907a80313217b127683cf3696ce0f4';
const SCRAM = 'CLF3wEdW1yMjGwKGsRgU4Q==,le2b+U2JmmyX71E5sw/g4Ia21Bw=,rQIknDcYaC5cftdxYtMJKBihTmI=';

function workOf(text: string, passwordBytes = 8): HashWork | undefined {
  const stored = parseStoredPassword(text);
  assert.ok(stored, text);
  return readWork(stored, passwordBytes);
}

describe('readWork()', () => {
  const bearable: readonly string[] = [
    `{SHA512-CRYPT}$6$${SHA512}`,
    `{CRYPT}$6$rounds=656000$${SHA512}`,
    '{CRYPT}$5$rounds=535000$abc$x',
    `{BLF-CRYPT}$2y$16$${BCRYPT}`,
    '{CRYPT}$y$j9T$F5Jx5fExrKuPp53xLKQ..1$x',
    // libxcrypt's own costs 5 (its default) and 11 (its most).
    '{CRYPT}$gy$jFT$F5Jx5fExrKuPp53xLKQ..1$x',
    '{CRYPT}$7$CU..../....2Q9obwLhin8qvQl6sisAO/$x',
    '{CRYPT}$sha1$1000000$abc$x',
    '{CRYPT}$1$abc$x',
    '{CRYPT}_zzzzabcdx',
    '{DES-CRYPT}TZPCA46raLFKk',
    `{ARGON2ID}$argon2id$v=19$m=1048576,t=4,p=4$${SALT}$${KEY}`,
    `{ARGON2I}$argon2i$m=64,t=1000,p=1$${SALT}$${KEY}`,
    `{PBKDF2}$1$salt$1000000$${PBKDF2}`,
    `{SCRAM-SHA-1}1000000,${SCRAM}`,
  ];
  for (const text of bearable) {
    it(`lets ${text.slice(0, 40)} be computed`, () => {
      const work = workOf(text);
      assert.ok(work !== undefined && isBearable(work), JSON.stringify(work));
    });
  }

  const unbearable: readonly string[] = [
    `{SHA512-CRYPT}$6$rounds=999999999$${SHA512}`,
    `{SHA512-CRYPT}$6$rounds=${'9'.repeat(400)}$${SHA512}`,
    '{CRYPT}$5$rounds=20000000$abc$x',
    `{BLF-CRYPT}$2y$17$${BCRYPT}`,
    `{BLF-CRYPT}$2x$31$${BCRYPT}`,
    '{CRYPT}$y$jHT$F5Jx5fExrKuPp53xLKQ..1$x',
    // Many passes over little memory: the time parameter.
    '{CRYPT}$y$j9T/zzzzzz$F5Jx5fExrKuPp53xLKQ..1$x',
    '{CRYPT}$7$zU..../....2Q9obwLhin8qvQl6sisAO/$x',
    '{CRYPT}$7$CU.....zzzz2Q9obwLhin8qvQl6sisAO/$x',
    '{CRYPT}$sha1$99999999$abc$x',
    '{CRYPT}$md5,rounds=99999999$abc$$x',
    `{ARGON2ID}$argon2id$v=19$m=1048577,t=1,p=1$${SALT}$${KEY}`,
    `{ARGON2ID}$argon2id$v=19$m=65536,t=1000,p=1$${SALT}$${KEY}`,
    `{PBKDF2}$1$salt$99999999$${PBKDF2}`,
    `{SCRAM-SHA-1}99999999,${SCRAM}`,
  ];
  for (const text of unbearable) {
    it(`lets nobody compute ${text.slice(0, 40)}`, () => {
      const work = workOf(text);
      assert.ok(work !== undefined && !isBearable(work), JSON.stringify(work));
    });
  }

  const unreadable: readonly string[] = [
    '{CRYPT}$y$$x',
    '{CRYPT}$y$ü$x',
    '{CRYPT}$7$C',
    '{CRYPT}$7$CU:.../....2Q9obwLhin8qvQl6sisAO/$x',
    '{CRYPT}$sha1$$x',
    '{CRYPT}$99$x',
    '{CRYPT}short',
    `{ARGON2ID}$argon2id$v=20$m=65536,t=3,p=1$${SALT}$${KEY}`,
    `{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=17$${SALT}$${KEY}`,
    `{ARGON2ID}$argon2id$v=19$t=3,m=65536,p=1$${SALT}$${KEY}`,
  ];
  for (const text of unreadable) {
    it(`cannot tell what ${text} costs`, () => assert.equal(workOf(text), undefined));
  }

  it('reads the memory of yescrypt and scrypt', () => {
    assert.equal(Math.round((workOf('{CRYPT}$y$j9T$salt$x')?.memoryKib ?? 0) / 1024), 16);
    assert.equal(Math.round((workOf('{CRYPT}$7$CU..../....salt$x')?.memoryKib ?? 0) / 1024), 64);
  });

  it('counts a long password with the rounds of SHA-crypt', () => {
    const text = `{SHA512-CRYPT}$6$rounds=9000000$${SHA512}`;
    const [short, long] = [workOf(text, 8), workOf(text, 511)];
    assert.ok(short !== undefined && isBearable(short));
    assert.ok(long !== undefined && !isBearable(long));
  });

  it('counts no more of a password than crypt(3) reads, or who has many rounds would be told from nobody', () => {
    const text = `{SHA512-CRYPT}$6$rounds=656000$${SHA512}`;
    assert.deepEqual(workOf(text, 9000), workOf(text, 511));
    assert.ok(isBearable(workOf(text, 9000) ?? assert.fail()));
  });

  it('never throws, and never takes longer than a moment, whatever is stored', () => {
    const texts = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc
        .tuple(fc.constantFrom(...bearable, ...unbearable), fc.nat(60), fc.string({ maxLength: 3 }))
        .map(([text, at, more]) => text.slice(0, at) + more + text.slice(at)),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const stored = parseStoredPassword(text);
        const work = stored && readWork(stored, 8);
        assert.ok(work === undefined || (work.estimatedMs >= 0 && work.memoryKib >= 0), text);
        findWeakness(text);
        needsUpgrade(text, { scheme: 'ARGON2ID', offeredMechanisms: [] });
      }),
      { numRuns: 2000 },
    );
  });
});

describe('findWeakness()', () => {
  const weak = [
    '{MD5}5ebe2294ecd0e0f08eab7690d2a6ee69',
    '{MD5-CRYPT}$1$a$b',
    '{DES-CRYPT}TZPCA46raLFKk',
    '{SMD5}x',
    '{LDAP-MD5}x',
    '{PLAIN-MD5}x',
    '{PLAIN-MD4}x',
    '{PLAIN-TRUNC}4-secr',
    '{CRYPT}TZPCA46raLFKk',
    '{CRYPT}$1$QoHrR/ZW$XEzxCuW9jijY49AQFsGu51',
    '{SHA512-CRYPT}$1$QoHrR/ZW$XEzxCuW9jijY49AQFsGu51',
    '{CRYPT}$3$$878d8014606cda29677a44efa1353fc7',
    'TZPCA46raLFKk',
  ];
  for (const stored of weak) {
    it(`says why ${stored} should go`, () => assert.match(findWeakness(stored) ?? '', /^[^.]{20,}$/));
  }

  const good = [
    '{PLAIN}x',
    '{SSHA}x',
    '{CRAM-MD5}x',
    `{DES-CRYPT}$6$${SHA512}`,
    '{CRYPT}',
    '{CRYPT}*',
    '{ROT13}x',
    '!',
  ];
  for (const stored of good) {
    it(`says nothing about ${stored.slice(0, 20)}`, () => assert.equal(findWeakness(stored), undefined));
  }
});

describe('planHash()', () => {
  const secret = Buffer.from('secret');
  function plan(name: string, rounds?: number): { rounds: number } {
    const scheme = findScheme(name);
    assert.ok(scheme);
    return planHash(secret, { scheme, rounds });
  }

  it('makes nothing weak, and says why', () => {
    const weak = listSchemes().filter(({ weakness }) => weakness !== undefined);
    assert.deepEqual(weak.map(({ name }) => name).toSorted(), [
      'DES-CRYPT',
      'LDAP-MD5',
      'MD5-CRYPT',
      'PLAIN-MD4',
      'PLAIN-MD5',
      'PLAIN-TRUNC',
      'SMD5',
    ]);
    for (const scheme of weak) {
      const { name, weakness = '' } = scheme;
      assert.throws(
        () => planHash(secret, { scheme, rounds: undefined }),
        new RangeError(`Cannot make a hash of scheme "${name}": ${weakness}`),
      );
    }
  });

  const refused: readonly (readonly [string, number])[] = [
    ['BLF-CRYPT', 3],
    ['BLF-CRYPT', 17],
    ['BLF-CRYPT', 10.5],
    ['SHA512-CRYPT', 999],
    ['SHA512-CRYPT', 999_999_999],
    ['ARGON2ID', 0],
    ['ARGON2ID', 10_000],
    ['PBKDF2', 1],
    ['PBKDF2', 999_999_999],
    ['SCRAM-SHA-256', 4095],
    ['SCRAM-SHA-256', 999_999_999],
    ['SSHA', 5],
    ['PLAIN', 1],
    ['SHA512-CRYPT', Number.NaN],
  ];
  for (const [name, rounds] of refused) {
    it(`refuses ${rounds} rounds of ${name}`, () => assert.throws(() => plan(name, rounds), RangeError));
  }

  it('takes rounds within bounds, and has a default for each', () => {
    assert.equal(plan('BLF-CRYPT', 12).rounds, 12);
    assert.equal(plan('SHA512-CRYPT', 1000).rounds, 1000);
    assert.equal(plan('SCRAM-SHA-1', 8192).rounds, 8192);
    assert.equal(plan('BLF-CRYPT').rounds, 10);
    assert.equal(plan('SCRAM-SHA-256').rounds, 4096);
  });
});

describe('isSurelyWhole()', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['{CRYPT}rl.3StKT.4T8M', 'rasmusle', true],
    ['{CRYPT}rl.3StKT.4T8M', 'rasmuslerdorf', false],
    ['{CRYPT}rl.3StKT.4T8M', 'r\u00E4smus', false],
    ['{CRYPT}_J9..rasmBYk8r9AiWNc', 'rasmuslerdorf', true],
    [`{BLF-CRYPT}$2y$05$${BCRYPT}`, 'x'.repeat(72), true],
    [`{CRYPT}$2b$05$${BCRYPT}`, 'x'.repeat(73), false],
    [`{SHA512-CRYPT}$6$${SHA512}`, 'x'.repeat(511), true],
    ['{PLAIN-TRUNC}3-sec', 'secret', false],
    ['{PLAIN}secret', 'secret', true],
    ['{ROT13}x', 'x', false],
  ];
  for (const [stored, password, expected] of cases) {
    it(`says ${expected} for ${password.length} characters and ${stored.slice(0, 30)}`, () => {
      assert.equal(isSurelyWhole(stored, Buffer.from(password)), expected);
    });
  }
});

describe('needsUpgrade()', () => {
  const offeredMechanisms = ['plain', 'login'];
  const argon2 = `$argon2id$v=19$m=65536,t=3,p=1$${SALT}$${KEY}`;
  /** Stored, the scheme of new ones, whether it is made anew. */
  const cases: readonly (readonly [string, string, boolean])[] = [
    [`{ARGON2ID}${argon2}`, 'ARGON2ID', false],
    [`{ARGON2I}${argon2}`, 'argon2', false],
    [`{ARGON2ID}${argon2.replace('t=3', 't=2')}`, 'ARGON2ID', true],
    [`{ARGON2ID}${argon2.replace('m=65536', 'm=19456')}`, 'ARGON2ID', true],
    [`{ARGON2ID}${argon2.replace('argon2id', 'argon2i')}`, 'ARGON2ID', true],
    [`{SHA512-CRYPT}$6$${SHA512}`, 'ARGON2ID', true],
    [`{SHA512-CRYPT}$6$${SHA512}`, 'SHA512-CRYPT', false],
    [`{CRYPT}$6$${SHA512}`, 'SHA512-CRYPT', false],
    [`$6$rounds=5000$${SHA512}`, 'SHA512-CRYPT', false],
    [`$6$rounds=10000$${SHA512}`, 'SHA512-CRYPT', true],
    ['$5$abc$x', 'SHA512-CRYPT', true],
    [`{BLF-CRYPT}$2b$10$${BCRYPT}`, 'BLF-CRYPT', false],
    [`{CRYPT}$2y$10$${BCRYPT}`, 'BLF-CRYPT', false],
    [`{BLF-CRYPT}$2y$05$${BCRYPT}`, 'BLF-CRYPT', true],
    [`{PBKDF2}$1$salt$100000$${PBKDF2}`, 'PBKDF2', false],
    [`{PBKDF2}$1$salt$5000$${PBKDF2}`, 'PBKDF2', true],
    [`{SCRAM-SHA-1}4096,${SCRAM}`, 'SCRAM-SHA-256', true],
    ['{SSHA512}x', 'ARGON2ID', true],
    ['{PLAIN}x', 'ARGON2ID', true],
    ['{CRAM-MD5}x', 'ARGON2ID', true],
    ['{ROT13}x', 'ARGON2ID', false],
    ['{PLAIN}x', 'ROT13', false],
    ['{PLAIN}x', 'SSHA', false],
  ];
  for (const [stored, scheme, expected] of cases) {
    it(`says ${expected} for ${stored.slice(0, 40)} where new ones are ${scheme}`, () => {
      assert.equal(needsUpgrade(stored, { scheme, offeredMechanisms }), expected);
    });
  }

  const kept: readonly (readonly [string, string])[] = [
    ['{PLAIN}x', 'cram-md5'],
    ['{CLEARTEXT.b64}eA==', 'SCRAM-SHA-256'],
    ['{CRAM-MD5}x', 'CRAM-MD5'],
    ['{HMAC-MD5}x', 'cram-md5'],
    ['{DIGEST-MD5}x', 'digest-md5'],
    [`{SCRAM-SHA-1}4096,${SCRAM}`, 'scram-sha-1'],
  ];
  for (const [stored, mechanism] of kept) {
    it(`keeps ${stored.slice(0, 20)}, whose users log in by ${mechanism}`, () => {
      const offered = [...offeredMechanisms, mechanism];
      assert.equal(needsUpgrade(stored, { scheme: 'ARGON2ID', offeredMechanisms: offered }), false);
      assert.equal(needsUpgrade(stored, { scheme: 'ARGON2ID', offeredMechanisms }), true);
    });
  }
});

describe('makeDecoy()', () => {
  for (const name of NEW_PASSWORD_SCHEMES) {
    it(`costs what a new ${name} does (RULES 40)`, () => {
      const scheme = findScheme(name);
      const decoy = scheme && makeDecoy(scheme);
      assert.ok(decoy);
      assert.equal(needsUpgrade(decoy, { scheme: name, offeredMechanisms: [] }), false);
      assert.ok(workOf(decoy));
    });
  }
});
