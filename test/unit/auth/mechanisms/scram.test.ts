import assert from 'node:assert/strict';
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Credential } from '../../../../src/auth/login.ts';
import { createScram, SCRAM_SHA_1, SCRAM_SHA_256 } from '../../../../src/auth/mechanisms/scram.ts';
import { playClient, playResponses, STILL_WORLD } from '../../../support/play-mechanism.ts';
import { createSaslClient } from '../../../support/sasl-client.ts';

type Name = 'SCRAM-SHA-1' | 'SCRAM-SHA-256';

function credentialOf(
  password: string,
  { name, salt = 'QSXCR+Q6sek8bf92' }: { name: Name; salt?: string },
): Credential {
  const algorithm = name === 'SCRAM-SHA-1' ? 'sha1' : 'sha256';
  const bytes = createHash(algorithm).digest().length;
  const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), 4096, bytes, algorithm);
  const clientKey = createHmac(algorithm, salted).update('Client Key').digest();
  const storedKey = createHash(algorithm).update(clientKey).digest('base64');
  const serverKey = createHmac(algorithm, salted).update('Server Key').digest('base64');
  return { kind: 'verifier', data: ['4096', salt, storedKey, serverKey].join() };
}

const SECRET = credentialOf('secret', { name: 'SCRAM-SHA-256' });
const OUR_NONCE = 'srv';
const begin = () => createScram('SCRAM-SHA-256', () => OUR_NONCE).begin(STILL_WORLD);

describe('SCRAM', () => {
  const vectors: {
    name: Name;
    salt: string;
    nonce: string;
    first: string;
    server: string;
    final: string;
    v: string;
  }[] = [
    {
      name: 'SCRAM-SHA-1',
      salt: 'QSXCR+Q6sek8bf92',
      nonce: '3rfcNHYJY1ZVvWVs7j',
      first: 'n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL',
      server: 'r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096',
      final: 'c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
      v: 'v=rmF9pqV8S7suAoZWja4dJRkFsKQ=',
    },
    {
      name: 'SCRAM-SHA-256',
      salt: 'W22ZaJ0SNY7soEsUEjb6gQ==',
      nonce: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
      first: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
      server: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
      final:
        'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
      v: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
    },
  ];
  for (const { name, salt, nonce, first, server, final, v } of vectors) {
    it(`${name} agrees with the example of its RFC, byte for byte`, () => {
      const credential = credentialOf('pencil', { name, salt });
      const exchange = createScram(name, () => nonce).begin(STILL_WORLD);
      const { step, claim } = playResponses(exchange, { responses: [undefined, first], credential });
      assert.deepEqual(claim, { username: 'user', scheme: name });
      assert.deepEqual(step, { kind: 'challenge', challenge: Buffer.from(server) });
      assert.deepEqual(exchange.next(Buffer.from(final)), {
        kind: 'proof',
        isProven: true,
        serverFinal: Buffer.from(v),
      });
    });
  }

  it('asks with an empty challenge when there is no initial response', () => {
    assert.deepEqual(begin().next(undefined), { kind: 'challenge', challenge: Buffer.alloc(0) });
  });

  const firsts: [string, object][] = [
    ['n,,n=bob,r=abc', { username: 'bob' }],
    ['y,,n=bob,r=abc', { username: 'bob' }],
    ['n,,n=bob,r=abc,x=1,Y=2', { username: 'bob' }],
    ['n,,n=b=2Co=3Db,r=abc', { username: 'b,o=b' }],
    ['n,,n=zoë,r=abc', { username: 'zoë' }],
    ['n,,n=zoe\u0308,r=abc', { username: 'zoë' }],
    ['n,,n=I\u00ADX,r=abc', { username: 'IX' }],
    ['n,a=bob,n=bob,r=abc', { username: 'bob' }],
    ['n,a=al=2Cice,n=bob,r=abc', { username: 'bob', authorizationId: 'al,ice' }],
    ['n,,n=bob,r=!"#$%&\'()*+-./<=>?@[]^_`{|}~', { username: 'bob' }],
  ];
  for (const [message, claim] of firsts) {
    it(`takes ${JSON.stringify(message)}`, () => {
      const played = playResponses(begin(), { responses: [message], credential: SECRET });
      assert.deepEqual(played.claim, { ...claim, scheme: 'SCRAM-SHA-256' });
      assert.equal(played.step.kind, 'challenge');
    });
  }

  const refusedFirsts: [string | Buffer, string][] = [
    ['', 'bad-request'],
    ['p=tls-unique,,n=bob,r=abc', 'bad-request'],
    ['p=tls-exporter,,n=bob,r=abc', 'bad-request'],
    ['N,,n=bob,r=abc', 'bad-request'],
    ['x,,n=bob,r=abc', 'bad-request'],
    ['n,n=bob,r=abc', 'bad-request'],
    ['n,bob,n=bob,r=abc', 'bad-request'],
    ['n,a=,n=bob,r=abc', 'bad-request'],
    ['n,,m=x,n=bob,r=abc', 'bad-request'],
    ['n,,n=bob', 'bad-request'],
    ['n,,n=bob,r=', 'bad-request'],
    ['n,,r=abc,n=bob', 'bad-request'],
    ['n,,n=,r=abc', 'bad-request'],
    ['n,,n=bob,r=a bc', 'bad-request'],
    ['n,,n=bob,r=ab\u007Fc', 'bad-request'],
    ['n,,n=bob,r=abc,', 'bad-request'],
    ['n,,n=bob,r=abc,1=2', 'bad-request'],
    ['n,,n=bob,r=abc\n', 'bad-request'],
    ['n,,n=b\0b,r=abc', 'bad-request'],
    ['n,,n=b=2c,r=abc', 'bad-username'],
    ['n,,n=b=,r=abc', 'bad-username'],
    ['n,,n=b=41,r=abc', 'bad-username'],
    ['n,,n=\u0007,r=abc', 'bad-username'],
    ['n,,n=\u00AD,r=abc', 'bad-username'],
    ['n,,n=\u0627\u0031,r=abc', 'bad-username'],
    [`n,,n=${'x'.repeat(1025)},r=abc`, 'bad-username'],
    [Buffer.from('n,,n=\xFF,r=abc', 'latin1'), 'bad-username'],
    ['n,a=x=,n=bob,r=abc', 'authorization-id'],
    [Buffer.from('n,a=\xFF,n=bob,r=abc', 'latin1'), 'authorization-id'],
  ];
  for (const [message, reason] of refusedFirsts) {
    it(`refuses ${JSON.stringify(message.toString('latin1').slice(0, 50))}`, () => {
      const { step } = playResponses(begin(), { responses: [message], credential: SECRET });
      assert.equal(step.kind === 'reject' && step.reason, reason);
    });
  }

  const PROOF = Buffer.alloc(32).toString('base64');
  const finals: [string, 'proof' | 'reject'][] = [
    [`c=biws,r=abcsrv,p=${PROOF}`, 'proof'],
    [`c=biws,r=abcsrv,x=y,p=${PROOF}`, 'proof'],
    ['', 'reject'],
    [`c=biws,r=abcsrv`, 'reject'],
    [`c=biws,r=abcsrv,p=`, 'reject'],
    [`c=biws,r=abc,p=${PROOF}`, 'reject'],
    [`c=biws,r=abcsrvx,p=${PROOF}`, 'reject'],
    [`c=biws,r=ABCsrv,p=${PROOF}`, 'reject'],
    [`c=eSws,r=abcsrv,p=${PROOF}`, 'reject'],
    [`c=biwsYQ==,r=abcsrv,p=${PROOF}`, 'reject'],
    [`c=,r=abcsrv,p=${PROOF}`, 'reject'],
    [`r=abcsrv,c=biws,p=${PROOF}`, 'reject'],
    [`r=abcsrv,p=${PROOF}`, 'reject'],
    [`c=biws,r=abcsrv,p=${PROOF},x=y`, 'reject'],
    [`c=biws,r=abcsrv,p=${PROOF}\n`, 'reject'],
    [`c=biws,r=abcsrv,p=${PROOF.slice(1)}`, 'reject'],
    [`c=biws,r=abcsrv,p=${PROOF.replace('=', '')}`, 'reject'],
    [`c=biws,r=abcsrv,p=${PROOF.slice(0, -2)}B=`, 'reject'],
    [`c=biws,r=abcsrv,p=${Buffer.alloc(20).toString('base64')}`, 'reject'],
    [`c=biws,r=abcsrv,p=${Buffer.alloc(33).toString('base64')}`, 'reject'],
  ];
  for (const [message, kind] of finals) {
    it(`answers ${JSON.stringify(message)} with ${kind}, and never with success`, () => {
      const { step } = playResponses(begin(), { responses: ['n,,n=bob,r=abc', message], credential: SECRET });
      assert.equal(step.kind, kind);
      if (step.kind === 'proof') assert.ok(!step.isProven);
      else assert.deepEqual(step, { kind: 'reject', reason: 'bad-request', user: 'bob' });
    });
  }

  it('makes a nonce of 64 printable characters and no comma', () => {
    const { step } = playResponses(SCRAM_SHA_256.begin(STILL_WORLD), {
      responses: ['n,,n=bob,r=abc'],
      credential: SECRET,
    });
    assert.ok(step.kind === 'challenge');
    assert.match(step.challenge.toString(), /^r=abc[!-+\--~]{64},s=QSXCR\+Q6sek8bf92,i=4096$/);
  });

  it('throws when what is stored is nothing it can use, which the session takes for an outage', () => {
    for (const credential of [
      { kind: 'verifier', data: 'x' },
      { kind: 'plain', password: Buffer.from('x') },
    ] as const)
      assert.throws(() => playResponses(begin(), { responses: ['n,,n=bob,r=abc'], credential }), TypeError);
  });

  it('proves every right password and no other', () => {
    // What SASLprep changes is in the table: the client here prepares nothing.
    const text = fc.string({ unit: 'grapheme-ascii', minLength: 1 });
    fc.assert(
      fc.property(text, text, text, fc.option(text, { nil: undefined }), (user, password, other, authzid) => {
        for (const mechanism of [SCRAM_SHA_1, SCRAM_SHA_256]) {
          const name = mechanism === SCRAM_SHA_1 ? 'SCRAM-SHA-1' : 'SCRAM-SHA-256';
          const credential = credentialOf(password, { name });
          const right = createSaslClient(name, { user, password, authzid });
          const wrong = createSaslClient(name, { user, password: other, authzid });
          const { step, claim } = playClient({ mechanism, client: right }, credential);
          assert.ok(step.kind === 'proof' && step.isProven);
          assert.equal(claim?.username, user);
          assert.equal(claim.authorizationId, authzid === user ? undefined : authzid);
          const failed = playClient({ mechanism, client: wrong }, credential);
          assert.ok(failed.step.kind === 'proof' && failed.step.isProven === (other === password));
        }
      }),
      { numRuns: 15 },
    );
  });

  it('survives any two messages and proves nothing by them', () => {
    const part = fc.oneof(
      fc.constantFrom('n,,', 'y,,', 'p=x,,', 'n=bob', ',', 'r=abc', 'r=abcsrv', 'c=biws', 'p=', PROOF, 'a=', '='),
      fc.string({ unit: 'binary', maxLength: 5 }),
    );
    const message = fc.array(part, { maxLength: 8 }).map((parts) => Buffer.from(parts.join('')));
    fc.assert(
      fc.property(message, message, (first, final) => {
        const exchange = begin();
        const { step } = playResponses(exchange, { responses: [first], credential: SECRET });
        if (step.kind !== 'challenge') return;
        const last = exchange.next(final);
        assert.ok(last.kind === 'reject' || (last.kind === 'proof' && !last.isProven));
      }),
      { numRuns: 2000 },
    );
  });
});
