/** The service in a process of its own, watched by strace: what the kernel was told, and in which order. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { LmtpClient } from '../../../support/lmtp-server.ts';
import { contentsIn, namesIn } from '../../../support/mail-store.ts';
import { temporaryFolder } from '../../../support/temporary-folder.ts';
import { waitFor } from '../../../support/wait.ts';

const PROCESS = join(import.meta.dirname, '../../../support/lmtp-process.js');

interface Running {
  readonly child: ChildProcess;
  /** Of the service itself: strace does not pass signals on. */
  readonly pid: number;
}

async function startProcess(t: TestContext, folder: string, wrapper: readonly string[] = []): Promise<Running> {
  const [command, ...args] = [...wrapper, process.execPath, PROCESS, folder];
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const said: unknown[] = await once(child.stdout ?? child, 'data');
  const pid = Number(String(said[0]).split(' ')[1]);
  t.after(() => {
    if (child.exitCode === null && child.signalCode === null) process.kill(pid, 'SIGKILL');
  });
  return { child, pid };
}

async function greet(folder: string): Promise<LmtpClient> {
  const client = new LmtpClient(createConnection({ path: join(folder, 'lmtp') }));
  await client.reply();
  await client.ask('LHLO c');
  return client;
}

function newFolder(t: TestContext): string {
  const folder = temporaryFolder(t);
  for (const name of ['mail', 'state']) mkdirSync(join(folder, name));
  return folder;
}

describe('System calls', () => {
  it('come in the order sync, journal, rename, directory sync, reply (RULES 3 and 4)', async (t) => {
    const folder = newFolder(t);
    const trace = join(folder, 'trace');
    const calls = 'trace=fsync,rename,renameat,renameat2,link,linkat,write,writev,sendmsg,sendto';
    const { child, pid } = await startProcess(t, folder, ['strace', '-f', '-y', '-s', '60', '-o', trace, '-e', calls]);
    const client = await greet(folder);
    for (const body of ['first\r\n', 'second\r\n']) {
      assert.match((await client.send(['ann@d.example', 'bob@d.example'], body)).join(), /^250.*,250/);
    }
    await client.close();
    process.kill(pid, 'SIGKILL');
    await once(child, 'exit');

    const steps = toSteps(readFileSync(trace, 'latin1'), folder);
    const replies = steps.flatMap((step, i) => (step === 'reply' ? [i] : []));
    assert.equal(replies.length, 2, steps.join('\n'));
    let from = 0;
    for (const reply of replies) {
      const before = steps.slice(from, reply);
      const at = (step: string): number => {
        assert.ok(before.includes(step), `${step} is missing before the reply:\n${before.join('\n')}`);
        return before.lastIndexOf(step);
      };
      for (const user of ['ann', 'bob']) {
        // The body lies with ann; bob gets a link to it.
        assert.ok(at('sync file ann') < at(`name ${user}`), `named before it was synced:\n${before.join('\n')}`);
        assert.ok(
          at('journal') >= 0 && before.indexOf('journal') < at(`name ${user}`),
          `named before the intent:\n${before.join('\n')}`,
        );
        assert.ok(at(`name ${user}`) < at(`sync new ${user}`), `answered before the directory:\n${before.join('\n')}`);
      }
      from = reply + 1;
    }
  });
});

/** The lines of a trace that matter, as words. An interrupted call counts where it came back. */
function toSteps(trace: string, folder: string): string[] {
  const pending = new Map<string, string>();
  return trace.split('\n').flatMap((line) => {
    const thread = /^\d+/.exec(line)?.[0] ?? '';
    if (line.includes('<unfinished ...>')) {
      pending.set(thread, line.replace(' <unfinished ...>', ''));
      return [];
    }
    const whole = line.includes('resumed>') ? `${pending.get(thread) ?? ''}${line}` : line;
    return toStep(whole, folder);
  });
}

function toStep(line: string, folder: string): string[] {
  const user = new RegExp(`${folder}/mail/d\\.example/(\\w+)/Maildir/(\\w+)`).exec(line);
  if (/ fsync\(/.test(line)) {
    if (user === null) return [];
    return [user[2] === 'tmp' ? `sync file ${user[1]}` : `sync ${user[2]} ${user[1]}`];
  }
  if (/ (rename|link)\w*\(/.test(line)) {
    const target = new RegExp(`${folder}/mail/d\\.example/(\\w+)/Maildir/new/`).exec(line);
    return target === null ? [] : [`name ${target[1]}`];
  }
  if (line.includes('deliveries.journal') && / writev?\(/.test(line)) return ['journal'];
  return line.includes('250 2.0.0 <') ? ['reply'] : [];
}

describe('A kill of the process', () => {
  it('loses nothing that was answered, and a retry makes no second copy (RULES 3)', async (t) => {
    const folder = newFolder(t);
    const { pid } = await startProcess(t, folder);
    const clients = await Promise.all(Array.from({ length: 10 }, () => greet(folder)));
    const answered = new Set<string>();
    const sent = new Set<string>();
    const work = clients.map(async (client, i) => {
      for (let n = 0; ; n++) {
        const body = `message ${i}-${n}\r\n`;
        sent.add(body);
        const replies = await client.send([`${n % 2 === 0 ? 'ann' : 'bob'}@d.example`], body).catch(() => []);
        if (replies[0]?.startsWith('250') !== true) return;
        answered.add(body);
      }
    });
    await waitFor('some deliveries', () => answered.size >= 60);
    process.kill(pid, 'SIGKILL');
    await Promise.all(work);
    const found = (): string[] =>
      ['ann', 'bob'].flatMap((user) => contentsIn(folder, 'mail/d.example', user, 'Maildir/new'));
    const contents = found().join('\n');
    for (const body of answered) assert.ok(contents.includes(`${body.trimEnd()}\n`), body);

    // Postfix sends again what it has no answer for.
    await startProcess(t, folder);
    const client = await greet(folder);
    for (const body of sent) {
      const n = Number(/-(\d+)/.exec(body)?.[1]);
      const [reply = ''] = await client.send([`${n % 2 === 0 ? 'ann' : 'bob'}@d.example`], body);
      assert.match(reply, /^250/);
    }
    const bodies = found().map((message) => /message .*/.exec(message)?.[0]);
    assert.equal(bodies.length, sent.size, 'each message once');
    assert.equal(new Set(bodies).size, sent.size);
    assert.ok(namesIn(folder, 'state').includes('deliveries.journal'));
    await client.close();
  });
});
