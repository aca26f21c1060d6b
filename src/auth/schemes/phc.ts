/**
 * The text argon2 hashes are stored as, `$argon2id$v=19$m=65536,t=3,p=1$salt$hash` (the PHC string format), read and
 * written; nothing is hashed here, so the event loop may do it.
 */
import type { HashWork } from './work.ts';

export interface Argon2Parameters {
  readonly variant: 'argon2i' | 'argon2id' | 'argon2d';
  /** 19 since 2016; a hash that names none is of version 16. */
  readonly version: 16 | 19;
  readonly memoryKib: number;
  readonly passes: number;
  readonly lanes: number;
}

export interface StoredArgon2 {
  readonly parameters: Argon2Parameters;
  readonly salt: Buffer;
  readonly key: Buffer;
  readonly work: HashWork;
}

/** libsodium's "interactive" of doveadm. */
export const NEW_ARGON2: Readonly<Record<'ARGON2I' | 'ARGON2ID', Argon2Parameters>> = {
  ARGON2I: { variant: 'argon2i', version: 19, memoryKib: 32_768, passes: 4, lanes: 1 },
  ARGON2ID: { variant: 'argon2id', version: 19, memoryKib: 65_536, passes: 3, lanes: 1 },
};

const MS_PER_KIB_AND_PASS = 0.0005;
/** Each lane is a thread while it runs. */
const MAX_LANES = 16;
const STORED =
  /^\$(argon2(?:id|i|d))\$(?:v=(16|19)\$)?m=(\d{1,10}),t=(\d{1,10}),p=(\d{1,3})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

/** Reads stored text; undefined when it is malformed. */
export function readArgon2(text: string): StoredArgon2 | undefined {
  const [, variant, version, memory, passes, lanes, salt = '', key = ''] = STORED.exec(text) ?? [];
  if (variant !== 'argon2i' && variant !== 'argon2id' && variant !== 'argon2d') return undefined;
  const parameters = {
    variant,
    version: version === '19' ? 19 : 16,
    memoryKib: Number(memory),
    passes: Number(passes),
    lanes: Number(lanes),
  } as const;
  if (parameters.lanes > MAX_LANES) return undefined;
  const { memoryKib } = parameters;
  const work = {
    signature: formatParameters(parameters),
    estimatedMs: memoryKib * parameters.passes * MS_PER_KIB_AND_PASS,
    memoryKib,
  };
  // PHC strings hold base64 without padding.
  return { parameters, salt: Buffer.from(salt, 'base64'), key: Buffer.from(key, 'base64'), work };
}

/** Formats what is stored. */
export function formatArgon2({ parameters, salt, key }: Omit<StoredArgon2, 'work'>): string {
  return [formatParameters(parameters), ...[salt, key].map(formatBase64)].join('$');
}

function formatParameters({ variant, version, memoryKib, passes, lanes }: Argon2Parameters): string {
  return `$${variant}$v=${version}$m=${memoryKib},t=${passes},p=${lanes}`;
}

function formatBase64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}
