/**
 * What a client knows and nobody else may: passwords, tokens, proofs, the responses that carry them. Logins by every
 * mechanism, right and wrong, and whatever else a client can send them in; then the log, at its most talkative, is
 * searched for them.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { freePort } from '../support/free-port.ts';
import { Postern } from '../support/postern.ts';
import { createSaslClient, type SaslClient, type SaslIdentity } from '../support/sasl-client.ts';
import { SaslPeer } from '../support/sasl-peer.ts';
import { createSystemFolder, MAIL_USER } from '../support/system-folder.ts';
import { waitFor } from '../support/wait.ts';

const MECHANISMS = [
  'PLAIN',
  'LOGIN',
  'CRAM-MD5',
  'DIGEST-MD5',
  'SCRAM-SHA-1',
  'SCRAM-SHA-256',
  'EXTERNAL',
  'ANONYMOUS',
] as const;
const RIGHT = 'Right-Battery-7731';
const WRONG = 'Wrong-Battery-1937';
const MASTER = 'Master-Battery-5512';
/** A secret said in the wrong place: as a command, a parameter, a header. */
const MISPLACED = 'Misplaced-Battery-9020';
/** What is left of a hash. */
const DAMAGED = 'Damaged-Battery-4418';
const MIN_SECRET_CHARS = 8;

describe('the log at level debug', () => {
  const { path: folder, remove } = createSystemFolder();
  const secrets = new Set([RIGHT, WRONG, MASTER, MISPLACED, DAMAGED]);
  let postern: Postern;
  let httpPort = 0;
  let token = '';

  before(async () => {
    const socketDirectory = join(folder, 'sockets');
    mkdirSync(socketDirectory);
    chownSync(socketDirectory, MAIL_USER.uid, MAIL_USER.gid);
    httpPort = await freePort();
    const file = (name: string, lines: readonly string[]): { driver: string; path: string } => {
      const path = join(folder, name);
      writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o644 });
      return { driver: 'passwd-file', path };
    };
    const users = file('users', [
      `bob@example.test:{PLAIN}${RIGHT}::::::`,
      `closed@example.test:{PLAIN}${RIGHT}::::::nologin=y`,
      `elsewhere@example.test:{PLAIN}${RIGHT}::::::allow_nets=192.0.2.99`,
      `broken@example.test:{PLAIN}${RIGHT}::::::allow_nets=nonsense`,
      // Nobody can tell whether the password is right.
      `damaged@example.test:{SSHA512}${DAMAGED}::::::`,
    ]);
    postern = new Postern({
      folder,
      socketDirectory,
      settings: {
        log: { level: 'debug' },
        auth: {
          mechanisms: MECHANISMS.join(' ').toLowerCase(),
          failure_delay: '0s',
          penalties: 'no',
          auth_master_user_separator: '*',
          anonymous_username: 'guest',
          default_scheme: 'SHA512-CRYPT',
        },
        'passdb users': users,
        'passdb local': { driver: 'sqlite' },
        'passdb masters': { ...file('masters', [`admin:{PLAIN}${MASTER}::::::`]), master: 'yes' },
        'userdb users': users,
        'userdb local': { driver: 'sqlite' },
        http: { listen: `inet:127.0.0.1:${httpPort}` },
      },
    });
    postern.run(['domain', 'add', 'apps.test']);
    for (const name of ['carol', 'dave']) {
      postern.run(['account', 'add', `${name}@apps.test`, '--password-file', '-'], `${RIGHT}\n`);
    }
    postern.run(['account', 'set', 'dave@apps.test', '--app-passwords', 'required']);
    const said = postern.run(['app-password', 'add', 'carol@apps.test', '--label', 'phone']);
    token = /^Password: (\S+)$/m.exec(said)?.[1] ?? '';
    assert.ok(token.length > MIN_SECRET_CHARS, token);
    secrets.add(token).add(token.replaceAll(/[^a-z0-9]/gi, ''));
    await postern.start();
  });
  after(async () => {
    await postern.stop();
    await remove();
  });

  /** A client whose every word is a secret from now on, but for names. */
  function spy(mechanism: string, identity: SaslIdentity): SaslClient {
    const client = createSaslClient(mechanism, identity);
    if (mechanism === 'ANONYMOUS' || mechanism === 'EXTERNAL') return client;
    return { initial: keep(client.initial), answer: (challenge) => keep(client.answer(challenge)) };
  }

  function keep<T extends Buffer | undefined>(response: T): T {
    if (response === undefined || response.length < MIN_SECRET_CHARS) return response;
    secrets.add(response.toString('base64'));
    // Proofs and digests stand somewhere in the response.
    for (const [proof] of response.toString('latin1').matchAll(/[0-9a-f]{32}|(?<=p=)[A-Za-z0-9+/]{20,}=*/g))
      secrets.add(proof);
    return response;
  }

  function connect(minor = 1): SaslPeer {
    return new SaslPeer(createConnection(join(postern.socketDirectory, 'auth')), minor);
  }

  async function login(mechanism: string, identity: SaslIdentity, parameters?: string): Promise<string> {
    const peer = connect();
    try {
      return await peer.login(mechanism, spy(mechanism, identity), parameters);
    } finally {
      peer.close();
    }
  }

  it('holds no secret after logins by every mechanism, right, wrong, and of users that may not or do not exist', async () => {
    const names = ['bob', 'closed', 'elsewhere', 'broken', 'damaged', 'nobody'].map((name) => `${name}@example.test`);
    for (const mechanism of MECHANISMS) {
      const replies = [];
      for (const user of names) {
        replies.push(
          await login(mechanism, { user, password: RIGHT }),
          await login(mechanism, { user, password: WRONG }),
        );
      }
      // Otherwise only failures were looked at.
      const isOwnSecret = mechanism !== 'EXTERNAL' && mechanism !== 'ANONYMOUS';
      if (isOwnSecret) assert.match(replies[0] ?? '', /^OK\tuser=bob@example.test/, mechanism);
      assert.match(replies[1] ?? '', mechanism === 'ANONYMOUS' ? /^OK/ : /^FAIL/, mechanism);
    }
  });

  it('holds no secret after logins with app passwords, of masters, without TLS, and from elsewhere', async () => {
    assert.match(await login('PLAIN', { user: 'carol@apps.test', password: token }), /^OK/);
    assert.match(await login('LOGIN', { user: 'carol@apps.test', password: `${token}x` }), /^FAIL/);
    assert.match(await login('PLAIN', { user: 'dave@apps.test', password: RIGHT }), /^FAIL/);
    const master = { user: 'admin', password: MASTER, authzid: 'bob@example.test' };
    assert.match(await login('PLAIN', master), /^OK\tuser=bob@example.test/);
    assert.match(await login('PLAIN', { ...master, password: WRONG }), /^FAIL/);
    assert.match(await login('PLAIN', { user: 'bob@example.test*admin', password: MASTER }), /^OK/);
    const outside = 'service=smtp\tnologin\tlip=192.0.2.1\trip=198.51.100.7';
    assert.match(await login('PLAIN', { user: 'bob@example.test', password: RIGHT }, outside), /^FAIL/);
    // A password where the name should be, as people do.
    assert.match(await login('LOGIN', { user: 'bob@example.test', password: '' }), /^FAIL/);
  });

  it('holds no secret after requests that make no sense', async () => {
    const base64 = Buffer.from(`\0bob@example.test\0${MISPLACED}`).toString('base64');
    secrets.add(base64).add(Buffer.from(MISPLACED).toString('base64'));
    for (const line of [
      `AUTH\t1\tPLAIN\tservice=smtp\tsecured\tresp=${base64}!`,
      `AUTH\t1\tPLAIN\tservice=smtp\tsecured\tresp=${base64}\tlip=192.0.2.1`,
      `AUTH\t1\tPLAIN\tsecured\tresp=${base64}`,
      `AUTH\t1\tPLAIN\tservice=smtp\tpass=${MISPLACED}\tsecured\tresp==`,
      `AUTH\t0\tPLAIN\tservice=smtp\tresp=${base64}`,
      `AUTH\t${MISPLACED}`,
      `CONT\t1\t${base64}`,
      `CONT\t1`,
      `PASS ${MISPLACED}`,
      MISPLACED,
      base64,
      MISPLACED.repeat(1000),
    ]) {
      const peer = connect();
      peer.send(line, `AUTH\t99\tPLAIN\tservice=smtp`);
      await waitFor('an answer or a close', () => peer.isClosed || peer.unread.length > 0);
      peer.close();
    }
    // LMTP offers no AUTH; somebody may try.
    const socket = createConnection(join(postern.socketDirectory, 'lmtp'));
    socket.on('error', () => undefined).resume();
    socket.end(`LHLO x\r\nAUTH PLAIN ${base64}\r\nAUTH LOGIN\r\n${base64}\r\nQUIT\r\n`);
    await once(socket, 'close');
    await new Promise<void>((resolve, reject) => {
      const headers = { authorization: `Basic ${Buffer.from(MISPLACED).toString('base64')}`, cookie: `a=${MISPLACED}` };
      const options = {
        host: '127.0.0.1',
        port: httpPort,
        path: '/autodiscover/autodiscover.xml',
        method: 'POST',
        headers,
      };
      const call = request(options, (response) => response.resume().once('end', resolve)).once('error', reject);
      call.end(`<Password>${MISPLACED}</Password>`);
    });
  });

  it('speaks of all of that all the same', async () => {
    await waitFor('the last line', () => postern.of('http.answered').length > 0);
    const text = postern.lines.map((line) => JSON.stringify(line)).join('\n');
    for (const mechanism of MECHANISMS) assert.ok(text.includes(`"${mechanism}"`), mechanism);
    for (const event of [
      'auth.accepted',
      'auth.rejected',
      'auth.unavailable',
      'connection.protocol-error',
      'http.answered',
    ]) {
      assert.ok(text.includes(`"${event}"`), event);
    }
    assert.ok(secrets.size > 50);
    for (const secret of secrets) {
      const at = text.toLowerCase().indexOf(secret.toLowerCase());
      assert.equal(at, -1, `"${secret}" in ${text.slice(Math.max(0, at - 300), at + 100)}`);
    }
  });
});
