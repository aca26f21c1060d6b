/**
 * Makes sure the real peers of the system tests are there. As root it installs Debian's packages that are missing;
 * otherwise it says exactly what to install and fails, because a test without its peer proves nothing.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** A file that proves each package. */
const PEERS: Readonly<Record<string, string>> = {
  postfix: '/usr/sbin/postfix',
  'dovecot-core': '/usr/bin/doveadm',
  'dovecot-imapd': '/usr/lib/dovecot/imap',
  'dovecot-lmtpd': '/usr/lib/dovecot/lmtp',
  gsasl: '/usr/bin/gsasl',
  openssl: '/usr/bin/openssl',
  strace: '/usr/bin/strace',
  systemd: '/usr/bin/systemd-notify',
  socat: '/usr/bin/socat',
};

/** Makes sure every peer is there; gives what the person must do first when that cannot be done here. */
export function installPeers(): string | undefined {
  const missing = Object.keys(PEERS).filter((name) => !existsSync(PEERS[name] ?? ''));
  if (missing.length === 0) return undefined;
  const command = `apt-get install --no-install-recommends ${missing.join(' ')}`;
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    return `The tests need real peers. Install them first (Debian, as root): ${command}`;
  }
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', ...missing]]) {
    const { status } = spawnSync('apt-get', args, { stdio: ['ignore', 'inherit', 'inherit'], env: environment });
    if (status !== 0) return `Cannot install the peers of the tests: apt-get ${args.join(' ')} failed`;
  }
  return undefined;
}
