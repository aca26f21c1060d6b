/**
 * SASL DIGEST-MD5 (RFC 2831, made historic by RFC 6331), `qop=auth` only and without re-authentication. The realm need
 * not be one that was offered. The challenge and what is refused are Dovecot's, so that clients find what they know; the
 * codec of the messages is in `digest-md5-message.ts`.
 *
 * States: before the challenge (an initial response would be a re-authentication and is ignored); challenge out, waiting
 * for the response; done.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Credential } from '../login.ts';
import { formatDigestChallenge, parseDigestResponse, type DigestResponse } from './digest-md5-message.ts';
import type { Mechanism, MechanismExchange, MechanismStep, MechanismWorld } from './mechanism.ts';
import { claimStep, readName } from './mechanism.ts';

const NONCE_BYTES = 16;

export const DIGEST_MD5 = createDigest();

/** `makeNonce` gives the server's nonce. */
export function createDigest(
  makeNonce = ({ random }: MechanismWorld): string => random(NONCE_BYTES).toString('base64'),
): Mechanism {
  return {
    name: 'DIGEST-MD5',
    flags: ['dictionary', 'active', 'mutual-auth'],
    begin: (world) => new DigestExchange(makeNonce(world), world.realms),
  };
}

class DigestExchange implements MechanismExchange {
  readonly #nonce: string;
  readonly #realms: readonly string[];
  #hasChallenged = false;

  constructor(nonce: string, realms: readonly string[]) {
    this.#nonce = nonce;
    this.#realms = realms;
  }

  next(response: Buffer | undefined): MechanismStep {
    if (this.#hasChallenged) return readResponse(response ?? Buffer.alloc(0), this.#nonce);
    this.#hasChallenged = true;
    return { kind: 'challenge', challenge: formatDigestChallenge(this.#nonce, this.#realms) };
  }
}

function readResponse(message: Buffer, nonce: string): MechanismStep {
  const response = parseDigestResponse(message);
  if (response?.nonce !== nonce) return { kind: 'reject', reason: 'bad-request', user: undefined };
  const name = readName(response.username);
  const realm = readName(response.realm);
  if (name === undefined || realm === undefined) return { kind: 'reject', reason: 'bad-username', user: undefined };
  const username = name.includes('@') || realm === '' ? name : `${name}@${realm}`;
  const { authzid } = response;
  const named = authzid === undefined ? undefined : readName(authzid);
  return claimStep({
    // One's own name is one's own with its realm and without.
    claim: { username, scheme: 'DIGEST-MD5', authorizationId: named === name ? username : named },
    isActing: authzid !== undefined,
    resume: (credential) => checkProof(response, credential),
  });
}

function checkProof(response: DigestResponse, credential: Credential): MechanismStep {
  const given = Buffer.from(response.response, 'hex');
  const secrets = listSecrets(response, credential);
  const proven = secrets.find((secret) => timingSafeEqual(computeDigest(response, { secret, from: 'client' }), given));
  // What is said to a client without the secret is never sent.
  const secret = proven ?? secrets[0] ?? Buffer.alloc(0);
  const rspauth = computeDigest(response, { secret, from: 'server' }).toString('hex');
  return { kind: 'proof', isProven: proven !== undefined, serverFinal: Buffer.from(`rspauth=${rspauth}`) };
}

/**
 * MD5 of `name:realm:password`, in every way a client may come to it: Dovecot takes the bytes as they are, while RFC 2831
 * section 2.1.2.1 wants what ISO 8859-1 can write to be written in that.
 */
function listSecrets({ username, realm }: DigestResponse, credential: Credential): readonly Buffer[] {
  if (credential.kind === 'verifier') return [Buffer.from(credential.data, 'hex')];
  const parts = [username, realm, credential.password];
  const inLatin1 = parts.map(toLatin1);
  const isSame = inLatin1.every((part, i) => part === parts[i]);
  return (isSame ? [parts] : [parts, inLatin1]).map(([name = EMPTY, where = EMPTY, password = EMPTY]) =>
    md5([name, ':', where, ':', password]),
  );
}

const EMPTY = Buffer.alloc(0);
const LATIN1_TEXT = /^[\0-\u00FF]*$/;

/** UTF-8 written anew in ISO 8859-1; the same bytes when that cannot be, or makes no difference. */
function toLatin1(bytes: Buffer): Buffer {
  const text = bytes.toString();
  const isText = Buffer.from(text).equals(bytes);
  if (!isText || text.length === bytes.length || !LATIN1_TEXT.test(text)) return bytes;
  return Buffer.from(text, 'latin1');
}

/** The `response` or `rspauth` value (RFC 2831 section 2.1.2.1) of a side that knows `secret`. */
function computeDigest(
  { nonce, cnonce, nc, qop, authzid, digestUri }: DigestResponse,
  { secret, from }: { readonly secret: Buffer; readonly from: 'client' | 'server' },
): Buffer {
  const a1 = [secret, `:${nonce}:`, cnonce, ...(authzid === undefined ? [] : [':', authzid])];
  const a2 = [from === 'client' ? 'AUTHENTICATE:' : ':', digestUri];
  return md5([md5(a1).toString('hex'), `:${nonce}:${nc}:`, cnonce, `:${qop}:`, md5(a2).toString('hex')]);
}

function md5(parts: readonly (string | Buffer)[]): Buffer {
  const hash = createHash('md5');
  for (const part of parts) hash.update(part);
  return hash.digest();
}
