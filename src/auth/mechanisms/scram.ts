/**
 * SASL SCRAM-SHA-1 (RFC 5802) and SCRAM-SHA-256 (RFC 7677), without channel binding: `p=` is refused, `y` and `n` are
 * taken, as Dovecot does. Names are prepared by SASLprep, because clients do the same. What the client has to send in a
 * certain order is read in that order only, and base64 is read strictly.
 *
 * States: before client-first (an empty challenge asks for it when the client sent none); server-first out, waiting for
 * client-final; done. All messages are kept with one character a byte, since the proof is about bytes.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { decodeBase64 } from '../../core/base64.ts';
import type { Credential } from '../login.ts';
import { parseScramData, type ScramKeys } from '../proof-credential.ts';
import { prepareText } from '../saslprep.ts';
import type { Mechanism, MechanismExchange, MechanismStep, MechanismWorld } from './mechanism.ts';
import { claimStep, readName } from './mechanism.ts';

type ScramName = 'SCRAM-SHA-1' | 'SCRAM-SHA-256';

/** 64 characters of base64: printable, and none of them a comma. */
const NONCE_BYTES = 48;
const ALGORITHMS: Readonly<Record<ScramName, string>> = { 'SCRAM-SHA-1': 'sha1', 'SCRAM-SHA-256': 'sha256' };

/** GS2 header, authorization id, then the bare message with name and nonce. A `m=` would stand before the name. */
const CLIENT_FIRST = /^([ny],(?:a=([^,\0]+))?,)(n=([^,\0]+),r=([!-+\--~]+)(?:,[A-Za-z]=[^,\0]+)*)$/;
/** The message without its proof, with channel binding and nonce in it, then the proof. */
const CLIENT_FINAL = /^(c=([^,\0]+),r=([!-+\--~]+)(?:,[A-Za-z]=[^,\0]+)*),p=([^,\0]+)$/;

export const SCRAM_SHA_1 = createScram('SCRAM-SHA-1');
export const SCRAM_SHA_256 = createScram('SCRAM-SHA-256');

/** One of the two; `makeNonce` gives the server's part of the nonce. */
export function createScram(
  name: ScramName,
  makeNonce = ({ random }: MechanismWorld): string => random(NONCE_BYTES).toString('base64'),
): Mechanism {
  return { name, flags: ['mutual-auth'], begin: (world) => new ScramExchange(name, () => makeNonce(world)) };
}

/** What both sides have said when the client's last message comes. */
interface Conversation {
  readonly username: string;
  readonly keys: ScramKeys;
  readonly gs2Header: string;
  readonly nonce: string;
  /** client-first-bare and server-first, as they stand in the message that is signed. */
  readonly signed: string;
}

class ScramExchange implements MechanismExchange {
  readonly #name: ScramName;
  readonly #makeNonce: () => string;
  #conversation: Conversation | undefined;

  constructor(name: ScramName, makeNonce: () => string) {
    this.#name = name;
    this.#makeNonce = makeNonce;
  }

  next(response: Buffer | undefined): MechanismStep {
    if (this.#conversation !== undefined) return this.#prove(this.#conversation, response);
    return response === undefined ? { kind: 'challenge', challenge: Buffer.alloc(0) } : this.#claim(response);
  }

  #claim(message: Buffer): MechanismStep {
    const [, gs2Header, authzid, bare = '', name = '', clientNonce = ''] =
      CLIENT_FIRST.exec(message.toString('latin1')) ?? [];
    if (gs2Header === undefined) return { kind: 'reject', reason: 'bad-request', user: undefined };
    const username = readSaslName(name, (text) => prepareText(text));
    if (username === undefined || username === '') return { kind: 'reject', reason: 'bad-username', user: undefined };
    const authorizationId = authzid === undefined ? undefined : readSaslName(authzid);
    return claimStep({
      claim: { username, scheme: this.#name, authorizationId },
      isActing: authzid !== undefined,
      resume: (credential) => this.#challenge({ credential, username, gs2Header, bare, clientNonce }),
    });
  }

  #challenge(said: {
    readonly credential: Credential;
    readonly username: string;
    readonly gs2Header: string;
    readonly bare: string;
    readonly clientNonce: string;
  }): MechanismStep {
    const { credential, username, gs2Header, bare, clientNonce } = said;
    const keys = credential.kind === 'verifier' ? parseScramData(credential.data, this.#name) : undefined;
    if (keys === undefined) throw new TypeError(`Cannot use credential: not what ${this.#name} stores`);
    const nonce = clientNonce + this.#makeNonce();
    const serverFirst = `r=${nonce},s=${keys.salt},i=${keys.iterations}`;
    this.#conversation = { username, keys, gs2Header, nonce, signed: `${bare},${serverFirst}` };
    return { kind: 'challenge', challenge: Buffer.from(serverFirst, 'latin1') };
  }

  #prove({ username, keys, gs2Header, nonce, signed }: Conversation, message: Buffer | undefined): MechanismStep {
    const [, withoutProof, binding, givenNonce, proofText = ''] =
      CLIENT_FINAL.exec(message?.toString('latin1') ?? '') ?? [];
    const proof = decodeBase64(proofText);
    const isWhole =
      proof?.length === keys.storedKey.length &&
      // Bits behind the last byte are no part of it.
      proof.toString('base64') === proofText &&
      binding === Buffer.from(gs2Header, 'latin1').toString('base64') &&
      givenNonce === nonce;
    if (!isWhole) return { kind: 'reject', reason: 'bad-request', user: username };
    const authMessage = Buffer.from(`${signed},${withoutProof ?? ''}`, 'latin1');
    const algorithm = ALGORITHMS[this.#name];
    const signature = createHmac(algorithm, keys.storedKey).update(authMessage).digest();
    const clientKey = Buffer.from(proof.map((byte, i) => byte ^ (signature[i] ?? 0)));
    const isProven = timingSafeEqual(createHash(algorithm).update(clientKey).digest(), keys.storedKey);
    const serverSignature = createHmac(algorithm, keys.serverKey).update(authMessage).digest('base64');
    return { kind: 'proof', isProven, serverFinal: Buffer.from(`v=${serverSignature}`) };
  }
}

/** Reads a saslname: `=2C` and `=3D` stand for comma and equals sign, and no other `=` may be in it. */
function readSaslName(
  text: string,
  prepare: (text: string) => string | undefined = (same) => same,
): string | undefined {
  if (/=(?!2C|3D)/.test(text)) return undefined;
  const decoded = text.replaceAll('=2C', ',').replaceAll('=3D', '=');
  const name = readName(Buffer.from(decoded, 'latin1'));
  return name === undefined ? undefined : prepare(name);
}
