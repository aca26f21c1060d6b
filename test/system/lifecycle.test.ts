/** The life of the daemon: start, giving root up, reload, stop, and what systemd and a second Postern see of it. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { addAccount, sampleMessage } from '../support/mail-site.ts';
import { Postern } from '../support/postern.ts';
import { createPostfixFolder } from '../support/postfix.ts';
import { SmtpClient } from '../support/smtp-client.ts';
import { createSystemFolder, groupId, MAIL_USER, requirePeer } from '../support/system-folder.ts';
import { waitFor } from '../support/wait.ts';

const ALICE = 'alice@example.test';
const START_LIMIT_MS = 1000;
/** Where Node itself starts in 60 ms, Postern has a second. */
const STARTS_OF_NODE = 16;
const WITHOUT_COVERAGE: NodeJS.ProcessEnv = { ...process.env, NODE_V8_COVERAGE: undefined };
const RECIPIENT_QUERY = `${`recipient ${ALICE}`.length}:recipient ${ALICE},`;

/** Sends one line of bytes and gives the first answer. */
async function ask(path: string, request: string): Promise<string> {
  const socket = createConnection(path);
  try {
    socket.write(request);
    const [answer]: unknown[] = await once(socket, 'data');
    return String(answer);
  } finally {
    socket.destroy();
  }
}

describe('the life of the daemon', () => {
  const folder = createSystemFolder();
  const { socketDirectory } = createPostfixFolder(folder.path);
  const postern = new Postern({ folder: folder.path, socketDirectory });

  before(() => {
    postern.run(['domain', 'add', 'example.test']);
    addAccount(postern, ALICE);
  });
  after(async () => {
    await postern.kill();
    await folder.remove();
  });

  function socket(name: string): string {
    return join(socketDirectory, name);
  }

  test('it listens in under a second with an existing database, on a machine that is not busy', async () => {
    // Others work on this machine at the same time: what a bare Node takes to start tells how much of it there is.
    const times: number[] = [];
    const limits: number[] = [];
    for (let i = 0; i < 5; i++) {
      const bareAt = Date.now();
      spawnSync(process.execPath, ['-e', ''], { env: WITHOUT_COVERAGE });
      limits.push(Math.max(START_LIMIT_MS, (Date.now() - bareAt) * STARTS_OF_NODE));
      const startedAt = Date.now();
      await postern.start({ environment: WITHOUT_COVERAGE });
      times.push(Date.now() - startedAt);
      await postern.stop();
      if (times.some((time, at) => time < (limits[at] ?? 0))) return;
    }
    assert.fail(`started in ${times.join(' ')} ms, over ${limits.join(' ')} ms`);
  });

  test('it gives root up for good, and its sockets are for Postfix alone', async () => {
    await postern.start();
    const status = readFileSync(`/proc/${postern.pid}/status`, 'utf8');
    assert.match(status, new RegExp(`^Uid:(\\s+${MAIL_USER.uid}){4}$`, 'm'));
    assert.match(status, new RegExp(`^Gid:(\\s+${MAIL_USER.gid}){4}$`, 'm'));
    assert.doesNotMatch(status, /^Groups:.*\b0\b/m);
    for (const name of ['auth', 'policy', 'lmtp', 'lookup']) {
      const { mode, uid, gid } = statSync(socket(name));
      assert.deepEqual([mode & 0o777, uid, gid], [0o660, MAIL_USER.uid, groupId('postfix')], name);
    }
    await postern.stop();
    for (const name of ['auth', 'policy', 'lmtp', 'lookup']) assert.ok(!existsSync(socket(name)), name);
  });

  test('SIGTERM lets a message in work be stored and answered first', async () => {
    await postern.start();
    const client = await SmtpClient.connect({ path: socket('lmtp') });
    await client.ehlo('LHLO');
    await client.command('MAIL FROM:<someone@remote.test>');
    await client.command(`RCPT TO:<${ALICE}>`);
    assert.equal((await client.command('DATA')).code, 354);
    postern.signal('SIGTERM');
    await waitFor('the stop to begin', () => postern.of('process.stopping').length > 0 && !existsSync(socket('lmtp')));
    client.writeContent(sampleMessage('while-stopping'));
    assert.equal((await client.read()).code, 250);
    client.close();
    assert.equal(await postern.waitForEnd(), 0);
    assert.equal(postern.messages(ALICE).length, 1);
  });

  test('a second signal ends it at once with code 1', async () => {
    await postern.start();
    const client = await SmtpClient.connect({ path: socket('lmtp') });
    await client.ehlo('LHLO');
    await client.command('MAIL FROM:<someone@remote.test>');
    await client.command(`RCPT TO:<${ALICE}>`);
    await client.command('DATA');
    const count = postern.of('process.stopping').length;
    postern.signal('SIGTERM');
    await waitFor('the stop to begin', () => postern.of('process.stopping').length > count);
    postern.signal('SIGTERM');
    assert.equal(await postern.waitForEnd(), 1);
    client.close();
  });

  test('SIGHUP with a broken configuration changes nothing; with a good one it is taken over', async () => {
    await postern.start();
    const good = readFileSync(postern.configFile, 'utf8');
    writeFileSync(postern.configFile, `${good}\n[sasl]\nlisten_on = nowhere\n`);
    postern.signal('SIGHUP');
    await waitFor('the refusal', () => postern.of('config.rejected').length === 1);
    assert.match(await ask(socket('lookup'), RECIPIENT_QUERY), /^\d+:OK /);
    postern.configure({ log: { level: 'debug' } });
    postern.signal('SIGHUP');
    await waitFor('the change', () => postern.of('config.reloaded').length === 1);
    await waitFor('the new level', async () => {
      await ask(socket('lookup'), RECIPIENT_QUERY);
      return postern.lines.some(({ level }) => level === 'debug');
    });
    postern.configure({});
    await postern.stop();
  });

  test('a second Postern on the same sockets does not start and does not disturb the first', async () => {
    await postern.start();
    const { status, stdout } = postern.tryRun(['serve']);
    assert.notEqual(status, 0);
    assert.match(stdout, /auth|in use|answers/);
    assert.match(await ask(socket('lookup'), RECIPIENT_QUERY), /^\d+:OK /);
    await postern.stop();
  });

  test('a socket file left by kill -9 is replaced', async () => {
    await postern.start();
    await postern.kill();
    assert.ok(existsSync(socket('lookup')));
    await postern.start();
    assert.match(await ask(socket('lookup'), RECIPIENT_QUERY), /^\d+:OK /);
    await postern.stop();
  });

  test('RULES 7: without a readable configuration serve exits 78', () => {
    const { status, stderr } = postern.tryRun(['serve', '-c', join(folder.path, 'not-there.ini')]);
    assert.equal(status, 78);
    assert.match(stderr, /not-there\.ini/);
  });

  test('a change by the command is seen by the daemon within a second', async () => {
    await postern.start();
    const query = 'recipient late@example.test';
    assert.match(await ask(socket('lookup'), `${query.length}:${query},`), /NOTFOUND/);
    addAccount(postern, 'late@example.test');
    const addedAt = Date.now();
    await waitFor('the account', async () =>
      (await ask(socket('lookup'), `${query.length}:${query},`)).includes('OK '),
    );
    assert.ok(Date.now() - addedAt < 1000);
    await postern.stop();
  });

  test('systemd hears READY, RELOADING and STOPPING', async () => {
    requirePeer('/usr/bin/socat', 'socat');
    const path = join(folder.path, 'notify');
    const socat = spawn('socat', ['-u', `UNIX-RECV:${path},mode=666`, 'STDOUT'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let heard = '';
    socat.stdout.on('data', (chunk: Buffer) => (heard += `${chunk.toString()}\n`));
    try {
      await waitFor('socat to listen', () => existsSync(path));
      await postern.start({ environment: { NOTIFY_SOCKET: path } });
      await waitFor('READY', () => heard.includes('READY=1'));
      heard = '';
      postern.signal('SIGHUP');
      await waitFor('READY after RELOADING', () => /RELOADING=1[^]*READY=1/.test(heard));
      assert.match(heard, /MONOTONIC_USEC=\d+/);
      await postern.stop();
      await waitFor('STOPPING', () => heard.includes('STOPPING=1'));
    } finally {
      socat.kill('SIGTERM');
    }
  });

  test('a SIGHUP that comes before it is ready does not end it', async () => {
    const earlier = { starts: postern.of('process.starting').length, reloads: postern.of('config.reloaded').length };
    let isSent = false;
    await postern.start({
      whileStarting: () => {
        if (isSent || postern.of('process.starting').length === earlier.starts) return;
        postern.signal('SIGHUP');
        isSent = true;
      },
    });
    assert.ok(isSent);
    await waitFor('the reload', () => postern.of('config.reloaded').length > earlier.reloads);
    await postern.stop();
  });

  test('RULES 30: sockets passed by systemd are served and never removed', async () => {
    const activate = '/usr/bin/systemd-socket-activate';
    requirePeer(activate, 'systemd');
    const names = { lookup: 'lookup', sasl: 'auth' };
    const wrapper = [activate, `--fdname=${Object.keys(names).join(':')}`];
    for (const name of Object.values(names)) wrapper.push('-l', socket(name));
    // It runs Postern at the first connection, which waits in the listen queue meanwhile.
    let poke: Socket | undefined;
    await postern.start({
      wrapper,
      environment: { SYSTEMD_LOG_LEVEL: 'warning' },
      whileStarting: () => {
        if (poke !== undefined || !existsSync(socket('lookup'))) return;
        poke = createConnection(socket('lookup')).on('error', () => (poke = undefined));
      },
    });
    poke?.destroy();
    const { ino } = statSync(socket('lookup'));
    assert.match(await ask(socket('lookup'), RECIPIENT_QUERY), /^\d+:OK /);
    await postern.stop();
    assert.equal(statSync(socket('lookup')).ino, ino);
  });

  test('nothing unexpected is logged', () => {
    postern.assertQuiet(['config.rejected']);
  });
});
