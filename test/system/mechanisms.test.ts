/**
 * Every SASL mechanism through a real Postfix's submission service, spoken by our own client and by GNU SASL's, which
 * shares no line with us; and which of them Postfix shows to whom.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chownSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openSubmission, sampleMessage, startSite, type MailSite } from '../support/mail-site.ts';
import type { Settings } from '../support/postern.ts';
import { createSaslClient, type SaslIdentity } from '../support/sasl-client.ts';
import type { Reply } from '../support/smtp-client.ts';
import { STORED_PASSWORD, STORED_PASSWORDS } from '../support/stored-passwords.ts';
import { MAIL_USER, requirePeer } from '../support/system-folder.ts';
import { waitFor } from '../support/wait.ts';

const GSASL = '/usr/bin/gsasl';
const DOMAIN = 'example.com';
/** The name {DIGEST-MD5} was made of. */
const DIGEST_USER = `user@${DOMAIN}`;
const MASTER = `root@${DOMAIN}`;
const MASTER_PASSWORD = 'the key to all doors';
const ACTING_MECHANISMS = ['PLAIN', 'DIGEST-MD5', 'SCRAM-SHA-1', 'SCRAM-SHA-256'];
const PASSWORD_MECHANISMS = ['PLAIN', 'LOGIN', 'CRAM-MD5', 'DIGEST-MD5', 'SCRAM-SHA-1', 'SCRAM-SHA-256'];
const SHOWN = 'CRAM-MD5 DIGEST-MD5 LOGIN PLAIN SCRAM-SHA-1 SCRAM-SHA-256';
const REFUSED = '5.7.8 Error: authentication failed: Invalid user name or password';
const NO_ANONYMOUS = { smtpd_sasl_security_options: 'noanonymous', smtpd_sasl_tls_security_options: 'noanonymous' };

function settingsFor(folder: string, mechanisms: string): Settings {
  const file = { driver: 'passwd-file', path: join(folder, 'users') };
  return {
    auth: { mechanisms, default_scheme: 'SHA256-CRYPT', failure_delay: '300ms', penalties: 'no' },
    'passdb masters': { driver: 'passwd-file', path: join(folder, 'masters'), master: 'yes' },
    'passdb users': file,
    'userdb users': file,
  };
}

describe('mechanisms through Postfix', () => {
  let site: MailSite;

  before(async () => {
    requirePeer(GSASL, 'gsasl');
    const users = [
      ...Object.entries(STORED_PASSWORDS)
        .filter(([scheme]) => scheme !== 'DIGEST-MD5')
        .map(([scheme, stored]) => `${scheme.toLowerCase()}@${DOMAIN}:${stored}::::::`),
      `${DIGEST_USER}:${STORED_PASSWORDS['DIGEST-MD5'] ?? ''}::::::`,
    ];
    site = await startSite({
      settings: (folder) =>
        settingsFor(folder, 'plain login cram-md5 digest-md5 scram-sha-1 scram-sha-256 external anonymous'),
      populate: ({ folder }) => {
        const files = { users, masters: [`${MASTER}:{PLAIN}${MASTER_PASSWORD}::::::`] };
        for (const [name, lines] of Object.entries(files)) {
          const path = join(folder, name);
          writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o640 });
          chownSync(path, MAIL_USER.uid, MAIL_USER.gid);
        }
      },
    });
  });
  after(() => site.stop());

  async function login(mechanism: string, identity: SaslIdentity): Promise<Reply> {
    const client = await openSubmission(site);
    const reply = await client.login(mechanism, createSaslClient(mechanism, identity));
    client.close();
    return reply;
  }
  /** Logs in by GNU SASL; whether it was content, with what it printed. */
  function loginByGnu(mechanism: string, args: readonly string[]): { isGood: boolean; said: string } {
    const target = `--connect=127.0.0.1:${site.postfix.ports.submission}`;
    const base = ['--smtp', target, '--x509-ca-file=', '--no-cb', '--quality-of-protection=qop-auth', '-m', mechanism];
    const result = spawnSync(GSASL, [...base, ...args], { encoding: 'utf8', input: '', timeout: 20_000 });
    const said = `${result.stdout}${result.stderr}`;
    return { isGood: result.status === 0 && said.includes('235 2.7.0'), said };
  }

  /** The server's first message of SCRAM. */
  async function readChallenge(user: string): Promise<string> {
    const client = await openSubmission(site);
    const { initial } = createSaslClient('SCRAM-SHA-256', { user, password: 'x', clientNonce: 'abc' });
    const reply = await client.command(`AUTH SCRAM-SHA-256 ${initial?.toString('base64') ?? ''}`);
    client.close();
    assert.equal(reply.code, 334);
    return Buffer.from(reply.text, 'base64').toString();
  }

  test('Postfix shows every mechanism under TLS but EXTERNAL and ANONYMOUS', async () => {
    const client = await openSubmission(site);
    assert.equal([...client.mechanisms].toSorted().join(' '), SHOWN);
    await client.quit();
  });

  for (const mechanism of PASSWORD_MECHANISMS) {
    test(`${mechanism} is good with every stored scheme that serves it, and fails with the others`, async () => {
      const served =
        mechanism === 'PLAIN' || mechanism === 'LOGIN' ? Object.keys(STORED_PASSWORDS) : ['PLAIN', mechanism];
      for (const scheme of Object.keys(STORED_PASSWORDS)) {
        const user = scheme === 'DIGEST-MD5' ? DIGEST_USER : `${scheme.toLowerCase()}@${DOMAIN}`;
        const [local, realm] = user.split('@');
        const identity =
          mechanism === 'DIGEST-MD5'
            ? { user: local ?? '', realm, password: STORED_PASSWORD }
            : { user, password: STORED_PASSWORD };
        const { code, text } = await login(mechanism, identity);
        assert.equal(code, served.includes(scheme) ? 235 : 535, `${scheme}: ${text}`);
      }
    });

    test(`${mechanism} fails alike for a wrong password, an unknown user and one that cannot be served`, async () => {
      const [wrong, unknown, unserved] = [
        await login(mechanism, { user: `plain@${DOMAIN}`, password: 'not it at all' }),
        await login(mechanism, { user: `nobody@${DOMAIN}`, password: STORED_PASSWORD }),
        await login(mechanism, { user: `ssha@${DOMAIN}`, password: 'not it at all' }),
      ];
      assert.deepEqual(wrong, { code: 535, text: REFUSED });
      assert.deepEqual([unknown, unserved], [wrong, wrong]);
    });

    test(`${mechanism} is spoken alike by GNU SASL`, () => {
      const common = [`--realm=${DOMAIN}`, '--hostname=mx.example.test'];
      const user = mechanism === 'DIGEST-MD5' ? 'plain' : `plain@${DOMAIN}`;
      const good = loginByGnu(mechanism, ['-a', user, '-p', STORED_PASSWORD, ...common]);
      assert.ok(good.isGood, good.said);
      const wrong = loginByGnu(mechanism, ['-a', user, '-p', 'not it at all', ...common]);
      assert.ok(!wrong.isGood && wrong.said.includes('535 5.7.8'), wrong.said);
    });

    test(`${mechanism} with bad base64, out of form or abandoned harms nobody`, async () => {
      const client = await openSubmission(site);
      for (const response of ['!!!!', 'YQ', 'AA==', 'bm90IHdoYXQgaXQgc2hvdWxkIGJl']) {
        let reply = await client.command(`AUTH ${mechanism}`);
        assert.equal(reply.code, 334, reply.text);
        for (let step = 0; step < 3 && reply.code === 334; step++) reply = await client.command(response);
        assert.ok(reply.code === 535 || reply.code === 501, reply.text);
      }
      assert.equal((await client.command(`AUTH ${mechanism}`)).code, 334);
      assert.equal((await client.command('*')).code, 501);
      const identity = { user: `plain@${DOMAIN}`, password: STORED_PASSWORD };
      assert.equal((await client.login(mechanism, createSaslClient(mechanism, identity))).code, 235);
      await client.quit();
    });
  }

  test('SCRAM and DIGEST-MD5 go as far for an unknown user as for a known one, with the same salt each time', async () => {
    const salts: string[] = [];
    for (const user of ['nobody', 'nobody', 'plain', 'plain', 'ssha', 'Nobody']) {
      const challenge = await readChallenge(`${user}@${DOMAIN}`);
      const [, salt = ''] = /^r=abc\S{64},s=([A-Za-z0-9+/]{22}==),i=4096$/.exec(challenge) ?? [];
      assert.notEqual(salt, '', challenge);
      salts.push(salt);
    }
    const [unknown, unknownAgain, plain, plainAgain, unserved, capital] = salts;
    assert.deepEqual([unknownAgain, plainAgain, capital], [unknown, plain, unknown]);
    assert.equal(new Set([unknown, plain, unserved]).size, 3);
  });

  test('nobody but a master acts for somebody else, by every mechanism that can ask', async () => {
    const authzid = `ssha@${DOMAIN}`;
    const master = { user: MASTER, password: MASTER_PASSWORD };
    for (const mechanism of ACTING_MECHANISMS) {
      const refused = [
        { user: `plain@${DOMAIN}`, password: STORED_PASSWORD, authzid },
        { ...master, password: STORED_PASSWORD, authzid },
        { ...master, authzid: `nobody@${DOMAIN}` },
        master,
      ];
      for (const identity of refused) {
        const reply = await login(mechanism, identity);
        assert.deepEqual(reply, { code: 535, text: REFUSED }, `${mechanism} ${JSON.stringify(identity)}`);
      }
      assert.equal((await login(mechanism, { ...master, authzid })).code, 235, mechanism);
      const accepted = site.postern.of('auth.accepted').at(-1);
      assert.deepEqual(
        [accepted?.['user'], accepted?.['masterUser']],
        [JSON.stringify(authzid), JSON.stringify(MASTER)],
      );
    }
  });

  test('RULES 37: EXTERNAL typed by hand reaches us and fails; ANONYMOUS does not reach us', async () => {
    const client = await openSubmission(site);
    for (const response of ['=', Buffer.from(`plain@${DOMAIN}`).toString('base64')])
      assert.deepEqual(await client.command(`AUTH EXTERNAL ${response}`), { code: 535, text: REFUSED });
    const refusedCount = site.postern.of('auth.rejected').length;
    assert.equal((await client.command('AUTH ANONYMOUS Z3Vlc3Q=')).code, 535);
    assert.equal(site.postern.of('auth.rejected').length, refusedCount);
    assert.equal(site.postern.of('auth.rejected').at(-1)?.['reason'], 'no-certificate');
    await client.quit();
  });

  test('smtpd_sasl_security_options hide what their words say', async () => {
    const words: [string, string][] = [
      ['noanonymous, noplaintext', 'CRAM-MD5 DIGEST-MD5 SCRAM-SHA-1 SCRAM-SHA-256'],
      ['noanonymous, noactive', 'LOGIN PLAIN SCRAM-SHA-1 SCRAM-SHA-256'],
      ['noanonymous, nodictionary', 'LOGIN PLAIN SCRAM-SHA-1 SCRAM-SHA-256'],
      ['noanonymous, mutual_auth', 'DIGEST-MD5 SCRAM-SHA-1 SCRAM-SHA-256'],
    ];
    for (const [options, shown] of words) {
      await site.postfix.reconfigure({ smtpd_sasl_tls_security_options: options });
      const client = await openSubmission(site);
      assert.equal([...client.mechanisms].toSorted().join(' '), shown, options);
      await client.quit();
    }
    await site.postfix.reconfigure(NO_ANONYMOUS);
  });

  test('RULES 37: an anonymous login that Postfix lets in may not send', async () => {
    await site.postfix.reconfigure({ smtpd_sasl_tls_security_options: '' });
    try {
      assert.ok(loginByGnu('ANONYMOUS', ['-n', 'guest']).isGood);
      const client = await openSubmission(site);
      assert.ok(client.mechanisms.includes('ANONYMOUS'));
      assert.equal(
        (await client.login('ANONYMOUS', createSaslClient('ANONYMOUS', { user: 'guest', password: '' }))).code,
        235,
      );
      const to = [`plain@${DOMAIN}`];
      for (const from of [`plain@${DOMAIN}`, 'x@elsewhere.test', 'anonymous']) {
        const { recipients, mail } = await client.send({ from, to, content: sampleMessage('anonymous') });
        const { code } = recipients[0] ?? mail;
        assert.ok(code >= 500 && code < 600, `${from}: ${code}`);
      }
      await client.quit();
      assert.equal(site.postern.of('auth.accepted').at(-1)?.['user'], '"anonymous"');
    } finally {
      await site.postfix.reconfigure(NO_ANONYMOUS);
    }
  });

  test('a Postern that goes away between challenge and proof is a 454, and the next login is good again', async () => {
    const client = await openSubmission(site);
    const identity = { user: `plain@${DOMAIN}`, password: STORED_PASSWORD };
    const exchange = createSaslClient('SCRAM-SHA-256', identity);
    const challenge = await client.command(`AUTH SCRAM-SHA-256 ${exchange.initial?.toString('base64') ?? ''}`);
    await site.postern.stop();
    await site.postern.start();
    const proof = exchange.answer(Buffer.from(challenge.text, 'base64'));
    assert.equal((await client.command(proof.toString('base64'))).code, 454);
    assert.equal((await client.login('SCRAM-SHA-256', createSaslClient('SCRAM-SHA-256', identity))).code, 235);
    await client.quit();
  });

  test('other mechanisms are offered after a reload, and nobody’s login is lost by it', async () => {
    site.postern.configure(settingsFor(site.folder, 'scram-sha-256 plain'));
    const reloaded: { changed?: unknown } = JSON.parse(site.postern.run(['reload', '--json']));
    assert.deepEqual(reloaded.changed, ['[auth] mechanisms']);
    // Postfix notices that its connection was closed when it uses it: with the next login, which is good all the same.
    const shown = new Set<string>();
    await waitFor('the new mechanisms', async () => {
      const client = await openSubmission(site);
      const identity = { user: `plain@${DOMAIN}`, password: STORED_PASSWORD };
      shown.add(client.mechanisms.join(' '));
      assert.equal((await client.login('SCRAM-SHA-256', createSaslClient('SCRAM-SHA-256', identity))).code, 235);
      client.close();
      return shown.has('SCRAM-SHA-256 PLAIN');
    });
  });

  test('the log has one line an attempt with its mechanism, and no password', () => {
    const attempts = [...site.postern.of('auth.accepted'), ...site.postern.of('auth.rejected')];
    assert.deepEqual(
      [...new Set(attempts.map((line) => String(line['mechanism'])))].toSorted(),
      [...PASSWORD_MECHANISMS, 'ANONYMOUS', 'EXTERNAL'].toSorted(),
    );
    const log = JSON.stringify(site.postern.lines);
    for (const secret of [STORED_PASSWORD, MASTER_PASSWORD, 'not it at all']) assert.ok(!log.includes(secret), secret);
    site.postern.assertQuiet(['auth.rejected', 'auth.unavailable']);
    const expected =
      /SASL [A-Z0-9-]+ authentication (?:failed|aborted)|Invalid (?:base64|authentication)|SASL: Connect/;
    assert.deepEqual(
      site.postfix.complaints().filter((line) => !expected.test(line)),
      [],
    );
  });
});
