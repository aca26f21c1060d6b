import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Credential } from '../../../../src/auth/login.ts';
import { createDigest, DIGEST_MD5 } from '../../../../src/auth/mechanisms/digest-md5.ts';
import { formatDigestChallenge, parseDigestResponse } from '../../../../src/auth/mechanisms/digest-md5-message.ts';
import { playClient, playResponses, STILL_WORLD } from '../../../support/play-mechanism.ts';
import { createSaslClient } from '../../../support/sasl-client.ts';

const plain = (password: string | Buffer): Credential => ({ kind: 'plain', password: Buffer.from(password) });
const stored = (text: string): Credential => ({
  kind: 'verifier',
  data: createHash('md5').update(text).digest('hex'),
});

/** The example of RFC 2831 section 4 (IMAP), and the one for ACAP. */
const VECTORS = [
  {
    nonce: 'OA6MG9tEQGm2hh',
    response:
      'charset=utf-8,username="chris",realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",nc=00000001,' +
      'cnonce="OA6MHXh6VqTrRk",digest-uri="imap/elwood.innosoft.com",' +
      'response=d388dad90d4bbd760a152321f2143af7,qop=auth',
    rspauth: 'rspauth=ea40f60335c427b5527b84dbabcdfffd',
  },
  {
    nonce: 'OA9BSXrbuRhWay',
    response:
      'charset=utf-8,username="chris",realm="elwood.innosoft.com",nonce="OA9BSXrbuRhWay",nc=00000001,' +
      'cnonce="OA9BSuZWMSpW8m",digest-uri="acap/elwood.innosoft.com",' +
      'response=6084c6db3fede7352c551284490fd0fc,qop=auth',
    rspauth: 'rspauth=2f0b3d7c3c2e486600ef710726aa2eae',
  },
];
const [IMAP] = VECTORS;
assert.ok(IMAP !== undefined);
const { nonce: NONCE, response: GOOD } = IMAP;

function md5(parts: readonly (string | Buffer)[]): Buffer {
  return parts.reduce((hash, part) => hash.update(part), createHash('md5')).digest();
}

function play(message: string | Buffer, credential: Credential = plain('secret')) {
  const exchange = createDigest(() => NONCE).begin(STILL_WORLD);
  return playResponses(exchange, { responses: [undefined, message], credential });
}

describe('DIGEST-MD5', () => {
  it('sends the items of Dovecot in their order, with or without realms or an initial response', () => {
    const rest = 'nonce="BwcHBwcHBwcHBwcHBwcHBw==",qop="auth",charset="utf-8",algorithm="md5-sess"';
    for (const initial of [undefined, 'username="bob"']) {
      const { step } = playResponses(DIGEST_MD5.begin(STILL_WORLD), { responses: [initial] });
      assert.deepEqual(step, { kind: 'challenge', challenge: Buffer.from(`realm="",${rest}`) });
    }
    const world = { ...STILL_WORLD, realms: ['example.com', 'a"b\\c'] };
    const { step } = playResponses(DIGEST_MD5.begin(world), { responses: [undefined] });
    const challenge = Buffer.from(String.raw`realm="example.com",realm="a\"b\\c",${rest}`);
    assert.deepEqual(step, { kind: 'challenge', challenge });
  });

  for (const { nonce, response, rspauth } of VECTORS) {
    it(`agrees with the example of RFC 2831 with the nonce ${nonce}, from plain text and from what is stored`, () => {
      for (const credential of [plain('secret'), stored('chris:elwood.innosoft.com:secret')]) {
        const exchange = createDigest(() => nonce).begin(STILL_WORLD);
        const { step, claim } = playResponses(exchange, { responses: [undefined, response], credential });
        assert.deepEqual(claim, { username: 'chris@elwood.innosoft.com', scheme: 'DIGEST-MD5' });
        assert.deepEqual(step, { kind: 'proof', isProven: true, serverFinal: Buffer.from(rspauth) });
      }
    });
  }

  const taken: [string, string][] = [
    ['white space and empty items', `, ${GOOD.replaceAll(',', ' ,\t,\r\n ').replace('=', ' = ')} ,,`],
    ['names in any case', GOOD.replace('username', 'UserName').replace('qop=auth', 'QOP=AUTH'.replace('AUTH', 'auth'))],
    ['tokens where strings stand', GOOD.replaceAll('"', '')],
    ['escaped characters', GOOD.replace('"chris"', String.raw`"c\hris"`)],
    ['directives nobody knows, even twice', `${GOOD},x=1,cipher="rc4"`],
    ['a maxbuf', `${GOOD},maxbuf=65536`],
    ['a charset in any case', GOOD.replace('utf-8', 'UTF-8')],
    ['no charset', GOOD.replace('charset=utf-8,', '')],
    ['no qop', GOOD.replace(',qop=auth', '')],
    ['no nc', GOOD.replace('nc=00000001,', '')],
  ];
  for (const [what, message] of taken) {
    it(`takes ${what}`, () => {
      const { step } = play(message);
      assert.ok(step.kind === 'proof' && step.isProven, JSON.stringify(step));
    });
  }

  const refused: [string, string][] = [
    ['nothing', ''],
    ['another nonce', GOOD.replace(NONCE, 'OA6MG9tEQGm2hi')],
    ['no nonce', GOOD.replace(`nonce="${NONCE}",`, '')],
    ['no username', GOOD.replace('username="chris",', '')],
    ['an empty username', GOOD.replace('chris', '')],
    ['no cnonce', GOOD.replace('cnonce="OA6MHXh6VqTrRk",', '')],
    ['an empty cnonce', GOOD.replace('OA6MHXh6VqTrRk', '')],
    ['an empty authzid', `${GOOD},authzid=""`],
    ['a second use of the nonce', GOOD.replace('00000001', '00000002')],
    ['an nc that is no number', GOOD.replace('00000001', 'x')],
    ['an empty nc', GOOD.replace('00000001', '')],
    ['auth-int', GOOD.replace('qop=auth', 'qop=auth-int')],
    ['auth-conf', GOOD.replace('qop=auth', 'qop="auth-conf"')],
    ['another charset', GOOD.replace('utf-8', 'iso-8859-1')],
    ['a maxbuf of nothing', `${GOOD},maxbuf=0`],
    ['a maxbuf that is no number', `${GOOD},maxbuf=-1`],
    ['two maxbufs', `${GOOD},maxbuf=1,maxbuf=1`],
    ['two usernames', `${GOOD},username="chris"`],
    ['two realms', `${GOOD},realm="elwood.innosoft.com"`],
    ['two nonces', `${GOOD},nonce="${NONCE}"`],
    ['two cnonces', `${GOOD},CNONCE="OA6MHXh6VqTrRk"`],
    ['two counts', `${GOOD},nc=00000001`],
    ['two authzids', `${GOOD},authzid=a,authzid=a`],
    ['no response', GOOD.replace(/response=\w+,/, '')],
    ['a response in upper case', GOOD.replace(/response=\w+/, (s) => `response=${s.slice(9).toUpperCase()}`)],
    ['a short response', GOOD.replace(/response=\w/, 'response=')],
    ['a long response', GOOD.replace('response=', 'response=0')],
    ['a string without an end', `${GOOD},x="`],
    ['a string that ends in a backslash', `${GOOD},x="\\"`],
    ['text behind a string', `${GOOD},x="a"b`],
    ['a directive without a value', `${GOOD},x`],
    ['a value without a name', `${GOOD},=x`],
    ['a NUL in a string', GOOD.replace('chris', 'ch\0ris')],
    ['a NUL at the end', `${GOOD}\0`],
  ];
  for (const [what, message] of refused) {
    it(`refuses ${what}`, () => {
      assert.deepEqual(play(message).step, { kind: 'reject', reason: 'bad-request', user: undefined });
    });
  }

  it('refuses names that are no UTF-8, and far too long ones', () => {
    const broken = Buffer.from(GOOD.replace('chris', 'chr\xFFs'), 'latin1');
    assert.equal(play(broken).step.kind, 'reject');
    const where = Buffer.from(GOOD.replace('elwood.', 'elw\xFFod.'), 'latin1');
    assert.equal(play(where).step.kind, 'reject');
    assert.equal(play(GOOD.replace('chris', 'c'.repeat(1025))).step.kind, 'reject');
  });

  const names: [string, string | undefined, string][] = [
    ['bob', 'example.com', 'bob@example.com'],
    ['bob@example.com', undefined, 'bob@example.com'],
    ['bob@example.com', '', 'bob@example.com'],
    ['bob@example.com', 'example.com', 'bob@example.com'],
    ['bob@example.com', 'other.example', 'bob@example.com'],
    ['bob', undefined, 'bob'],
    ['bob', '', 'bob'],
  ];
  for (const [user, realm, username] of names) {
    it(`takes "${user}" of realm ${JSON.stringify(realm)} for ${username}, with a password in plain text`, () => {
      const client = createSaslClient('DIGEST-MD5', { user, realm, password: 'secret' });
      const { step, claim } = playClient({ mechanism: DIGEST_MD5, client }, plain('secret'));
      assert.equal(claim?.username, username);
      assert.ok(step.kind === 'proof' && step.isProven);
    });
  }

  it('proves a stored {DIGEST-MD5} for the name and realm it was made of alone', () => {
    const credential = stored('bob:example.com:secret');
    const cases = [
      ['bob', 'example.com', true],
      ['bob@example.com', '', false],
      ['bob@example.com', 'example.com', false],
    ] as const;
    for (const [user, realm, isProven] of cases) {
      const client = createSaslClient('DIGEST-MD5', { user, realm, password: 'secret' });
      const { step } = playClient({ mechanism: DIGEST_MD5, client }, credential);
      assert.equal(step.kind === 'proof' && step.isProven, isProven, user);
    }
  });

  it('passes on whom the client wants to act as, unless that is itself', () => {
    const cases = [
      ['alice@example.com', 'alice@example.com'],
      ['bob', undefined],
      ['bob@example.com', undefined],
    ] as const;
    for (const [authzid, expected] of cases) {
      const client = createSaslClient('DIGEST-MD5', { user: 'bob', realm: 'example.com', password: 'x', authzid });
      const { step, claim } = playClient({ mechanism: DIGEST_MD5, client }, plain('x'));
      assert.ok(step.kind === 'proof' && step.isProven);
      assert.equal(claim?.authorizationId, expected);
    }
    const broken = Buffer.from(`${GOOD},authzid="\xFF"`, 'latin1');
    assert.deepEqual(play(broken).step, {
      kind: 'reject',
      reason: 'authorization-id',
      user: 'chris@elwood.innosoft.com',
    });
  });

  it('proves what ISO 8859-1 can write in both ways clients hash it', () => {
    const text = 'zoë:ö:pässword';
    for (const encoding of ['utf8', 'latin1'] as const) {
      const secret = createHash('md5').update(Buffer.from(text, encoding)).digest();
      const a1 = md5([secret, `:${NONCE}:c`]).toString('hex');
      const sign = (verb: string) =>
        md5([`${a1}:${NONCE}:00000001:c:auth:${md5([`${verb}:`]).toString('hex')}`]).toString('hex');
      const message = `charset=utf-8,username="zoë",realm="ö",nonce="${NONCE}",cnonce=c,response=${sign('AUTHENTICATE')}`;
      const { step } = play(message, plain('pässword'));
      assert.deepEqual(step, {
        kind: 'proof',
        isProven: true,
        serverFinal: Buffer.from(`rspauth=${sign('')}`),
      });
    }
  });

  it('proves every right password and no other', () => {
    const text = fc.string({ unit: 'grapheme' }).filter((s) => !s.includes('\0'));
    const name = text.filter((s) => s !== '');
    fc.assert(
      fc.property(name, text, text, fc.option(text, { nil: undefined }), (user, password, other, realm) => {
        const right = createSaslClient('DIGEST-MD5', { user, password, realm });
        const wrong = createSaslClient('DIGEST-MD5', { user, password: other, realm });
        const good = playClient({ mechanism: DIGEST_MD5, client: right }, plain(password));
        assert.ok(good.step.kind === 'proof' && good.step.isProven);
        const bad = playClient({ mechanism: DIGEST_MD5, client: wrong }, plain(password));
        assert.ok(bad.step.kind === 'proof' && bad.step.isProven === (other === password));
      }),
    );
  });
});

describe('parseDigestResponse()', () => {
  it('survives any message, in time that grows with its length alone', () => {
    const part = fc.oneof(
      fc.constantFrom('username=', '"', '\\', ',', ' ', '=', 'nonce=', GOOD, 'nc=1', '\t\t\t'),
      fc.string({ unit: 'binary', maxLength: 5 }),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        parseDigestResponse(Buffer.from(parts.join('')));
      }),
      { numRuns: 2000 },
    );
    const startedAt = performance.now();
    for (const hostile of ['"', '\\', ' ', ',', '=', 'x', '"\\', 'x= ', 'a="', 'a="",'])
      parseDigestResponse(Buffer.from(hostile.repeat(12_288 / hostile.length)));
    assert.ok(performance.now() - startedAt < 500);
  });
});

describe('formatDigestChallenge()', () => {
  it('has one realm of no name when there are none', () => {
    assert.match(formatDigestChallenge('n', []).toString(), /^realm="",nonce="n",/);
  });
});
