/**
 * Password schemes compared with the Dovecot at hand, both ways: what `doveadm pw` makes verifies here, what is made here
 * verifies with `doveadm pw -t`, for every scheme it lists and passwords of every kind.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { HashPool } from '../../src/auth/hash-pool.ts';
import { findScheme, listSchemes } from '../../src/auth/schemes/scheme.ts';
import { CollectingLogger } from '../support/collecting-logger.ts';
import { requirePeer, runTool } from '../support/system-folder.ts';

const DOVEADM = '/usr/bin/doveadm';
const USER = 'Jo@hn@example.com';
/** Not served: its data changes with every login. */
const OTP = 'OTP';
/** doveadm forgets the length that verifying needs. */
const UNVERIFIABLE = 'PLAIN-TRUNC';

const PASSWORDS: readonly string[] = [
  'secret',
  '',
  'tést pass,1',
  'パスワード😀',
  `'quotes" and \\ $1$ {PLAIN} %s \`id\``,
  ' blanks\taround ',
  '{SHA}',
  'x'.repeat(55),
  'y'.repeat(56),
  'z'.repeat(64),
  'a'.repeat(65),
  'b'.repeat(72),
  'long'.repeat(30),
];
/** Slow ones are compared on these alone. */
const FEW_PASSWORDS = ['tést pass,1', '', 'long'.repeat(30)];
/** What bcrypt takes of a password, and DES. */
const CUT_AT: Readonly<Record<string, number>> = { 'BLF-CRYPT': 72, CRYPT: 72, 'DES-CRYPT': 8 };

function doveadm(args: readonly string[]): { isDone: boolean; output: string } {
  const { status, stdout, stderr } = spawnSync(DOVEADM, ['-c', '/dev/null', 'pw', '-u', USER, ...args], {
    encoding: 'utf8',
  });
  return { isDone: status === 0, output: status === 0 ? stdout.replace(/\n$/, '') : stderr };
}

function listPasswords(name: string): readonly string[] {
  return /^(?:ARGON2|PBKDF2|BLF-CRYPT|CRYPT)/.test(name) ? FEW_PASSWORDS : PASSWORDS;
}

/** A password that a scheme must tell from `password`: another first letter. */
function alter(password: string): string {
  return `~${password.slice(1)}`;
}

describe('password schemes beside Dovecot', () => {
  requirePeer(DOVEADM, 'dovecot-core');
  const logger = new CollectingLogger();
  const pool = new HashPool({ defaultScheme: 'ARGON2ID', workerCount: 2, deadlineMs: 30_000, logger });
  before(() => pool.start());
  after(() => pool.stop());
  const verify = (password: string, stored: string): Promise<string> =>
    pool.verify(Buffer.from(password), stored, { user: USER });

  const listed = runTool(DOVEADM, ['-c', '/dev/null', 'pw', '-l']).trim().split(/\s+/);

  it('have every scheme that doveadm lists', () => {
    const unknown = listed.filter((name) => findScheme(name) === undefined);
    assert.deepEqual(unknown, [OTP]);
  });

  for (const name of listed) {
    it(`verify what doveadm makes as ${name}`, async () => {
      for (const password of listPasswords(name)) {
        const { isDone, output: stored } = doveadm(['-s', name, '-p', password]);
        assert.ok(isDone, stored);
        const verdict = await verify(password, stored);
        if (name === OTP || name === UNVERIFIABLE) {
          assert.equal(verdict, 'unusable', stored);
          continue;
        }
        assert.equal(verdict, 'match', stored);
        assert.equal(await verify(alter(password), stored), 'mismatch', stored);
      }
    });
  }

  for (const { name, weakness } of listSchemes()) {
    if (weakness !== undefined) continue;
    it(`make ${name} that doveadm accepts`, async () => {
      for (const password of listPasswords(name)) {
        const bytes = Buffer.from(password);
        if (bytes.length > (CUT_AT[name] ?? Infinity)) {
          await assert.rejects(pool.hash(bytes, name), RangeError);
          continue;
        }
        const stored = await pool.hash(bytes, name, { user: USER });
        assert.equal(await verify(password, stored), 'match', stored);
        const right = doveadm(['-t', stored, '-p', password]);
        assert.ok(right.isDone, `${stored}: ${right.output}`);
        const wrong = doveadm(['-t', stored, '-p', alter(password)]);
        assert.match(wrong.output, /mismatch/, stored);
      }
    });
  }

  const ROUNDS: readonly (readonly [string, number])[] = [
    ['SHA512-CRYPT', 1000],
    ['SHA256-CRYPT', 6000],
    ['BLF-CRYPT', 4],
    ['CRYPT', 12],
    ['PBKDF2', 5000],
    ['ARGON2ID', 1],
    ['SCRAM-SHA-256', 10_000],
  ];
  for (const [name, rounds] of ROUNDS) {
    it(`make ${name} of ${rounds} rounds that doveadm accepts`, async () => {
      const stored = await pool.hash(Buffer.from('secret'), name, { rounds });
      assert.ok(doveadm(['-t', stored, '-p', 'secret']).isDone, stored);
    });
  }

  /** One of each kind, crossed with data of every kind: both say yes, or both say no. */
  const LABELS = `PLAIN PLAIN-TRUNC SHA SSHA MD5 MD5-CRYPT PLAIN-MD5 CRYPT SHA512-CRYPT BLF-CRYPT CRAM-MD5 DIGEST-MD5
    PBKDF2 SCRAM-SHA-1`.split(/\s+/);
  const DATA: readonly string[] = [
    'secret',
    '5ebe2294ecd0e0f08eab7690d2a6ee69',
    'Xr4ilOzQ4PCOq3aQ0qbuaQ==',
    '67d3dafef63ff00603aeef3769cfbf0d',
    'e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4',
    '5en6G6MezRroT3XKqkdPOmY/BfQ=',
    'xmxghb8G8DOkoRW2aOXlil0wHN45Sznr',
    'c66c6085bf06f033a4a115b668e5e58a5d301cde394b39eb',
    '2BB80D537B1DA3E38BD30361AA855686BDE0EACD7162FEF6A25FE97BF527A25B',
    'cd3ba7deaad6e5ca23448ba42e379747a9e0f7f1fbc00c8a81bbaac395731b56',
    '736563726574',
    'c2VjcmV0',
    '6-secret',
    '4-secr',
    '$1$QoHrR/ZW$XEzxCuW9jijY49AQFsGu51',
    '$5$.VB/qFbXtPN/yJgo$.JjJJ/tzmnEnmOru6k7SwnDAwpvErhgXT.XV7oR4al/',
    '$2y$05$BjaAA95.cnO/zRNmq7iVHeket/ytx9dTs5jMB8Iyi6x8Rs0pG0PyK',
    '$y$j9T$F5Jx5fExrKuPp53xLKQ..1$GmcwIgvdUC9qLWcKCi6gklUa1dM3ziD43YxYNURLKy0',
    'TZPCA46raLFKk',
    '*',
    '',
  ];
  it('say yes to the same data under the same labels', async () => {
    for (const label of LABELS) for (const data of DATA) await compare(`{${label}}${data}`);
  });

  it('say yes to the same data in the same encodings', async () => {
    for (const label of ['PLAIN', 'SHA', 'SSHA', 'MD5', 'PLAIN-MD5', 'CRAM-MD5', 'PBKDF2']) {
      for (const data of ['secret', '5ebe2294ecd0e0f08eab7690d2a6ee69', '5en6G6MezRroT3XKqkdPOmY/BfQ=']) {
        await compare(`{${label}.b64}${data}`);
        await compare(`{${label}.HEX}${data}`);
        await compare(`{${label}.b64}${Buffer.from(data).toString('base64')}`);
        await compare(`{${label}.hex}${Buffer.from(data).toString('hex')}`);
      }
    }
  });

  async function compare(stored: string): Promise<void> {
    const theirs = doveadm(['-t', stored, '-p', 'secret']).isDone;
    assert.equal((await verify('secret', stored)) === 'match', theirs, stored);
  }

  it('log nothing', () => {
    assert.deepEqual(logger.lines, []);
  });
});
