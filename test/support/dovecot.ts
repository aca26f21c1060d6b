/**
 * A private Dovecot with IMAP on a free loopback port, over the mail Postern delivers: the proof that another
 * program reads it. Its own base directory and log; nothing under /etc/dovecot is read.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { ImapClient } from './imap-client.ts';
import { MAIL_USER, requirePeer, runTool } from './system-folder.ts';
import { waitFor } from './wait.ts';

export interface DovecotOptions {
  readonly folder: string;
  /** Home of each user with Dovecot's variables, as Postern's `[mail] home`. */
  readonly home: string;
  readonly location?: string;
  /** The users of a passwd-file log in, over this socket of Dovecot's auth service too. */
  readonly auth?: {
    readonly socket: string;
    readonly passwdFile: string;
    /** Further lines of dovecot.conf. */
    readonly settings?: string;
  };
  /** Dovecot takes mail itself. */
  readonly mail?: DovecotMail;
  /** A passwd-file with fields of users; without it everybody exists. */
  readonly usersFile?: string;
}

/** Dovecot's own delivery and policy, as peers to compare with. */
export interface DovecotMail {
  /** Unix sockets. */
  readonly lmtp: string;
  readonly quotaStatus: string;
  /** Limit of every account. */
  readonly quotaRule: string;
  /** What counts: Dovecot's own index, or the sizes in file names kept in `maildirsize`. */
  readonly driver?: 'count' | 'maildir';
  /** Further lines of `plugin`. */
  readonly plugin?: string;
}

/** Without a passwd-file every user has it: passwords are Postern's subject, not Dovecot's. */
const PASSWORD = 'looking-only';

const IMAP = '/usr/lib/dovecot/imap';

/** Starts it and waits until it greets. */
export async function startDovecot(options: DovecotOptions): Promise<Dovecot> {
  requirePeer('/usr/sbin/dovecot', 'dovecot-core');
  requirePeer(IMAP, 'dovecot-imapd');
  if (options.mail !== undefined) requirePeer('/usr/lib/dovecot/lmtp', 'dovecot-lmtpd');
  const port = await freePort();
  mkdirSync(options.folder, { recursive: true, mode: 0o755 });
  writeFileSync(join(options.folder, 'dovecot.conf'), configuration(options, port));
  const dovecot = new Dovecot(options.folder, port);
  await dovecot.start();
  return dovecot;
}

export class Dovecot {
  readonly #folder: string;
  readonly #port: number;
  #master: ChildProcess | undefined;
  readonly #killMaster = (): void => void this.#master?.kill('SIGKILL');

  constructor(folder: string, port: number) {
    this.#folder = folder;
    this.#port = port;
  }

  async start(): Promise<void> {
    const file = join(this.#folder, 'dovecot.conf');
    runTool('doveconf', ['-c', file, '-n']);
    const master = spawn('dovecot', ['-F', '-c', file], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#master = master;
    let errors = '';
    master.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    process.once('exit', this.#killMaster);
    await waitFor('Dovecot to listen', () => {
      assert.equal(master.exitCode, null, `Dovecot ended: ${errors}${this.log()}`);
      return accepts(this.#port);
    });
  }

  async stop(): Promise<void> {
    const master = this.#master;
    this.#master = undefined;
    process.off('exit', this.#killMaster);
    if (master === undefined || master.exitCode !== null) return;
    master.kill('SIGTERM');
    await waitFor('Dovecot to stop', () => master.exitCode !== null || master.signalCode !== null, 10_000);
  }

  /** The master process. */
  get pid(): number {
    const pid = this.#master?.pid;
    assert.ok(pid !== undefined, 'Dovecot does not run');
    return pid;
  }

  /** Runs doveadm to its end and gives what it printed. */
  doveadm(args: readonly string[]): string {
    return runTool('doveadm', ['-c', join(this.#folder, 'dovecot.conf'), ...args]);
  }

  login(user: string): Promise<ImapClient> {
    return ImapClient.login(this.#port, { user, password: PASSWORD });
  }

  log(): string {
    const file = join(this.#folder, 'dovecot.log');
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  /** Lines of the log that say something is wrong with a mailbox or anything else. */
  complaints(): string[] {
    return this.log()
      .split('\n')
      .filter((line) => /(Error|Warning|Fatal|Panic): /.test(line));
  }
}

function configuration({ folder, home, location, auth, mail, usersFile }: DovecotOptions, port: number): string {
  const { uid, gid } = MAIL_USER;
  return `base_dir = ${folder}/run
state_dir = ${folder}/state
log_path = ${folder}/dovecot.log
protocols = imap${mail === undefined ? '' : ' lmtp'}
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain
first_valid_uid = ${uid}
first_valid_gid = ${gid}
mail_location = ${location ?? 'maildir:~/Maildir'}
${auth === undefined ? STATIC_PASSDB : passwdFilePassdb(auth)}
${mail === undefined ? '' : mailServices(mail)}
userdb {
  ${
    usersFile === undefined
      ? `driver = static
  args = uid=${uid} gid=${gid} home=${home}`
      : `driver = passwd-file
  args = ${usersFile}
  default_fields = uid=${uid} gid=${gid} home=${home}`
  }
}
service imap-login {
  inet_listener imap {
    port = ${port}
  }
  inet_listener imaps {
    port = 0
  }
}
namespace inbox {
  inbox = yes
  separator = /
}
`;
}

const STATIC_PASSDB = `passdb {
  driver = static
  args = password=${PASSWORD}
}`;

function mailServices({ lmtp, quotaStatus, quotaRule, driver = 'count', plugin = '' }: DovecotMail): string {
  return `mail_plugins = quota
lmtp_save_to_detail_mailbox = yes
plugin {
  quota = ${driver}:User quota
  quota_rule = ${quotaRule}
  quota_vsizes = ${driver === 'count' ? 'yes' : 'no'}
  ${plugin}
  quota_status_success = DUNNO
  quota_status_nouser = DUNNO
  quota_status_overquota = "552 5.2.2 Mailbox is full"
}
service lmtp {
  unix_listener ${lmtp} {
    mode = 0666
  }
}
service quota-status {
  executable = quota-status -p postfix
  client_limit = 1
  unix_listener ${quotaStatus} {
    mode = 0666
  }
}`;
}

function passwdFilePassdb({ socket, passwdFile, settings = '' }: NonNullable<DovecotOptions['auth']>): string {
  return `${settings}
passdb {
  driver = passwd-file
  args = ${passwdFile}
}
service auth {
  unix_listener ${socket} {
    mode = 0666
  }
}`;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    const settle = (isAccepted: boolean): void => {
      socket.destroy();
      resolve(isAccepted);
    };
    socket.once('error', () => settle(false));
    socket.once('data', () => settle(true));
  });
}
