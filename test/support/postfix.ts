/**
 * A private Postfix: its own configuration, queue and log in one folder, on free loopback ports, with no way for mail
 * to leave the machine. The lines under test are appended to its files as an administrator would append them; only
 * the ports of the submission services are changed. Nothing under /etc/postfix is read or written.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { createCertificate } from './certificate.ts';
import { freePort } from './free-port.ts';
import { groupId, MAIL_USER, requirePeer, runTool, userId } from './system-folder.ts';
import { waitFor } from './wait.ts';

export interface PostfixOptions {
  /** The blocks that `postern postfix` prints. */
  readonly mainCf: string;
  readonly masterCf: string;
  /** A folder from `createPostfixFolder`. */
  readonly folder: string;
}

/** A message in the queue. */
export interface QueueEntry {
  readonly queueId: string;
  readonly sender: string;
  readonly recipients: readonly { readonly address: string; readonly delayReason: string }[];
}

export const POSTFIX_HOSTNAME = 'mx.example.test';

/** No client of the tests comes from here. */
const NOBODYS_NETWORK = '127.0.0.2/32';

const MASTER = '/usr/lib/postfix/sbin/master';

/** Makes the folder of a Postfix with its queue directory, and in it Postern's directory as the README says to. */
export function createPostfixFolder(folder: string): { queueDirectory: string; socketDirectory: string } {
  requirePeer(MASTER, 'postfix');
  for (const name of ['etc', 'queue', 'data', 'log']) mkdirSync(join(folder, name), { recursive: true, mode: 0o755 });
  chownSync(join(folder, 'data'), userId('postfix'), groupId('postfix'));
  const queueDirectory = join(folder, 'queue');
  const socketDirectory = join(queueDirectory, 'postern');
  const { user } = MAIL_USER;
  runTool('install', ['-d', '-o', user, '-g', 'postfix', '-m', '2750', socketDirectory]);
  return { queueDirectory, socketDirectory };
}

/** Starts it and waits for its greeting. */
export async function startPostfix(options: PostfixOptions): Promise<Postfix> {
  const { folder } = options;
  const ports = { smtp: await freePort(), submission: await freePort(), submissions: await freePort() };
  const etc = join(folder, 'etc');
  // What a Postfix before this one in the folder has learned by probes.
  rmSync(join(folder, 'data', 'verify_cache.db'), { force: true });
  writeFileSync(join(etc, 'main.cf'), baseMainCf(options) + options.mainCf);
  const masterCf = options.masterCf
    .replace(/^submission\b/m, `127.0.0.1:${ports.submission}`)
    .replace(/^submissions\b/m, `127.0.0.1:${ports.submissions}`);
  // Chrooted where Debian does, unless the lines say that it cannot be.
  const isChrooted = /^submission +inet +n +- +y /m.test(options.masterCf);
  writeFileSync(join(etc, 'master.cf'), baseMasterCf(ports.smtp, isChrooted ? 'y' : 'n') + masterCf);
  const postfix = new Postfix(folder, ports);
  await postfix.start();
  return postfix;
}

export class Postfix {
  readonly ports: { readonly smtp: number; readonly submission: number; readonly submissions: number };
  readonly #etc: string;
  readonly #logFile: string;
  #master: ChildProcess | undefined;
  readonly #killMaster = (): void => void this.#master?.kill('SIGKILL');

  constructor(folder: string, ports: Postfix['ports']) {
    this.#etc = join(folder, 'etc');
    this.#logFile = join(folder, 'log', 'maillog');
    this.ports = ports;
  }

  /** Checks the configuration as Postfix does, runs master in the foreground, waits until all ports answer. */
  async start(): Promise<void> {
    // Warnings come on standard error and mean that the printed lines are wrong or set twice.
    runTool('postfix', ['-c', this.#etc, 'check']);
    const master = spawn(MASTER, ['-c', this.#etc, '-s'], {
      env: { ...process.env, MAIL_CONFIG: this.#etc },
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    });
    this.#master = master;
    let errors = '';
    master.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    process.once('exit', this.#killMaster);
    await waitFor(
      'Postfix to greet',
      async () => {
        assert.equal(master.exitCode, null, `Postfix ended: ${errors}${this.log()}`);
        return (await greets(this.ports.smtp)) && (await greets(this.ports.submission));
      },
      10_000,
    ).catch((error: unknown) => assert.fail(`${String(error)}\n${errors}${this.log()}`));
  }

  async stop(): Promise<void> {
    const master = this.#master;
    this.#master = undefined;
    process.off('exit', this.#killMaster);
    if (master === undefined || master.exitCode !== null) return;
    master.kill('SIGTERM');
    await waitFor('Postfix to stop', () => master.exitCode !== null || master.signalCode !== null, 10_000);
  }

  /** Changes parameters of main.cf, as postconf(1) does, and starts anew with them. */
  async reconfigure(parameters: Readonly<Record<string, string>>): Promise<void> {
    await this.stop();
    const settings = Object.entries(parameters).map(([name, value]) => `${name}=${value}`);
    runTool('postconf', ['-c', this.#etc, '-e', ...settings]);
    await this.start();
  }

  /** The mail log so far. */
  log(): string {
    return existsSync(this.#logFile) ? readFileSync(this.#logFile, 'utf8') : '';
  }

  /** Lines of the log that an administrator would be called for. */
  complaints(): string[] {
    return this.log()
      .split('\n')
      .filter((line) => /: (warning|error|fatal|panic): /.test(line));
  }

  /** What waits in the queue. */
  queue(): QueueEntry[] {
    const lines = runTool('postqueue', ['-c', this.#etc, '-j']).split('\n');
    return lines.filter((line) => line !== '').map(parseQueueEntry);
  }

  /** Header and body of a queued message; undefined when it has left the queue. */
  findQueued(queueId: string): string | undefined {
    const args = ['-c', this.#etc, '-h', '-b', '-q', queueId];
    const { status, stdout } = spawnSync('postcat', args, { encoding: 'utf8' });
    return status === 0 ? stdout : undefined;
  }

  /** Tries everything in the queue now. */
  flush(): void {
    runTool('postqueue', ['-c', this.#etc, '-f']);
  }

  /** Deletes everything in the queue. */
  clear(): void {
    runTool('postsuper', ['-c', this.#etc, '-d', 'ALL']);
  }

  /** The effective value of a parameter, which shows that Postfix read the lines as meant. */
  parameter(name: string): string {
    return runTool('postconf', ['-c', this.#etc, '-h', name]).trim();
  }

  /** Warnings of postconf(1) about the files: unused or repeated parameters, bad master.cf lines. */
  configurationWarnings(): string {
    return runTool('sh', [
      '-c',
      `postconf -c '${this.#etc}' -n 2>&1 >/dev/null; postconf -c '${this.#etc}' -M 2>&1 >/dev/null`,
    ]);
  }
}

function baseMainCf({ folder }: PostfixOptions): string {
  const { keyFile, certificateFile } = createCertificate(join(folder, 'etc'), POSTFIX_HOSTNAME);
  return `compatibility_level = 3.6
queue_directory = ${folder}/queue
data_directory = ${folder}/data
maillog_file = ${folder}/log/maillog
maillog_file_prefixes = ${folder}
myhostname = ${POSTFIX_HOSTNAME}
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = ${NOBODYS_NETWORK}
alias_maps =
alias_database =
local_recipient_maps =
local_transport = error:5.1.1 no local delivery
default_transport = error:5.4.4 nothing leaves this machine
disable_dns_lookups = yes
smtp_host_lookup = native
smtpd_peername_lookup = no
# A test may say from where it comes.
smtpd_authorized_xclient_hosts = 127.0.0.1
smtpd_tls_security_level = may
smtpd_tls_chain_files = ${keyFile}, ${certificateFile}
# Seconds instead of minutes, so that a test sees the next attempt.
minimal_backoff_time = 1s
maximal_backoff_time = 1s
queue_run_delay = 1s
# A test that fails on purpose must not be slowed down or cut off.
smtpd_error_sleep_time = 0
smtpd_hard_error_limit = 1000
smtpd_soft_error_limit = 1000
`;
}

function baseMasterCf(port: number, chroot: 'y' | 'n'): string {
  return `127.0.0.1:${port} inet n - ${chroot} - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - ${chroot} - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - ${chroot} - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
lmtp unix - - ${chroot} - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`;
}

/** Whether a connection is greeted within half a second; smtpd without its SASL server is silent or closes. */
function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    const settle = (isGreeted: boolean): void => {
      socket.destroy();
      resolve(isGreeted);
    };
    socket.setTimeout(500, () => settle(false));
    socket.once('error', () => settle(false));
    socket.once('close', () => settle(false));
    socket.once('data', (chunk: Buffer) => settle(chunk.toString().startsWith('220 ')));
  });
}

interface ShowqRecord {
  readonly queue_id: string;
  readonly sender: string;
  readonly recipients: readonly { readonly address: string; readonly delay_reason?: string }[];
}

function parseQueueEntry(line: string): QueueEntry {
  // postqueue(1) documents these fields.
  const record: ShowqRecord = JSON.parse(line);
  const recipients = record.recipients.map(({ address, delay_reason }) => ({
    address,
    delayReason: delay_reason ?? '',
  }));
  return { queueId: record.queue_id, sender: record.sender, recipients };
}
