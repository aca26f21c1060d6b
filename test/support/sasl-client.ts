/**
 * The client's side of the SASL mechanisms, written after the RFCs and not after our server. It checks what the server
 * proves of itself. Nothing here is prepared by SASLprep: tests give names and passwords as they go out.
 */
import assert from 'node:assert/strict';
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

export interface SaslIdentity {
  readonly user: string;
  readonly password: string;
  readonly authzid?: string | undefined;
  /** DIGEST-MD5: the realm that is claimed. */
  readonly realm?: string | undefined;
  /** Instead of a random one. */
  readonly clientNonce?: string;
}

export interface SaslClient {
  /** What goes out with AUTH; undefined when the server speaks first. */
  readonly initial: Buffer | undefined;
  /** The answer to a challenge. */
  answer(challenge: Buffer): Buffer;
}

/** A client for one exchange. */
export function createSaslClient(mechanism: string, identity: SaslIdentity): SaslClient {
  const { user, password, authzid = '' } = identity;
  switch (mechanism) {
    case 'PLAIN':
      return { initial: Buffer.from(`${authzid}\0${user}\0${password}`), answer: refuse };
    case 'LOGIN':
      return { initial: undefined, answer: (asked) => Buffer.from(/^user/i.test(asked.toString()) ? user : password) };
    case 'CRAM-MD5':
      return {
        initial: undefined,
        answer: (challenge) => Buffer.from(`${user} ${createHmac('md5', password).update(challenge).digest('hex')}`),
      };
    case 'DIGEST-MD5':
      return createDigestClient(identity);
    case 'SCRAM-SHA-1':
    case 'SCRAM-SHA-256':
      return createScramClient(mechanism, identity);
    case 'EXTERNAL':
      return { initial: Buffer.from(authzid), answer: refuse };
    case 'ANONYMOUS':
      return { initial: Buffer.from(user), answer: refuse };
    default:
      throw new RangeError(`Cannot speak ${mechanism}`);
  }
}

function refuse(): never {
  assert.fail('a challenge where none was to come');
}

function createScramClient(mechanism: 'SCRAM-SHA-1' | 'SCRAM-SHA-256', identity: SaslIdentity): SaslClient {
  const { user, password, authzid, clientNonce = randomBytes(18).toString('base64') } = identity;
  const algorithm = mechanism === 'SCRAM-SHA-1' ? 'sha1' : 'sha256';
  const header = `n,${authzid === undefined ? '' : `a=${escapeName(authzid)}`},`;
  const bare = `n=${escapeName(user)},r=${clientNonce}`;
  let serverSignature: string | undefined;
  return {
    initial: Buffer.from(header + bare),
    answer: (challenge) => {
      if (serverSignature !== undefined) {
        assert.equal(challenge.toString(), `v=${serverSignature}`, 'the server does not know the password');
        return Buffer.alloc(0);
      }
      const first = challenge.toString();
      const [, nonce = '', salt = '', iterations = ''] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(first) ?? [];
      assert.ok(nonce.startsWith(clientNonce) && nonce.length > clientNonce.length, first);
      const bytes = createHash(algorithm).digest().length;
      const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), Number(iterations), bytes, algorithm);
      const clientKey = createHmac(algorithm, salted).update('Client Key').digest();
      const storedKey = createHash(algorithm).update(clientKey).digest();
      const withoutProof = `c=${Buffer.from(header).toString('base64')},r=${nonce}`;
      const message = `${bare},${first},${withoutProof}`;
      const signature = createHmac(algorithm, storedKey).update(message).digest();
      const serverKey = createHmac(algorithm, salted).update('Server Key').digest();
      serverSignature = createHmac(algorithm, serverKey).update(message).digest('base64');
      const proof = Buffer.from(clientKey.map((byte, i) => byte ^ (signature[i] ?? 0))).toString('base64');
      return Buffer.from(`${withoutProof},p=${proof}`);
    },
  };
}

function createDigestClient(identity: SaslIdentity): SaslClient {
  const { user, password, authzid, realm, clientNonce = randomBytes(12).toString('base64') } = identity;
  let rspauth: string | undefined;
  return {
    initial: undefined,
    answer: (challenge) => {
      if (rspauth !== undefined) {
        assert.equal(challenge.toString(), `rspauth=${rspauth}`, 'the server does not know the password');
        return Buffer.alloc(0);
      }
      const nonce = /(?:^|,)nonce="([^"]*)"/.exec(challenge.toString())?.[1] ?? '';
      const uri = 'smtp/mail.example.com';
      const secret = md5(`${user}:${realm ?? ''}:${password}`);
      const acting = authzid === undefined ? '' : `:${authzid}`;
      const a1 = md5(secret, `:${nonce}:${clientNonce}${acting}`).toString('hex');
      const sign = (verb: string): string =>
        md5(`${a1}:${nonce}:00000001:${clientNonce}:auth:${md5(`${verb}:${uri}`).toString('hex')}`).toString('hex');
      rspauth = sign('');
      const items = [
        'charset=utf-8',
        `username=${quote(user)}`,
        ...(realm === undefined ? [] : [`realm=${quote(realm)}`]),
        `nonce=${quote(nonce)}`,
        'nc=00000001',
        `cnonce=${quote(clientNonce)}`,
        `digest-uri=${quote(uri)}`,
        `response=${sign('AUTHENTICATE')}`,
        'qop=auth',
        ...(authzid === undefined ? [] : [`authzid=${quote(authzid)}`]),
      ];
      return Buffer.from(items.join(','));
    },
  };
}

/** A saslname of RFC 5802. */
function escapeName(text: string): string {
  return text.replaceAll('=', '=3D').replaceAll(',', '=2C');
}

function quote(text: string): string {
  return `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}

function md5(...parts: (string | Buffer)[]): Buffer {
  const hash = createHash('md5');
  for (const part of parts) hash.update(part);
  return hash.digest();
}
