/** Exchanges of several steps against an authenticator that a test holds in its hand. */
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type {
  Accepted,
  Authenticator,
  Claim,
  LoginContext,
  LoginOutcome,
  PasswordLogin,
  PendingProof,
  Undecided,
} from '../../../../src/auth/login.ts';
import type { SaslOptions } from '../../../../src/service/sasl/service.ts';
import { createSaslClient } from '../../../support/sasl-client.ts';
import { POSTFIX_PARAMETERS, SaslPeer } from '../../../support/sasl-peer.ts';
import { startSaslServer, type SaslServer } from '../../../support/sasl-server.ts';
import { stubAuthenticator } from '../../../support/stub-authenticator.ts';
import { waitFor } from '../../../support/wait.ts';

const ALL = ['PLAIN', 'LOGIN', 'CRAM-MD5', 'DIGEST-MD5', 'SCRAM-SHA-1', 'SCRAM-SHA-256', 'EXTERNAL', 'ANONYMOUS'];
const BOB = { user: 'bob@example.com', password: 'secret' };
const GOOD: Accepted = { kind: 'accepted', user: BOB.user, isCached: false, passdb: 'memory' };
const WRONG: LoginOutcome = { kind: 'rejected', reason: 'wrong-proof', user: BOB.user };
const OUTAGE: Undecided = { kind: 'unavailable', reason: 'test' };
const TEMPORARY = 'FAIL\ttemp\tcode=temp_fail\treason=Temporary authentication failure';
const FAILED = 'FAIL\tuser=bob@example.com\treason=Invalid user name or password';
/** What {SCRAM-SHA-256} stores of `secret`. */
const VERIFIER =
  '4096,+qw09jvFz2oSaycbyq+o4w==,UftiPj6DE38Q3H4UXIkEQZVqv4wFv0CqzC0ZGS3B97Q=,v5ehb3Dtbzt4DgC65oSvq5EAWxxCIF4SvCG322p/yxE=';

/** Answers when it is told to, and remembers what it was asked. */
class HeldAuthenticator {
  readonly claims: Claim[] = [];
  readonly contexts: LoginContext[] = [];
  readonly proofs: boolean[] = [];
  readonly logins: PasswordLogin[] = [];
  /** Each wait has to be released when this is true. */
  isHolding = false;
  #releases: (() => void)[] = [];
  find: (claim: Claim) => PendingProof['credential'] | Undecided = ({ scheme }) =>
    scheme.startsWith('SCRAM')
      ? { kind: 'verifier', data: VERIFIER }
      : { kind: 'plain', password: Buffer.from('secret') };
  verdict: (isProven: boolean) => LoginOutcome = (isProven) => (isProven ? GOOD : WRONG);

  get waitingCount(): number {
    return this.#releases.length;
  }

  release(): void {
    for (const release of this.#releases.splice(0)) release();
  }

  readonly port: Authenticator = stubAuthenticator({
    verify: async (login, context) => {
      this.logins.push(login);
      this.contexts.push(context);
      await this.#wait();
      return this.verdict(login.password.equals(Buffer.from('secret')));
    },
    findCredential: async (claim, context) => {
      this.claims.push(claim);
      this.contexts.push(context);
      await this.#wait();
      const credential = this.find(claim);
      return credential.kind === 'unavailable' ? credential : { kind: 'pending', credential, conclude: this.#conclude };
    },
    verifyExternal: async (authorizationId, context) => {
      this.contexts.push(context);
      const user = authorizationId ?? context.certificateName;
      return user === undefined ? { kind: 'rejected', reason: 'no-certificate', user } : { ...GOOD, user };
    },
    acceptAnonymous: async () => ({ ...GOOD, user: 'anonymous', isAnonymous: true }),
  });

  readonly #conclude = async (isProven: boolean): Promise<LoginOutcome> => {
    this.proofs.push(isProven);
    await this.#wait();
    return this.verdict(isProven);
  };

  async #wait(): Promise<void> {
    if (this.isHolding) await new Promise<void>((resolve) => this.#releases.push(resolve));
  }
}

/** Begins SCRAM and answers its challenge; the request, with the server's last word still to come. */
async function proveScram(peer: SaslPeer, parameters?: string): Promise<{ id: number; finish: (v: string) => Buffer }> {
  const client = createSaslClient('SCRAM-SHA-256', BOB);
  const id = peer.auth('SCRAM-SHA-256', {
    initial: client.initial,
    ...(parameters === undefined ? {} : { parameters }),
  });
  const challenge = (await peer.read(id)).split('\t')[1] ?? '';
  peer.cont(id, client.answer(Buffer.from(challenge, 'base64')));
  return { id, finish: (reply) => client.answer(Buffer.from(reply, 'base64')) };
}

async function fail(): Promise<never> {
  throw new Error('bug');
}

function failAtOnce(): never {
  throw new Error('bug');
}

describe('SaslRequest', () => {
  let server: SaslServer;
  let held: HeldAuthenticator;
  const peers: SaslPeer[] = [];

  async function start(options: Partial<SaslOptions> = {}, own: Partial<Authenticator> = {}): Promise<void> {
    held = new HeldAuthenticator();
    const authenticator = { ...held.port, ...own };
    server = await startSaslServer({ mechanisms: ALL, failureDelayMs: 0, ...options }, { authenticator });
  }
  function connect(minor = 0): SaslPeer {
    const peer = new SaslPeer(server.connect(), minor);
    peers.push(peer);
    return peer;
  }
  /** Lines of the log about attempts. */
  function attempts(): { event: string; [field: string]: unknown }[] {
    return server.logger.lines
      .filter(({ event }) => /^auth\.(accepted|rejected|unavailable)$/.test(event))
      .map(({ event, fields }) => {
        const kept = Object.entries(fields).filter(([name]) => !['ms', 'session', 'service'].includes(name));
        return { event, ...Object.fromEntries(kept) };
      });
  }
  afterEach(async () => {
    for (const peer of peers.splice(0)) peer.close();
    await server.stop();
  });

  it('plays every mechanism to a good login and a failure, Postfix being none the wiser of the steps', async () => {
    await start();
    for (const mechanism of ['PLAIN', 'LOGIN', 'CRAM-MD5', 'DIGEST-MD5', 'SCRAM-SHA-1', 'SCRAM-SHA-256']) {
      held.find = () =>
        mechanism.startsWith('SCRAM')
          ? { kind: 'verifier', data: mechanism === 'SCRAM-SHA-1' ? SHA_1_VERIFIER : VERIFIER }
          : { kind: 'plain', password: Buffer.from('secret') };
      const peer = connect();
      assert.equal(
        await peer.login(mechanism, createSaslClient(mechanism, BOB)),
        'OK\tuser=bob@example.com',
        mechanism,
      );
      const wrong = createSaslClient(mechanism, { ...BOB, password: 'wrong' });
      assert.equal(await peer.login(mechanism, wrong), FAILED, mechanism);
    }
    server.logger.assertQuiet();
  });

  it('sends the last word of the server as a challenge, and the success after an empty response', async () => {
    await start();
    const peer = connect();
    const { id, finish } = await proveScram(peer);
    const reply = await peer.read(id);
    assert.match(reply, /^CONT\tdj[0-3]/);
    assert.deepEqual(attempts(), []);
    peer.cont(id, finish(reply.slice(5)));
    assert.equal(await peer.read(id), 'OK\tuser=bob@example.com');
    assert.deepEqual(
      attempts().map(({ event }) => event),
      ['auth.accepted'],
    );
    assert.deepEqual(held.proofs, [true]);
  });

  it('sends it with the success to a client that says final-resp-ok', async () => {
    await start();
    const peer = connect(2);
    const { id, finish } = await proveScram(peer, `${POSTFIX_PARAMETERS}\tfinal-resp-ok`);
    const reply = await peer.read(id);
    const [, response = ''] = /^OK\tuser=bob@example\.com\tresp=(\S+)$/.exec(reply) ?? [];
    assert.equal(finish(response).length, 0);
  });

  it('takes nothing but an empty response for a confirmation', async () => {
    await start({ failureDelayMs: 100 });
    for (const response of ['AA==', 'dj14']) {
      const peer = connect();
      const { id } = await proveScram(peer);
      await peer.read(id);
      const startedAt = performance.now();
      peer.send(`CONT\t${id}\t${response}`);
      assert.equal(await peer.read(id), FAILED);
      assert.ok(performance.now() - startedAt >= 99);
    }
    assert.deepEqual(
      attempts().map(({ event, reason }) => [event, reason]),
      [
        ['auth.rejected', 'bad-request'],
        ['auth.rejected', 'bad-request'],
      ],
    );
    assert.equal(server.service.counters.acceptedCount, 0);
  });

  it('takes "=" for the empty response, as Postfix passes it on', async () => {
    await start();
    const peer = connect();
    const { id } = await proveScram(peer);
    await peer.read(id);
    peer.send(`CONT\t${id}\t=`);
    assert.equal(await peer.read(id), 'OK\tuser=bob@example.com');
  });

  it('says once that a good login was never confirmed, whether cancelled, closed or pushed out', async () => {
    await start();
    const [cancelling, closing, busy] = [connect(), connect(), connect()];
    for (const peer of [cancelling, closing, busy]) await peer.read((await proveScram(peer)).id);
    cancelling.send('CANCEL\t1', 'CANCEL\t1');
    closing.close();
    for (let n = 0; n < 64; n++) busy.auth('LOGIN');
    await waitFor('three lines', () => attempts().length === 3);
    assert.deepEqual(
      attempts().map(({ event, reason, user }) => [event, reason, user]),
      Array.from({ length: 3 }, () => ['auth.rejected', 'unconfirmed', '"bob@example.com"']),
    );
    cancelling.cont(1, Buffer.alloc(0));
    assert.equal(await cancelling.read(1), 'FAIL\treason=Authentication request timed out');
    assert.equal(attempts().length, 3);
  });

  it('RULES 21: an outage in any step closes for Postfix, and is temporary for others', async () => {
    await start();
    const steps: ((peer: SaslPeer) => Promise<number>)[] = [
      async (peer) => {
        held.find = () => OUTAGE;
        return peer.auth('SCRAM-SHA-256', { initial: createSaslClient('SCRAM-SHA-256', BOB).initial });
      },
      async (peer) => {
        held.find = () => ({ kind: 'verifier', data: VERIFIER });
        held.verdict = () => OUTAGE;
        return (await proveScram(peer)).id;
      },
      async (peer) => {
        held.find = () => ({ kind: 'verifier', data: 'not what SCRAM stores' });
        return peer.auth('SCRAM-SHA-256', { initial: createSaslClient('SCRAM-SHA-256', BOB).initial });
      },
    ];
    for (const step of steps) {
      const postfix = connect(0);
      await step(postfix);
      await postfix.readClose();
      const other = connect(1);
      assert.equal(await other.read(await step(other)), TEMPORARY);
    }
    assert.equal(server.logger.of('auth.fault').length, 2, 'only the unusable credential is a fault');
  });

  it('RULES 21: an outage of one request hurts no other of the connection, whoever the client is', async () => {
    await start();
    const peer = connect(0);
    const { id } = await proveScram(peer);
    const confirming = await peer.read(id);
    held.isHolding = true;
    const working = peer.auth('PLAIN', { initial: createSaslClient('PLAIN', BOB).initial });
    await waitFor('the login to wait', () => held.waitingCount === 1);
    held.isHolding = false;
    held.find = () => OUTAGE;
    const failing = peer.auth('SCRAM-SHA-256', { initial: createSaslClient('SCRAM-SHA-256', BOB).initial });
    assert.equal(await peer.read(failing), TEMPORARY);
    held.release();
    assert.equal(await peer.read(working), 'OK\tuser=bob@example.com');
    assert.match(confirming, /^CONT/);
    peer.cont(id, Buffer.alloc(0));
    assert.equal(await peer.read(id), 'OK\tuser=bob@example.com');
  });

  it('takes an authenticator that throws in any step for an outage', async () => {
    for (const own of [{ findCredential: fail }, { findCredential: failAtOnce }]) {
      await start({}, own);
      const peer = connect(2);
      const id = peer.auth('SCRAM-SHA-256', { initial: createSaslClient('SCRAM-SHA-256', BOB).initial });
      assert.equal(await peer.read(id), TEMPORARY);
      assert.equal(server.logger.of('auth.fault').length, 1);
      await server.stop();
    }
    await start({}, { verifyExternal: fail, acceptAnonymous: fail });
    const peer = connect(2);
    for (const mechanism of ['EXTERNAL', 'ANONYMOUS'])
      assert.equal(await peer.read(peer.auth(mechanism, { initial: Buffer.alloc(0) })), TEMPORARY);
  });

  it('goes nowhere when it was cancelled before its credential came, and concludes nothing', async () => {
    await start();
    held.isHolding = true;
    const peer = connect();
    const id = peer.auth('SCRAM-SHA-256', { initial: createSaslClient('SCRAM-SHA-256', BOB).initial });
    await waitFor('the claim', () => held.waitingCount === 1);
    peer.send(`CANCEL\t${id}`, `CONT\t${id}\tAA==`);
    assert.equal(await peer.read(id), 'FAIL\treason=Authentication request timed out');
    held.release();
    held.isHolding = false;
    assert.equal(await peer.login('PLAIN', createSaslClient('PLAIN', BOB)), 'OK\tuser=bob@example.com');
    assert.deepEqual([held.proofs, peer.unread], [[], []]);
  });

  it('writes one line and sends nothing when it was cancelled, or its client left, before the verdict', async () => {
    await start();
    const leavings: ((peer: SaslPeer, id: number) => Promise<void>)[] = [
      async (peer, id) => {
        peer.send(`CANCEL\t${id}`, `CONT\t${id}\tAA==`);
        assert.equal(await peer.read(id), 'FAIL\treason=Authentication request timed out');
      },
      async (peer) => peer.close(),
    ];
    for (const leave of leavings) {
      const peer = connect();
      server.logger.lines.length = 0;
      const client = createSaslClient('SCRAM-SHA-256', BOB);
      const id = peer.auth('SCRAM-SHA-256', { initial: client.initial });
      const challenge = (await peer.read(id)).split('\t')[1] ?? '';
      held.isHolding = true;
      peer.cont(id, client.answer(Buffer.from(challenge, 'base64')));
      await waitFor('the proof', () => held.waitingCount === 1);
      await leave(peer, id);
      held.isHolding = false;
      held.release();
      await waitFor('the line', () => attempts().length === 1);
      assert.equal(attempts()[0]?.['reason'], 'unconfirmed');
      assert.deepEqual(peer.unread, []);
    }
    await waitFor('the other connection to be gone', () => server.service.openCount === 1);
    assert.deepEqual(held.proofs, [true, true]);
  });

  it('fails a request whose client speaks out of turn, and forgets what comes of it', async () => {
    await start();
    held.isHolding = true;
    const peer = connect();
    const id = peer.auth('PLAIN', { initial: createSaslClient('PLAIN', BOB).initial });
    await waitFor('the login', () => held.waitingCount === 1);
    peer.cont(id, Buffer.from('x'));
    assert.equal(await peer.read(id), 'FAIL\treason=Invalid request');
    held.release();
    await waitFor('the verdict', () => attempts().length === 1);
    assert.deepEqual(peer.unread, []);
  });

  it('answers a known PLAIN login without asking for a verdict, and others of its kind not', async () => {
    const asked: string[] = [];
    const initial = createSaslClient('PLAIN', BOB).initial ?? Buffer.alloc(0);
    await start(
      {},
      {
        recall: (text, { mechanism }) => {
          asked.push(mechanism);
          return text === initial.toString('base64') ? { ...GOOD, isCached: true } : undefined;
        },
      },
    );
    const peer = connect();
    assert.equal(await peer.read(peer.auth('plain', { initial })), 'OK\tuser=bob@example.com');
    assert.deepEqual(held.logins, []);
    assert.equal(attempts()[0]?.['cached'], true);
    // Asked for in vain, or not at all: no initial response, an empty one, another mechanism.
    assert.equal(await peer.login('PLAIN', createSaslClient('PLAIN', { ...BOB, password: 'x' })), FAILED);
    const late = peer.auth('PLAIN');
    assert.equal(await peer.read(late), 'CONT\t');
    peer.cont(late, initial);
    assert.equal(await peer.read(late), 'OK\tuser=bob@example.com');
    await peer.login('CRAM-MD5', createSaslClient('CRAM-MD5', BOB));
    assert.deepEqual(asked, ['PLAIN', 'PLAIN']);
    const whole = createSaslClient('PLAIN', { ...BOB, password: 'x' }).initial?.toString('base64');
    assert.deepEqual(
      held.logins.map(({ initialResponse }) => initialResponse),
      [whole, undefined],
    );
  });

  it('tells the login code all that the client told, a certificate only with the word that it was verified', async () => {
    await start();
    const peer = connect();
    const certificate = 'cert_username=bob@example.com';
    const asked: [string, string | undefined][] = [
      [`${certificate}\tvalid-client-cert`, BOB.user],
      [certificate, undefined],
      ['valid-client-cert', undefined],
      ['valid-client-cert\tcert_username=', undefined],
    ];
    for (const [words, name] of asked) {
      const parameters = `${POSTFIX_PARAMETERS}\trport=4711\tlport=587\tno-penalty\t${words}`;
      const reply = await peer.read(peer.auth('EXTERNAL', { initial: Buffer.alloc(0), parameters }));
      assert.equal(reply, name === undefined ? 'FAIL\treason=Invalid user name or password' : `OK\tuser=${name}`);
      assert.deepEqual(held.contexts.pop(), {
        service: 'smtp',
        mechanism: 'EXTERNAL',
        remoteAddress: '198.51.100.7',
        localAddress: '192.0.2.1',
        remotePort: '4711',
        localPort: '587',
        isSecured: true,
        certificateName: name,
        skipsPenalty: true,
      });
    }
  });

  it('says who acts as whom, and by which app password, in the reply and in the log', async () => {
    await start();
    held.verdict = () => ({ ...GOOD, masterUser: 'root\n@example.com', appPassword: 'Laptop "of" bob' });
    const peer = connect();
    const client = createSaslClient('PLAIN', { user: 'Root', password: 'secret', authzid: BOB.user });
    assert.equal(
      await peer.login('PLAIN', client),
      'OK\tuser=bob@example.com\toriginal_user=Root\tauth_user=root\x01n@example.com',
    );
    assert.equal(held.logins[0]?.authorizationId, BOB.user);
    assert.deepEqual(attempts(), [
      {
        event: 'auth.accepted',
        user: '"bob@example.com"',
        masterUser: String.raw`"root\n@example.com"`,
        appPassword: String.raw`"Laptop \"of\" bob"`,
        mechanism: 'PLAIN',
        remote: '198.51.100.7',
        saslService: '"smtp"',
        passdb: 'memory',
        cached: false,
      },
    ]);
  });

  it('says that a login is anonymous, and what it calls itself in the log alone', async () => {
    await start();
    const peer = connect();
    const initial = Buffer.from('guest\n\0');
    assert.equal(await peer.read(peer.auth('ANONYMOUS', { initial })), 'OK\tuser=anonymous\tanonymous');
    assert.equal(attempts()[0]?.['trace'], String.raw`"guest\n\u0000"`);
  });

  it('sends a failure with nodelay at once and says so; the others wait', async () => {
    await start({ failureDelayMs: 200 });
    held.verdict = () => ({ kind: 'rejected', reason: 'wrong-password', user: BOB.user, hasNoDelay: true });
    const peer = connect();
    const startedAt = performance.now();
    const reply = await peer.login('PLAIN', createSaslClient('PLAIN', BOB));
    assert.equal(reply, 'FAIL\tuser=bob@example.com\tnodelay\treason=Invalid user name or password');
    assert.ok(performance.now() - startedAt < 190);
    held.verdict = () => WRONG;
    await peer.login('PLAIN', createSaslClient('PLAIN', BOB));
    assert.ok(performance.now() - startedAt >= 199);
  });

  it('RULES 41: says that an app password is required when the login code does', async () => {
    await start();
    held.verdict = () => ({ kind: 'rejected', reason: 'unknown-user', user: BOB.user, tellsAppPassword: true });
    const reply = await connect().login('PLAIN', createSaslClient('PLAIN', BOB));
    assert.equal(reply, 'FAIL\tuser=bob@example.com\treason=App password required');
  });

  it('RULES 37: what is not offered fails although it was typed, and is asked of nobody', async () => {
    await start({ mechanisms: ['PLAIN', 'LOGIN'] });
    const peer = connect();
    for (const mechanism of ['EXTERNAL', 'ANONYMOUS', 'SCRAM-SHA-256'])
      assert.equal(await peer.read(peer.auth(mechanism, { initial: Buffer.alloc(0) })), 'FAIL\treason=Invalid request');
    assert.deepEqual([held.contexts, held.claims], [[], []]);
  });

  it('RULES 19: a connection too many is closed after AUTH, of whatever mechanism', async () => {
    await start({ maxConnections: 1 });
    const first = connect();
    assert.match(await first.read(first.auth('CRAM-MD5')), /^CONT/);
    const second = connect();
    second.auth('CRAM-MD5');
    await second.readClose();
  });
});

/** What {SCRAM-SHA-1} stores of `secret`. */
const SHA_1_VERIFIER = '4096,CLF3wEdW1yMjGwKGsRgU4Q==,le2b+U2JmmyX71E5sw/g4Ia21Bw=,rQIknDcYaC5cftdxYtMJKBihTmI=';
