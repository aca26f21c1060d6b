import assert from 'node:assert/strict';
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Hasher, ScramParameters } from '../../../src/auth/hasher.ts';
import type { Credential, ProofScheme } from '../../../src/auth/login.ts';
import { inventCredential, makeCredential, parseScramData } from '../../../src/auth/proof-credential.ts';

const KEY = Buffer.alloc(32, 7);
const SCHEMES: readonly ProofScheme[] = ['CRAM-MD5', 'DIGEST-MD5', 'SCRAM-SHA-1', 'SCRAM-SHA-256'];
const SCRAM_SECRET =
  '4096,+qw09jvFz2oSaycbyq+o4w==,UftiPj6DE38Q3H4UXIkEQZVqv4wFv0CqzC0ZGS3B97Q=,v5ehb3Dtbzt4DgC65oSvq5EAWxxCIF4SvCG322p/yxE=';
const CRAM_SECRET = 'cd3ba7deaad6e5ca23448ba42e379747a9e0f7f1fbc00c8a81bbaac395731b56';
const DIGEST_SECRET = '30969131580e626606ce70ceaab77719';

class CountingHasher implements Pick<Hasher, 'deriveScram'> {
  readonly asked: { password: string; parameters: ScramParameters }[] = [];
  isBusy = false;

  async deriveScram(password: Buffer, parameters: ScramParameters): Promise<string | undefined> {
    this.asked.push({ password: password.toString(), parameters });
    if (this.isBusy) return undefined;
    const { algorithm, salt, iterations } = parameters;
    const bytes = createHash(algorithm).digest().length;
    const salted = pbkdf2Sync(password, salt, iterations, bytes, algorithm);
    const clientKey = createHmac(algorithm, salted).update('Client Key').digest();
    const storedKey = createHash(algorithm).update(clientKey).digest('base64');
    const serverKey = createHmac(algorithm, salted).update('Server Key').digest('base64');
    return [iterations, salt.toString('base64'), storedKey, serverKey].join();
  }
}

const hasher = new CountingHasher();
const ask = (scheme: ProofScheme, stored: string | undefined, username = 'bob@example.com') =>
  makeCredential({ claim: { username, scheme }, stored }, { hasher, key: KEY });
const plain = (password: string) => ({
  kind: 'stored',
  credential: { kind: 'plain', password: Buffer.from(password) },
});
const verifier = (data: string) => ({ kind: 'stored', credential: { kind: 'verifier', data } });

function dataOf(credential: Credential): string {
  assert.ok(credential.kind === 'verifier');
  return credential.data;
}

describe('makeCredential()', () => {
  const cases: [ProofScheme, string, object][] = [
    ['CRAM-MD5', '{PLAIN}secret', plain('secret')],
    ['CRAM-MD5', '{cleartext}se}cret', plain('se}cret')],
    ['CRAM-MD5', '{PLAIN.b64}c2VjcmV0', plain('secret')],
    ['DIGEST-MD5', '{CLEAR.HEX}736563726574', plain('secret')],
    ['DIGEST-MD5', '{PLAIN}', plain('')],
    ['CRAM-MD5', `{CRAM-MD5}${CRAM_SECRET}`, verifier(CRAM_SECRET)],
    ['CRAM-MD5', `{hmac-md5}${CRAM_SECRET.toUpperCase()}`, verifier(CRAM_SECRET)],
    ['CRAM-MD5', `{CRAM-MD5}${Buffer.from(CRAM_SECRET, 'hex').toString('base64')}`, verifier(CRAM_SECRET)],
    ['CRAM-MD5', `{CRAM-MD5.b64}${Buffer.from(CRAM_SECRET, 'hex').toString('base64')}`, verifier(CRAM_SECRET)],
    ['DIGEST-MD5', `{DIGEST-MD5}${DIGEST_SECRET}`, verifier(DIGEST_SECRET)],
    ['DIGEST-MD5', `{DIGEST-MD5.hex}${DIGEST_SECRET}`, verifier(DIGEST_SECRET)],
    ['SCRAM-SHA-256', `{SCRAM-SHA-256}${SCRAM_SECRET}`, verifier(SCRAM_SECRET)],
    ['SCRAM-SHA-256', `{scram-sha-256.b64}${Buffer.from(SCRAM_SECRET).toString('base64')}`, verifier(SCRAM_SECRET)],
    ['CRAM-MD5', `{CRAM-MD5}${CRAM_SECRET}0`, { kind: 'unusable' }],
    ['CRAM-MD5', '{PLAIN.b64}???', { kind: 'unusable' }],
    ['DIGEST-MD5', `{DIGEST-MD5}${CRAM_SECRET}`, { kind: 'unusable' }],
    ['SCRAM-SHA-256', '{SCRAM-SHA-256}4096,YQ==,YQ==,YQ==', { kind: 'unusable' }],
    ['SCRAM-SHA-256', `{SCRAM-SHA-256}${SCRAM_SECRET.replace('4096', '4095')}`, { kind: 'unusable' }],
    ['SCRAM-SHA-256', '{SCRAM-SHA-256.hex}xx', { kind: 'unusable' }],
  ];
  for (const [scheme, stored, expected] of cases) {
    it(`gives ${scheme} what ${stored.slice(0, 40)} holds`, async () => {
      assert.deepEqual(await ask(scheme, stored), expected);
    });
  }

  it('invents one for a user without a password and for a scheme that does not serve', async () => {
    for (const scheme of SCHEMES) {
      const invented = { kind: 'invented', credential: inventCredential({ username: 'bob@example.com', scheme }, KEY) };
      const others = SCHEMES.filter((other) => other !== scheme).map((other) => `{${other}}x`);
      for (const stored of [undefined, '', '{SHA512-CRYPT}$6$x$y', '$1$abc', '{PLAIN.rot13}x', ...others])
        assert.deepEqual(await ask(scheme, stored), invented, `${scheme} ${stored ?? 'nothing'}`);
    }
  });

  it('derives SCRAM keys of a plain password, prepared, with the salt that an unknown user has (RULES 40)', async () => {
    for (const scheme of ['SCRAM-SHA-1', 'SCRAM-SHA-256'] as const) {
      const known = await ask(scheme, '{PLAIN}te\u0301st');
      const unknown = await ask(scheme, undefined);
      assert.ok(known.kind === 'stored' && unknown.kind === 'invented');
      const [knownKeys, unknownKeys] = [known, unknown].map(({ credential }) =>
        parseScramData(dataOf(credential), scheme),
      );
      assert.ok(knownKeys !== undefined && unknownKeys !== undefined);
      assert.deepEqual([knownKeys.salt, knownKeys.iterations], [unknownKeys.salt, 4096]);
      assert.equal(knownKeys.salt.length, 24);
      assert.notDeepEqual(knownKeys.storedKey, unknownKeys.storedKey);
      assert.equal(hasher.asked.at(-2)?.password, 't\u00E9st');
    }
  });

  it('derives once for every SCRAM claim, whoever it is about (RULES 40)', async () => {
    for (const stored of [undefined, '{PLAIN}x', '{SSHA}x', `{SCRAM-SHA-256}${SCRAM_SECRET}`]) {
      const before = hasher.asked.length;
      await ask('SCRAM-SHA-256', stored);
      assert.equal(hasher.asked.length, before + 1, stored);
    }
  });

  it('is busy when the queue is, for everybody', async () => {
    hasher.isBusy = true;
    for (const stored of [undefined, '{PLAIN}x', `{SCRAM-SHA-256}${SCRAM_SECRET}`])
      assert.deepEqual(await ask('SCRAM-SHA-256', stored), { kind: 'busy' });
    hasher.isBusy = false;
  });
});

function invent(username: string, scheme: ProofScheme, key = KEY): string {
  return dataOf(inventCredential({ username, scheme }, key));
}

describe('inventCredential()', () => {
  it('is the same at every attempt, and another for each user, scheme and key', () => {
    const seen = new Set<string>();
    for (const scheme of SCHEMES) {
      assert.equal(invent('bob', scheme), invent('bob', scheme));
      for (const data of [invent('bob', scheme), invent('bob2', scheme), invent('bob', scheme, Buffer.alloc(32))])
        seen.add(data);
    }
    assert.equal(seen.size, 12);
  });
});

describe('parseScramData()', () => {
  it('never throws, whatever the data', () => {
    const part = fc.oneof(fc.constantFrom('4096', 'YQ==', ',', '', SCRAM_SECRET), fc.string());
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
        parseScramData(parts.join(','), 'SCRAM-SHA-256');
      }),
    );
  });
});
