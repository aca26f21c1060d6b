/**
 * The folder one system test file works in, and the identities its processes run under. Real peers drop root and
 * then read below this folder, so unlike `temporary-folder.ts` it and everything above it must be open to all.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/**
 * Postern runs as it and owns the mail: an unprivileged user that every Debian has, or, without root, ourselves (an empty
 * name stays who one is).
 */
export const MAIL_USER: { readonly user: string; readonly group: string; readonly uid: number; readonly gid: number } =
  process.getuid?.() === 0
    ? { user: 'nobody', group: 'nogroup', uid: 65534, gid: 65534 }
    : { user: '', group: '', uid: process.getuid?.() ?? -1, gid: process.getgid?.() ?? -1 };

const OTHERS_MAY_SEARCH = 0o001;

/** Fails with what to do when a peer is missing; a test without its peer proves nothing and must not pass. */
export function requirePeer(path: string, debianPackage: string): void {
  assert.ok(existsSync(path), `${path} is missing: apt-get install ${debianPackage}`);
  assert.equal(process.getuid?.(), 0, 'The system tests start real mail servers and must run as root');
}

/** Makes a folder that every user may enter; `remove` deletes it. */
export function createSystemFolder(): { path: string; remove: () => Promise<void> } {
  const path = mkdtempSync(join(tmpdir(), 'pt-'));
  chmodSync(path, 0o755);
  for (let parent = path; parent !== '/'; parent = dirname(parent)) {
    const isOpen = (statSync(parent).mode & OTHERS_MAY_SEARCH) !== 0;
    assert.ok(isOpen, `${parent} is closed to other users: set TMPDIR to a folder they may enter`);
  }
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }) };
}

/** The id of a group of the system. */
export function groupId(name: string): number {
  return Number(execFileSync('getent', ['group', name], { encoding: 'utf8' }).split(':')[2]);
}

/** The id of a user of the system. */
export function userId(name: string): number {
  return Number(execFileSync('getent', ['passwd', name], { encoding: 'utf8' }).split(':')[2]);
}

/** Runs a program to its end and gives its output; fails with what it said when its status is not 0. */
export function runTool(
  program: string,
  args: readonly string[],
  options: { input?: string | Buffer; environment?: NodeJS.ProcessEnv } = {},
): string {
  const result = spawnSync(program, args, {
    encoding: 'utf8',
    input: options.input ?? '',
    env: { ...process.env, ...options.environment },
    timeout: 30_000,
  });
  const said = `${result.error?.message ?? ''}${result.stdout}${result.stderr}`;
  assert.equal(result.status, 0, `${program} ${args.join(' ')}: ${said}`);
  return result.stdout;
}
