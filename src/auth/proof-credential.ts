/**
 * What the proof of a challenge mechanism is checked with: made from the password a passdb stores, or invented for
 * users that do not exist and for those whose stored scheme cannot serve. It looks nothing up and decides nothing.
 *
 * Invented ones come from a secret key, so that they are the same at every attempt, and the salts of users stored as
 * PLAIN are made in the same way: from the outside nobody can tell the two apart (RULES 40).
 */
import { createHmac } from 'node:crypto';
import type { Hasher, HashOptions } from './hasher.ts';
import type { Claim, Credential, ProofScheme } from './login.ts';
import { preparePassword } from './saslprep.ts';
import type { Encoding } from './schemes/scheme.ts';
import { decodeText } from './schemes/stored-password.ts';

/** Dovecot's, and the least RFC 5802 allows. */
const ITERATIONS = 4096;
const SALT_BYTES = 16;
/** What is hashed where there is no password, for the time it takes. */
const NOBODYS_PASSWORD = Buffer.from('nobody');

type ScramScheme = 'SCRAM-SHA-1' | 'SCRAM-SHA-256';

const SCRAM: Readonly<Record<ScramScheme, { algorithm: 'sha1' | 'sha256'; keyBytes: number }>> = {
  'SCRAM-SHA-1': { algorithm: 'sha1', keyBytes: 20 },
  'SCRAM-SHA-256': { algorithm: 'sha256', keyBytes: 32 },
};
/** Bytes of the two schemes that are stored as hex or base64. */
const DIGEST_BYTES = { 'CRAM-MD5': 32, 'DIGEST-MD5': 16 } as const;

/** Names a proof can be made with, by what may stand in the braces. */
const STORED_AS: Readonly<Record<string, ProofScheme | 'PLAIN'>> = {
  PLAIN: 'PLAIN',
  CLEAR: 'PLAIN',
  CLEARTEXT: 'PLAIN',
  'CRAM-MD5': 'CRAM-MD5',
  'HMAC-MD5': 'CRAM-MD5',
  'DIGEST-MD5': 'DIGEST-MD5',
  'SCRAM-SHA-1': 'SCRAM-SHA-1',
  'SCRAM-SHA-256': 'SCRAM-SHA-256',
};
/** The name of the scheme, its encoding, the data. */
const STORED = /^\{([a-z0-9-]+)(?:\.(b64|base64|hex))?\}(.*)$/is;

/**
 * What a claim is answered with. `invented`: nobody of that name is stored, or not in a scheme that serves the mechanism.
 * `unusable`: the stored data is broken. `busy`: the hash queue is full or too slow.
 */
export type CredentialVerdict =
  { readonly kind: 'stored' | 'invented'; readonly credential: Credential } | { readonly kind: 'unusable' | 'busy' };

export interface CredentialPorts {
  readonly hasher: Pick<Hasher, 'deriveScram'>;
  /** The secret that salts and invented credentials come from. */
  readonly key: Buffer;
}

/** One claim and what is stored for it. */
export interface CredentialQuestion extends HashOptions {
  /** `username` is the name after formatting, or salts would tell how a name is written in the users file. */
  readonly claim: Claim;
  /** `{SCHEME}data`; undefined when there is no such user, or no password of theirs. */
  readonly stored: string | undefined;
}

/**
 * Makes what the proof of a claim is checked with. Every SCRAM claim costs one derivation in a hash worker, whoever it
 * is about: users stored as PLAIN need it, and an answer that comes sooner would tell that there is no such user.
 */
export async function makeCredential(
  { claim, stored, ...options }: CredentialQuestion,
  { hasher, key }: CredentialPorts,
): Promise<CredentialVerdict> {
  const fitting = stored === undefined ? undefined : readStored(stored, claim.scheme);
  if (fitting?.kind === 'unusable') return fitting;
  if (!isScram(claim.scheme)) {
    return fitting === undefined
      ? { kind: 'invented', credential: inventCredential(claim, key) }
      : { kind: 'stored', credential: fitting };
  }
  const plain = fitting?.kind === 'plain' ? fitting.password : undefined;
  const parameters = {
    algorithm: SCRAM[claim.scheme].algorithm,
    salt: makeSalt({ username: claim.username, scheme: claim.scheme }, key),
    iterations: ITERATIONS,
  };
  const data = await hasher.deriveScram(preparePassword(plain ?? NOBODYS_PASSWORD), parameters, options);
  if (data === undefined) return { kind: 'busy' };
  if (plain !== undefined) return { kind: 'stored', credential: { kind: 'verifier', data } };
  return fitting === undefined
    ? { kind: 'invented', credential: inventCredential(claim, key) }
    : { kind: 'stored', credential: fitting };
}

/** Whether a stored password can be what the proof of a scheme is checked with. */
export function servesProof(stored: string, scheme: ProofScheme): 'yes' | 'no' | 'unusable' {
  const fitting = readStored(stored, scheme);
  if (fitting === undefined) return 'no';
  return fitting.kind === 'unusable' ? 'unusable' : 'yes';
}

/** Makes the credential that no proof matches, the same at every attempt; `claim.username` is the name after formatting. */
export function inventCredential({ username, scheme }: Claim, key: Buffer): Credential {
  if (!isScram(scheme)) {
    const data = derive(key, { scheme, username, use: 'key' }).subarray(0, DIGEST_BYTES[scheme]).toString('hex');
    return { kind: 'verifier', data };
  }
  const { keyBytes } = SCRAM[scheme];
  const salt = makeSalt({ username, scheme }, key).toString('base64');
  const keys = ['stored-key', 'server-key'].map((use) =>
    derive(key, { scheme, username, use }).subarray(0, keyBytes).toString('base64'),
  );
  return { kind: 'verifier', data: [ITERATIONS, salt, ...keys].join() };
}

/** The password, or what the scheme stores of it; undefined when it does not serve this mechanism. */
function readStored(stored: string, wanted: ProofScheme): Credential | { readonly kind: 'unusable' } | undefined {
  const [, name = '', encodingName, text = ''] = STORED.exec(stored) ?? [];
  const scheme = STORED_AS[name.toUpperCase()];
  const encoding = readEncoding(encodingName);
  if (scheme === 'PLAIN') {
    const password = encoding === undefined ? Buffer.from(text) : decodeText(text, encoding);
    return password === undefined ? { kind: 'unusable' } : { kind: 'plain', password };
  }
  if (scheme !== wanted) return undefined;
  const data = readVerifier({ scheme, text, encoding });
  return data === undefined ? { kind: 'unusable' } : { kind: 'verifier', data };
}

/** Data of the scheme in its usual encoding: hex, and SCRAM as it stands. Undefined when it is broken. */
function readVerifier({
  scheme,
  text,
  encoding,
}: {
  scheme: ProofScheme;
  text: string;
  encoding: Encoding | undefined;
}): string | undefined {
  if (isScram(scheme)) {
    const data = encoding === undefined ? text : decodeText(text, encoding)?.toString('latin1');
    return data === undefined || parseScramData(data, scheme) === undefined ? undefined : data;
  }
  const bytes = DIGEST_BYTES[scheme];
  const raw = decodeText(text, encoding ?? (text.length === bytes * 2 ? 'hex' : 'base64'));
  return raw?.length === bytes ? raw.toString('hex') : undefined;
}

/** What SCRAM checks a proof with. */
export interface ScramKeys {
  readonly iterations: number;
  /** As it is stored: it goes out as it is. */
  readonly salt: string;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

const SCRAM_DATA = /^([1-9]\d{0,8}),([A-Za-z0-9+/]+={0,2}),([A-Za-z0-9+/]+={0,2}),([A-Za-z0-9+/]+={0,2})$/;

/** Parses `iterations,salt,StoredKey,ServerKey`; undefined for data that is no good, such as too few iterations. */
export function parseScramData(data: string, scheme: ScramScheme): ScramKeys | undefined {
  const [, iterations = '', salt = '', storedText = '', serverText = ''] = SCRAM_DATA.exec(data) ?? [];
  const storedKey = decodeText(storedText, 'base64');
  const serverKey = decodeText(serverText, 'base64');
  const { keyBytes } = SCRAM[scheme];
  const isWhole = storedKey?.length === keyBytes && serverKey?.length === keyBytes;
  if (!isWhole || Number(iterations) < ITERATIONS || decodeText(salt, 'base64') === undefined) return undefined;
  return { iterations: Number(iterations), salt, storedKey, serverKey };
}

function isScram(scheme: ProofScheme): scheme is ScramScheme {
  return scheme in SCRAM;
}

function readEncoding(name: string | undefined): Encoding | undefined {
  if (name === undefined) return undefined;
  return name.toLowerCase() === 'hex' ? 'hex' : 'base64';
}

function makeSalt({ username, scheme }: { username: string; scheme: ProofScheme }, key: Buffer): Buffer {
  return derive(key, { scheme, username, use: 'salt' }).subarray(0, SALT_BYTES);
}

/** 32 bytes for each use, scheme and name, which are parted by a byte that none of them holds. */
function derive(
  key: Buffer,
  { scheme, username, use }: { scheme: ProofScheme; username: string; use: string },
): Buffer {
  return createHmac('sha256', key).update(`${use}\0${scheme}\0${username}`).digest();
}
