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
  openssl: '/usr/bin/openssl',
  strace: '/usr/bin/strace',
  systemd: '/usr/bin/systemd-notify',
  socat: '/usr/bin/socat',
};

const missing = Object.keys(PEERS).filter((name) => !existsSync(PEERS[name] ?? ''));
if (missing.length > 0) install(missing);

function install(packages: readonly string[]): void {
  const command = `apt-get install --no-install-recommends ${packages.join(' ')}`;
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    console.error(`The tests need real peers. Install them first (Debian): ${command}`);
    process.exitCode = 1;
    return;
  }
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', ...packages]]) {
    const { status } = spawnSync('apt-get', args, { stdio: 'inherit', env: environment });
    if (status !== 0) {
      console.error(`Cannot install the peers of the tests: apt-get ${args.join(' ')} failed`);
      process.exitCode = 1;
      return;
    }
  }
}
