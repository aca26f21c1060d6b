/**
 * The same bytes to Postern and to a private Dovecot with the same users: both must answer alike, but where the table says
 * that they differ and why. Nonces, salts and times are taken out of challenges before they are compared.
 */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startDovecot, type Dovecot } from '../support/dovecot.ts';
import { Postern } from '../support/postern.ts';
import { createSaslClient, type SaslIdentity } from '../support/sasl-client.ts';
import { SaslPeer } from '../support/sasl-peer.ts';
import { STORED_PASSWORD, STORED_PASSWORDS } from '../support/stored-passwords.ts';
import { createSystemFolder } from '../support/system-folder.ts';

const DOMAIN = 'example.com';
const DIGEST_USER = `user@${DOMAIN}`;
const USERS: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(STORED_PASSWORDS).map(([scheme, stored]) => [
    scheme === 'DIGEST-MD5' ? DIGEST_USER : `${scheme.toLowerCase()}@${DOMAIN}`,
    stored,
  ]),
);
const PLAIN_USER = `plain@${DOMAIN}`;
const MECHANISMS = [
  'PLAIN',
  'LOGIN',
  'CRAM-MD5',
  'DIGEST-MD5',
  'SCRAM-SHA-1',
  'SCRAM-SHA-256',
  'EXTERNAL',
  'ANONYMOUS',
];
/** Without an address, so that neither side slows us. */
const PARAMETERS = 'service=smtp\tnologin\tlip=\trip=\tsecured';
/** Requests under way at once on one connection. */
const BATCH = 20;

/** What the client says next, given the last challenge; undefined ends the exchange. */
type Speaker = (challenge: Buffer) => Buffer;

interface Exchange {
  readonly name: string;
  readonly mechanism: string;
  readonly initial?: Buffer | undefined;
  readonly begin: () => { initial: Buffer | undefined; speak: Speaker };
  /** Both sides' answers, where Postern's are better than Dovecot's. */
  readonly differs?: { readonly postern: string; readonly dovecot: string };
}

/** A client that says these things whatever it hears. */
function script(mechanism: string, ...said: string[]): Exchange {
  const isServerFirst = ['LOGIN', 'CRAM-MD5', 'DIGEST-MD5'].includes(mechanism);
  return {
    name: `${mechanism} ${said.map((text) => JSON.stringify(text)).join(' ')}`,
    mechanism,
    begin: () => {
      const left = said.map((text) => Buffer.from(text, 'latin1'));
      return {
        initial: isServerFirst ? undefined : left.shift(),
        speak: () => left.shift() ?? Buffer.alloc(0),
      };
    },
  };
}

function differing(exchange: Exchange, differs: NonNullable<Exchange['differs']>): Exchange {
  return { ...exchange, differs };
}

/** Every mechanism with every user, right and wrong. */
function listLogins(): Exchange[] {
  return MECHANISMS.slice(0, 6).flatMap((mechanism) =>
    [...Object.keys(USERS), `nobody@${DOMAIN}`].flatMap((address) =>
      [STORED_PASSWORD, 'wrong'].map((password): Exchange => {
        const [local = '', realm] = address.split('@');
        const identity = mechanism === 'DIGEST-MD5' ? { user: local, realm, password } : { user: address, password };
        const exchange: Exchange = {
          name: `${mechanism} of ${address}, ${password}`,
          mechanism,
          begin: () => {
            const client = createSaslClient(mechanism, identity);
            return { initial: client.initial, speak: (challenge) => client.answer(challenge) };
          },
        };
        const stored = USERS[address] ?? '';
        const isServed = stored.startsWith('{PLAIN}') || stored.startsWith(`{${mechanism}}`);
        // Dovecot tells a user that SCRAM cannot serve from one it can: facts, what to do better.
        if (!mechanism.startsWith('SCRAM') || isServed) return exchange;
        return differing(exchange, { postern: 'CONT FAIL', dovecot: 'FAIL' });
      }),
    ),
  );
}

/** A DIGEST-MD5 response of the plain user, then changed. */
function digest(change: (text: string) => string): Exchange {
  const identity = { user: 'plain', realm: DOMAIN, password: STORED_PASSWORD, clientNonce: 'abc' };
  return changing('DIGEST-MD5', identity, change);
}

/** A CRAM-MD5 response of the plain user, then changed. */
function cram(change: (digest: string, name: string) => string): Exchange {
  const identity = { user: PLAIN_USER, password: STORED_PASSWORD };
  const exchange = changing('CRAM-MD5', identity, (text) => change(text.split(' ')[1] ?? '', PLAIN_USER));
  return { ...exchange, name: `CRAM-MD5 ${String(change)}` };
}

function changing(mechanism: string, identity: SaslIdentity, change: (text: string) => string): Exchange {
  return {
    name: `${mechanism} ${String(change)}`,
    mechanism,
    begin: () => {
      const client = createSaslClient(mechanism, identity);
      let hasSpoken = false;
      return {
        initial: undefined,
        speak: (challenge) => {
          if (hasSpoken) return Buffer.alloc(0);
          hasSpoken = true;
          return Buffer.from(change(client.answer(challenge).toString()), 'latin1');
        },
      };
    },
  };
}

/** A SCRAM exchange of the plain user whose messages are changed. */
function scram(
  changeFirst: (text: string) => string,
  changeFinal: (text: string) => string = (text) => text,
  confirm = '',
): Exchange {
  const mechanism = 'SCRAM-SHA-256';
  return {
    name: `${mechanism} ${String(changeFirst)} ${String(changeFinal)} ${JSON.stringify(confirm)}`,
    mechanism,
    begin: () => {
      const client = createSaslClient(mechanism, { user: PLAIN_USER, password: STORED_PASSWORD, clientNonce: 'abc' });
      let steps = 0;
      return {
        initial: Buffer.from(changeFirst(client.initial?.toString() ?? ''), 'latin1'),
        speak: (challenge) => {
          steps += 1;
          if (steps > 1) return Buffer.from(confirm);
          return Buffer.from(changeFinal(client.answer(challenge).toString()), 'latin1');
        },
      };
    },
  };
}

const same = (text: string): string => text;

const EXCHANGES: readonly Exchange[] = [
  ...listLogins(),
  script('PLAIN', `${PLAIN_USER}\0${PLAIN_USER}\0secret`),
  script('PLAIN', `ssha@${DOMAIN}\0${PLAIN_USER}\0secret`),
  script('PLAIN', `\0${PLAIN_USER}\0`),
  script('PLAIN', `\0${PLAIN_USER}\0secret\0`),
  script('PLAIN', `\0${PLAIN_USER}`),
  script('PLAIN', `\0\0secret`),
  script('PLAIN', ''),
  // Postfix reads none of it, and a login that is remembered is answered without a look at its name.
  differing(script('PLAIN', `\0PLAIN@Example.COM\0secret`), {
    postern: 'OK',
    dovecot: 'OK\toriginal_user=PLAIN@Example.COM',
  }),
  script('LOGIN', '', 'secret'),
  script('LOGIN', PLAIN_USER, ''),
  script('LOGIN', `${PLAIN_USER}\0`, 'secret'),
  script('LOGIN', PLAIN_USER, 'secret\0'),
  script('CRAM-MD5', ''),
  script('CRAM-MD5', PLAIN_USER),
  script('CRAM-MD5', `${PLAIN_USER} abc`),
  cram((hex, name) => `${name} ${hex}`),
  cram((hex, name) => `${name}  ${hex}`),
  cram((hex, name) => `${name}\0 ${hex}`),
  cram((hex) => ` ${hex}`),
  // Dovecot 2.3 reads no further than 32 digits, and no upper case; 2.4 does as we do.
  differing(
    cram((hex, name) => `${name} ${hex}00`),
    { postern: 'CONT FAIL', dovecot: 'CONT OK' },
  ),
  differing(
    cram((hex, name) => `${name} ${hex.toUpperCase()}`),
    { postern: 'CONT OK', dovecot: 'CONT FAIL' },
  ),
  digest(same),
  digest((text) => text.replace('nc=00000001', 'nc=1')),
  digest((text) => text.replace('nc=00000001', 'nc=00000002')),
  digest((text) => text.replace('qop=auth', 'qop=auth-int')),
  digest((text) => text.replace(',qop=auth', '')),
  digest((text) => text.replace('charset=utf-8,', '')),
  digest((text) => text.replace('utf-8', 'latin1')),
  digest((text) => `${text},maxbuf=65536`),
  digest((text) => `${text},maxbuf=0`),
  digest((text) => `${text},unknown=x`),
  digest((text) => `${text},unknown="x,y"`),
  digest((text) => `${text},username="plain"`),
  digest((text) => `${text},nonce="x"`),
  digest((text) => `${text},cnonce="abc"`),
  digest((text) => `${text},authzid=""`),
  digest((text) => text.replace('username="plain"', 'username=""')),
  digest((text) => text.replace('cnonce="abc"', 'cnonce=""')),
  digest((text) => text.replace('realm="example.com"', 'realm="example.org"')),
  digest((text) => text.replace(/nonce="[^"]*"/, 'nonce="x"')),
  digest((text) => text.replace(/response=\w+/, (part) => part.slice(0, -1))),
  digest((text) => text.replace(/response=\w+/, (part) => `response=${part.slice(9).toUpperCase()}`)),
  digest((text) => text.replaceAll(',', ', ')),
  digest((text) => text.replace('plain', 'pla\0in')),
  script('DIGEST-MD5', ''),
  script('DIGEST-MD5', 'username'),
  scram(same),
  // As Dovecot 2.4.
  differing(scram(same, same, 'not empty'), { postern: 'CONT CONT FAIL', dovecot: 'CONT CONT OK' }),
  scram((text) => text.replace('n,,', 'y,,'), same),
  scram((text) => text.replace('n,,', 'p=tls-unique,,')),
  scram((text) => text.replace('n,,', `n,a=${PLAIN_USER},`)),
  // Nobody learns before the proof what names there are, or who may act for whom.
  differing(
    scram((text) => text.replace('n,,', `n,a=ssha@${DOMAIN},`)),
    { postern: 'CONT FAIL', dovecot: 'FAIL' },
  ),
  differing(
    scram((text) => text.replace('plain', 'pl=2Cain')),
    { postern: 'CONT FAIL', dovecot: 'FAIL' },
  ),
  scram((text) => text.replace('n,,', 'n,a=,')),
  scram((text) => text.replace('n,,', 'n,x,')),
  scram((text) => text.replace('n=', 'm=x,n=')),
  scram((text) => text.replace('plain', 'pl=2cain')),
  scram((text) => text.replace('plain', 'pl=ain')),
  scram((text) => text.replace('plain', 'pl\0ain')),
  scram((text) => text.replace(',r=abc', '')),
  // RFC 5802 wants at least one character.
  differing(
    scram((text) => text.replace('r=abc', 'r=')),
    { postern: 'FAIL', dovecot: 'CONT GAVE-UP' },
  ),
  scram((text) => text.replace(PLAIN_USER, '')),
  scram(() => ''),
  scram(same, () => ''),
  scram(same, (text) => text.replace('c=biws', 'c=eSws')),
  scram(same, (text) => text.replace('r=abc', 'r=abd')),
  scram(same, (text) => text.replace(/,p=.*/, '')),
  scram(same, (text) => text.replace(/,p=.*/, ',p=')),
  scram(same, (text) => text.replace(/,p=./, ',p=')),
  scram(same, (text) => text.replace(/,p=.*/, ',p=AAAA')),
  scram(same, (text) => text.replace(',p=', ',x=y,p=')),
  script('EXTERNAL', ''),
  script('EXTERNAL', PLAIN_USER),
  script('ANONYMOUS', 'guest'),
  script('ANONYMOUS', ''),
  script('ANONYMOUS', 'a\0b'),
];

describe('mechanisms beside Dovecot', () => {
  let folder: ReturnType<typeof createSystemFolder>;
  let postern: Postern;
  let dovecot: Dovecot;
  const sockets = { postern: '', dovecot: '' };

  before(async () => {
    folder = createSystemFolder();
    const users = join(folder.path, 'users');
    writeFileSync(
      users,
      Object.entries(USERS)
        .map(([name, stored]) => `${name}:${stored}::::::\n`)
        .join(''),
    );
    chmodSync(users, 0o644);
    const file = { driver: 'passwd-file', path: users };
    const socketDirectory = join(folder.path, 's');
    mkdirSync(socketDirectory, { mode: 0o777 });
    chmodSync(socketDirectory, 0o777);
    const mechanisms = MECHANISMS.join(' ').toLowerCase();
    postern = new Postern({
      folder: folder.path,
      socketDirectory,
      settings: {
        auth: { mechanisms, default_scheme: 'SHA256-CRYPT', failure_delay: '0s', penalties: 'no', realms: DOMAIN },
        'passdb users': file,
        'userdb users': file,
      },
    });
    await postern.start();
    sockets.postern = join(socketDirectory, 'auth');
    sockets.dovecot = join(folder.path, 'dovecot-auth');
    dovecot = await startDovecot({
      folder: join(folder.path, 'dovecot'),
      home: postern.home,
      auth: {
        socket: sockets.dovecot,
        passwdFile: users,
        settings: `auth_mechanisms = ${mechanisms}\nauth_failure_delay = 0\nauth_realms = ${DOMAIN}`,
      },
    });
  });
  after(async () => {
    await dovecot.stop();
    await postern.stop();
    await folder.remove();
  });

  test('the same mechanisms are offered with the same flags', async () => {
    assert.deepEqual(await readOffered(sockets.postern), await readOffered(sockets.dovecot));
  });

  test('the same bytes get the same answers', async () => {
    const [ours, theirs] = [await playAll(sockets.postern), await playAll(sockets.dovecot)];
    assert.equal(ours.size, EXCHANGES.length);
    const wrong = EXCHANGES.flatMap(({ name, differs }) => {
      const [our, their] = [ours.get(name) ?? [], theirs.get(name) ?? []];
      if (differs === undefined) return our.join(' | ') === their.join(' | ') ? [] : [{ name, our, their }];
      // Of what is read, the kinds of the replies; of the last one the number of its fields, too.
      const kinds = [our, their].map((heard) =>
        heard.map((one) => one.replace(/^CONT .*/, 'CONT').replace(/\tuser=\S*/, '')).join(' '),
      );
      return kinds[0] === differs.postern && kinds[1] === differs.dovecot ? [] : [{ name, our, their }];
    });
    assert.deepEqual(wrong, []);
  });
});

function generalize(challenge: string): string {
  return challenge
    .replace(/^<\d+\.\d+@[^>]+>$/, '<digits.time@host>')
    .replace(/nonce="[^"]*"/, 'nonce="…"')
    .replace(/^r=(abc)?[^,]*,s=[A-Za-z0-9+/=]+,/, 'r=$1…,s=…,')
    .replace(/^v=.*/, 'v=…')
    .replace(/^rspauth=.*/, 'rspauth=…');
}

/** Plays one exchange; what came, in words, challenges without what is random in them. */
async function play(peer: SaslPeer, { mechanism, begin }: Exchange): Promise<string[]> {
  const { initial, speak } = begin();
  const id = peer.auth(mechanism, { initial, parameters: PARAMETERS });
  const heard: string[] = [];
  for (;;) {
    const reply = await peer.read(id);
    const data = /^CONT\t(.*)$/.exec(reply)?.[1];
    if (data === undefined) return [...heard, reply.replace(/^FAIL\t.*/, 'FAIL')];
    const challenge = Buffer.from(data, 'base64');
    heard.push(`CONT ${generalize(challenge.toString('latin1'))}`);
    try {
      peer.cont(id, speak(challenge));
    } catch {
      // A client that heeds the RFC goes no further.
      peer.send(`CANCEL\t${id}`);
      return [...heard, 'GAVE-UP'];
    }
  }
}

/** The mechanisms of a greeting. */
async function readOffered(socket: string): Promise<string[]> {
  const peer = new SaslPeer(createConnection(socket), 2);
  await peer.read(peer.auth('LOGIN', { parameters: PARAMETERS }));
  peer.close();
  return peer.offered;
}

/** Plays all of them against one server. */
async function playAll(socket: string): Promise<Map<string, string[]>> {
  const heard = new Map<string, string[]>();
  for (let from = 0; from < EXCHANGES.length; from += BATCH) {
    const peer = new SaslPeer(createConnection(socket), 2);
    const batch = EXCHANGES.slice(from, from + BATCH);
    await Promise.all(batch.map(async (exchange) => heard.set(exchange.name, await play(peer, exchange))));
    peer.close();
  }
  return heard;
}
