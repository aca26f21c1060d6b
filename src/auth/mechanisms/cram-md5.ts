/**
 * SASL CRAM-MD5 (RFC 2195): the server sends a challenge, the client its name and the HMAC-MD5 of the challenge under its
 * password. What is read is exact, in either case of hex; whatever else a client says before the challenge is ignored, as
 * Dovecot does.
 *
 * States: before the challenge; challenge out, waiting for the response; done.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Credential } from '../login.ts';
import { finishCramStates } from '../md5-state.ts';
import type { Mechanism, MechanismExchange, MechanismStep, MechanismWorld } from './mechanism.ts';
import { readName } from './mechanism.ts';

const RANDOM_DIGITS = 16;
const SECOND_MS = 1000;
/** Names may hold spaces: the digest is what stands behind the last one. */
const RESPONSE = /^([^\0]*) ([0-9a-f]{32})$/is;

export const CRAM_MD5: Mechanism = {
  name: 'CRAM-MD5',
  flags: ['dictionary', 'active'],
  begin: (world) => new CramExchange(world),
};

class CramExchange implements MechanismExchange {
  readonly #world: MechanismWorld;
  #challenge: Buffer | undefined;

  constructor(world: MechanismWorld) {
    this.#world = world;
  }

  next(response: Buffer | undefined): MechanismStep {
    const challenge = this.#challenge;
    if (challenge !== undefined) return readResponse(response, challenge);
    this.#challenge = makeChallenge(this.#world);
    return { kind: 'challenge', challenge: this.#challenge };
  }
}

function makeChallenge({ random, now, hostname }: MechanismWorld): Buffer {
  const digits = Array.from(random(RANDOM_DIGITS), (byte) => byte % 10).join('');
  return Buffer.from(`<${digits}.${Math.floor(now() / SECOND_MS)}@${hostname}>`);
}

function readResponse(response: Buffer | undefined, challenge: Buffer): MechanismStep {
  // One character a byte: the name is not decoded before it is known to be whole.
  const [, nameText, digest = ''] = RESPONSE.exec(response?.toString('latin1') ?? '') ?? [];
  if (nameText === undefined) return { kind: 'reject', reason: 'bad-request', user: undefined };
  const username = readName(Buffer.from(nameText, 'latin1'));
  if (username === undefined || username === '') return { kind: 'reject', reason: 'bad-username', user: undefined };
  const proof = Buffer.from(digest, 'hex');
  return {
    kind: 'claim',
    claim: { username, scheme: 'CRAM-MD5' },
    resume: (credential) => ({
      kind: 'proof',
      isProven: timingSafeEqual(proof, computeDigest(credential, challenge)),
    }),
  };
}

function computeDigest(credential: Credential, challenge: Buffer): Buffer {
  return credential.kind === 'plain'
    ? createHmac('md5', credential.password).update(challenge).digest()
    : finishCramStates(Buffer.from(credential.data, 'hex'), challenge);
}
