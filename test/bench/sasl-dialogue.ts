/**
 * Logins as Postfix asks for them, with the client's side of each mechanism that is measured. Every login is of one
 * connection's own id. facts: what Postfix sends for AUTH; RFC 4616, RFC 2195, RFC 5802.
 */
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { findLineEnd, type Dialogue, type Step } from './dialogue.ts';

/** One login and what its answer begins with, before the request id. */
export interface Login {
  readonly user: string;
  readonly password: string;
  readonly expected: 'OK' | 'FAIL';
}

export interface SaslSettings {
  readonly kind: 'sasl';
  readonly mechanism: 'PLAIN' | 'CRAM-MD5' | 'SCRAM-SHA-256';
  /** Each once in this order, then from the beginning. */
  readonly logins: readonly Login[];
  /** All from one client, or each from a network of its own, so that nobody's failures slow another. */
  readonly origin: 'one client' | 'many networks';
  /** SCRAM clients derive their keys anew each time, so that what they do between two messages tells nobody apart. */
  readonly isForgetful?: boolean;
}

const SERVER = '192.0.2.1';
const CLIENT = '198.51.100.7';

/** `connection` is a number that no other connection of this run has. */
export function createSaslDialogue(settings: SaslSettings, connection: number): Dialogue {
  const { mechanism, logins, origin, isForgetful = false } = settings;
  const begin = BEGINNINGS[mechanism];
  return {
    // Dovecot refuses a process id that another connection has.
    hello: [{ send: `VERSION\t1\t0\nCPID\t${connection}\n`, until: 'DONE' }],
    findEnd: findLineEnd,
    makeSteps: (serial) => {
      const login = logins[serial % logins.length];
      if (login === undefined) throw new RangeError('Cannot log in: no logins');
      const id = serial + 1;
      const client = origin === 'one client' ? CLIENT : `10.${(serial >> 8) & 255}.${serial & 255}.7`;
      const parameters = `service=smtp\tnologin\tfinal-resp-ok\tlip=${SERVER}\trip=${client}\tsecured`;
      return begin(login, { id, isForgetful, command: `AUTH\t${id}\t${mechanism}\t${parameters}` });
    },
  };
}

interface Beginning {
  readonly id: number;
  readonly isForgetful: boolean;
  /** Without the initial response. */
  readonly command: string;
}

const BEGINNINGS: Readonly<Record<SaslSettings['mechanism'], (login: Login, beginning: Beginning) => Step[]>> = {
  PLAIN: (login, { id, command }) => [
    {
      send: `${command}\tresp=${encode(`\0${login.user}\0${login.password}`)}\n`,
      replies: [`${login.expected}\t${id}\t`],
    },
  ],
  'CRAM-MD5': (login, { id, command }) => [
    { send: `${command}\n`, replies: [`CONT\t${id}\t`] },
    {
      send: (reply) => {
        const digest = createHmac('md5', login.password).update(decodeContinuation(reply), 'latin1').digest('hex');
        return `CONT\t${id}\t${encode(`${login.user} ${digest}`)}\n`;
      },
      replies: [`${login.expected}\t${id}\t`],
    },
  ],
  'SCRAM-SHA-256': (login, { id, isForgetful, command }) => {
    const bare = `n=${login.user},r=nonce${id}`;
    return [
      { send: `${command}\tresp=${encode(`n,,${bare}`)}\n`, replies: [`CONT\t${id}\t`] },
      {
        send: (reply) => {
          if (isForgetful) saltedPasswords.clear();
          return `CONT\t${id}\t${encode(proveScram(login.password, bare, decodeContinuation(reply)))}\n`;
        },
        replies: [`${login.expected}\t${id}\t`],
      },
    ];
  },
};

/** The last message of a SCRAM client (RFC 5802 section 3). */
function proveScram(password: string, bare: string, serverFirst: string): string {
  const [, nonce = '', salt = '', iterations = ''] = /^r=([^,]*),s=([^,]*),i=(\d+)/.exec(serverFirst) ?? [];
  const salted = saltPassword(password, { salt, iterations: Number(iterations) });
  const clientKey = createHmac('sha256', salted).update('Client Key').digest();
  const storedKey = createHash('sha256').update(clientKey).digest();
  const withoutProof = `c=biws,r=${nonce}`;
  const message = `${bare},${serverFirst},${withoutProof}`;
  const signature = createHmac('sha256', storedKey).update(message).digest();
  const proof = clientKey.map((byte, i) => byte ^ (signature[i] ?? 0));
  return `${withoutProof},p=${Buffer.from(proof).toString('base64')}`;
}

const saltedPasswords = new Map<string, Buffer>();

/** The slow part, which clients remember as well (RFC 5802 section 5.1), so that the server is what is measured. */
function saltPassword(password: string, { salt, iterations }: { salt: string; iterations: number }): Buffer {
  const key = `${iterations},${salt},${password}`;
  const known = saltedPasswords.get(key);
  if (known !== undefined) return known;
  const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), iterations, 32, 'sha256');
  saltedPasswords.set(key, salted);
  return salted;
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64');
}

function decodeContinuation(reply: string): string {
  return Buffer.from(reply.split('\t')[2] ?? '', 'base64').toString('latin1');
}
