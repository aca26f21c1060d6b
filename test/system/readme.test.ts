/**
 * The README's examples, run as they stand: each line of its `sh` blocks in a shell, with the system's paths and the user
 * `vmail` replaced by a sandbox and an unprivileged user. What the lines wire together is then used.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { parseConfig } from '../../src/config/load-config.ts';
import { findProgram } from '../support/postern.ts';
import { createSystemFolder, MAIL_USER, requirePeer } from '../support/system-folder.ts';
import { waitFor } from '../support/wait.ts';

const ROOT = join(import.meta.dirname, '../../..');
const LINE_LIMIT_MS = 60_000;

/** The lines of every block of one language, in the order of the page. */
function blocks(language: string): string[] {
  const text = readFileSync(join(ROOT, 'README.md'), 'utf8');
  return [...text.matchAll(/^```(\w*)\n([^]*?)^```$/gm)].flatMap(([, found, body]) =>
    found === language ? [body ?? ''] : [],
  );
}

describe('the README', () => {
  const folder = createSystemFolder();
  const sandbox = folder.path;
  const config = join(sandbox, 'etc/postern/postern.ini');
  const daemon: { stop: () => void } = { stop: () => undefined };

  after(async () => {
    daemon.stop();
    await folder.remove();
  });

  /** A line with everything outside of the sandbox moved into it. */
  function enclose(line: string): string {
    return line
      .replaceAll(/(?<![\w"$])\/(etc|var|usr\/local\/bin)\b/g, `${sandbox}/$1`)
      .replace(/^useradd /, `useradd --prefix ${sandbox} `)
      .replaceAll(/-o vmail\b/g, `-o ${MAIL_USER.user}`)
      .replaceAll(/-g vmail\b/g, `-g ${MAIL_USER.group}`)
      .replaceAll(
        /\b(user|group) = vmail\b/g,
        (_, key: string) => `${key} = ${key === 'user' ? MAIL_USER.user : MAIL_USER.group}`,
      );
  }

  function run(line: string): string {
    const path = `${join(sandbox, 'usr/local/bin')}:${process.env['PATH'] ?? ''}`;
    const result = spawnSync('/bin/sh', ['-ec', enclose(line)], {
      cwd: ROOT,
      encoding: 'utf8',
      env: { ...process.env, PATH: path, POSTERN_CONFIG: config },
      timeout: LINE_LIMIT_MS,
    });
    assert.equal(result.status, 0, `${line}\n${result.stdout}${result.stderr}`);
    return result.stdout;
  }

  test('wires a Postfix with the lines it shows, and manages accounts with the others', async () => {
    requirePeer('/usr/sbin/postfix', 'postfix');
    for (const path of ['etc/postfix', 'var/lib', 'var/spool/postfix', 'usr/local/bin']) {
      mkdirSync(join(sandbox, path), { recursive: true, mode: 0o755 });
    }
    for (const name of ['passwd', 'group', 'shadow', 'gshadow']) writeFileSync(join(sandbox, 'etc', name), '');
    const program = findProgram(sandbox);
    writeFileSync(join(sandbox, 'bob.secret'), 'a password of bob\n', { mode: 0o644 });
    mkdirSync(join(sandbox, 'etc/dovecot'));
    writeFileSync(join(sandbox, 'etc/dovecot/users'), `carol@moved.example:{SHA256.hex}${'0'.repeat(64)}\n`, {
      mode: 0o644,
    });

    const [wiring = '', ...others] = blocks('sh');
    const daily = others.pop() ?? '';
    for (const line of wiring.trim().split('\n')) {
      run(line.replace('"$PWD/dist/src/postern.cjs"', program));
      // The sample names the places of a real machine as its defaults; the sandbox has its own.
      if (line.startsWith('install -D')) moveDefaults(sandbox);
    }
    assert.match(
      readFileSync(join(sandbox, 'etc/postfix/main.cf'), 'utf8'),
      /^virtual_mailbox_domains = example\.com$/m,
    );
    assert.match(readFileSync(join(sandbox, 'etc/postfix/master.cf'), 'utf8'), /^submission /m);
    assert.match(readFileSync(join(sandbox, 'etc/passwd'), 'utf8'), /^vmail:/m);

    const child = spawn(process.execPath, [program, 'serve'], {
      env: { ...process.env, POSTERN_CONFIG: config },
      stdio: 'ignore',
    });
    daemon.stop = () => void child.kill();
    await waitFor('the daemon', () => existsSync(join(sandbox, 'var/lib/postern/control')), 20_000);

    for (const line of others.join('').trim().split('\n')) run(line.replace('bob.secret', join(sandbox, 'bob.secret')));
    assert.match(run('postern account list'), /alice@example\.com[^]*bob@example\.com[^]*carol@moved\.example/);
    const shown = daily.trim().split('\n').map(run);
    assert.match(shown.join(''), /configuration is good[^]*user = nobody[^]*services/);
    child.kill();
    await waitFor('the end', () => child.exitCode !== null, 20_000);
    assert.equal(child.exitCode, 0);
  });

  test('shows sections that a configuration can have', () => {
    const sections = blocks('ini');
    assert.equal(sections.length, 1);
    const { config: parsed } = parseConfig(sections.join('\n'), 'README.md');
    assert.deepEqual(
      parsed.passdbs.map(({ driver }) => driver),
      ['passwd-file'],
    );
  });

  test('links to files that exist', () => {
    const text = readFileSync(join(ROOT, 'README.md'), 'utf8');
    const links = [...text.matchAll(/\]\(([^)#]+)\)/g)].map(([, link]) => link ?? '');
    assert.ok(links.length > 3);
    for (const link of links) assert.ok(existsSync(join(ROOT, link)), link);
  });
});

/** Turns the defaults of the sample that name places of a real machine into settings that name the sandbox. */
function moveDefaults(sandbox: string): void {
  const file = join(sandbox, 'etc/postern/postern.ini');
  const text = readFileSync(file, 'utf8')
    .replaceAll(/^#(\w+ = \S*)\/var\//gm, `$1${sandbox}/var/`)
    .replace(/^#listen = inet:.*$/m, 'listen =');
  writeFileSync(file, text);
}
