/**
 * Postern and a private Dovecot that both take mail, each into Maildirs of its own, for the same users of one passwd-file
 * with the same quota rules: what is asked of one can be asked of the other. `stop` ends both.
 */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { startDovecot, type Dovecot, type DovecotMail } from './dovecot.ts';
import { Postern, type Settings } from './postern.ts';
import { SmtpClient } from './smtp-client.ts';
import { createSystemFolder, MAIL_USER } from './system-folder.ts';

export const SIDES = ['postern', 'dovecot'] as const;
export type Side = (typeof SIDES)[number];

export interface QuotaPairOptions {
  /** Address to rules, as `quota_rule`, `quota_rule2` and so on. */
  readonly users: ReadonlyMap<string, readonly string[]>;
  readonly driver: NonNullable<DovecotMail['driver']>;
  /** Lines of Dovecot's `plugin`. */
  readonly plugin?: string;
  /** Postern's, meaning the same. */
  readonly settings?: Settings;
  /** Both keep the same Maildirs: the programs run side by side in place of one for the other. */
  readonly isShared?: boolean;
}

/** How full somebody is: KiB as `doveadm quota get` rounds them. */
export interface ShownUsage {
  readonly kib: number;
  readonly messages: number;
}

interface DoveadmRow {
  readonly username: string;
  readonly type: 'STORAGE' | 'MESSAGE';
  readonly value: string;
}

interface PosternReading {
  readonly user: string;
  readonly roots: readonly { readonly storageBytes: number; readonly messages: number }[];
}

const KIB = 1024;
const SENDER = 'someone@remote.test';

export class QuotaPair {
  readonly postern: Postern;
  readonly dovecot: Dovecot;
  readonly #folder: ReturnType<typeof createSystemFolder>;
  readonly #mail: Readonly<Record<Side, string>>;

  private constructor(parts: {
    readonly postern: Postern;
    readonly dovecot: Dovecot;
    readonly folder: ReturnType<typeof createSystemFolder>;
    readonly mail: Readonly<Record<Side, string>>;
  }) {
    this.postern = parts.postern;
    this.dovecot = parts.dovecot;
    this.#folder = parts.folder;
    this.#mail = parts.mail;
  }

  /** Starts both. */
  static async start({
    users,
    driver,
    plugin = '',
    settings = {},
    isShared = false,
  }: QuotaPairOptions): Promise<QuotaPair> {
    const folder = createSystemFolder();
    const usersFile = join(folder.path, 'users');
    writeFileSync(usersFile, [...users].map(([address, rules]) => formatUser(address, rules)).join(''));
    chmodSync(usersFile, 0o644);
    const socketDirectory = join(folder.path, 's');
    mkdirSync(socketDirectory);
    chmodSync(socketDirectory, 0o777);
    const file = { driver: 'passwd-file', path: usersFile };
    const postern = new Postern({
      folder: folder.path,
      socketDirectory,
      settings: {
        ...settings,
        mail: { save_to_detail_mailbox: 'yes', home: join(folder.path, 'mail/%Ld/%Ln'), ...settings['mail'] },
        'passdb users': file,
        'userdb users': file,
      },
    });
    const mail = {
      postern: join(folder.path, 'mail'),
      dovecot: join(folder.path, isShared ? 'mail' : 'dovecot-mail'),
    };
    makeOwned(mail.dovecot);
    await postern.start();
    const dovecot = await startDovecot({
      folder: join(folder.path, 'dovecot'),
      home: join(mail.dovecot, '%Ld/%Ln'),
      usersFile,
      mail: {
        lmtp: join(folder.path, 'dovecot-lmtp'),
        quotaStatus: join(folder.path, 'dovecot-quota-status'),
        quotaRule: '*:storage=0',
        driver,
        plugin,
      },
    });
    return new QuotaPair({ postern, dovecot, folder, mail });
  }

  async stop(): Promise<void> {
    await this.dovecot.stop();
    await this.postern.stop();
    await this.#folder.remove();
  }

  /** The Maildir of an account, or one of its folders. */
  maildir(side: Side, address: string, folder?: string): string {
    const [local = '', domain = ''] = address.split('@');
    return join(this.#mail[side], domain, local, 'Maildir', folder === undefined ? '' : `.${folder}`);
  }

  /** Puts messages of these stored sizes into a mailbox, on one side, and makes the mailbox. */
  plant(
    side: Side,
    address: string,
    { folder, sizes }: { folder?: string | undefined; sizes: readonly number[] },
  ): void {
    const maildir = this.maildir(side, address, folder);
    for (const part of ['tmp', 'new', 'cur']) makeOwned(join(maildir, part), this.#mail[side]);
    sizes.forEach((size, i) => {
      const path = join(maildir, 'cur', `1700000000.M${i}P1.planted,S=${size}:2,S`);
      writeFileSync(path, 'x'.repeat(size));
      chownSync(path, MAIL_USER.uid, MAIL_USER.gid);
    });
  }

  /** The sizes in the names of what was delivered to a mailbox: as stored, or with CRLF. */
  deliveredSizes(
    side: Side,
    address: string,
    { folder, letter = 'S' }: { readonly folder?: string | undefined; readonly letter?: 'S' | 'W' } = {},
  ): number[] {
    const names = readdirSync(join(this.maildir(side, address, folder), 'new'));
    return names.map((name) => Number(new RegExp(`,${letter}=(\\d+)`).exec(name)?.[1]));
  }

  /** Delivers a message of so many bytes, headers of the server not counted, through LMTP; gives the reply's code. */
  async deliver(side: Side, to: string, bytes: number): Promise<number> {
    const client = await SmtpClient.connect({ path: this.#socket(side, 'lmtp') });
    try {
      await client.ehlo('LHLO');
      const { recipients, data } = await client.send({ from: SENDER, to: [to], content: messageOf(bytes) });
      return data?.code ?? recipients[0]?.code ?? 0;
    } finally {
      client.close();
    }
  }

  /** One LMTP session without a message. */
  async greet(side: Side): Promise<void> {
    const client = await SmtpClient.connect({ path: this.#socket(side, 'lmtp') });
    client.close();
  }

  /** Asks the policy service about mail to each of these, on one connection; gives the actions. */
  async ask(side: Side, questions: readonly { readonly to: string; readonly size: number }[]): Promise<string[]> {
    const socket = createConnection(this.#socket(side, 'policy'));
    const actions: string[] = [];
    let text = '';
    for (const [i, { to, size }] of questions.entries()) {
      const attributes = { recipient: to, sender: SENDER, size, instance: `a.${i}` };
      const lines = Object.entries(attributes).map(([name, value]) => `${name}=${value}\n`);
      socket.write(`request=smtpd_access_policy\nprotocol_state=RCPT\n${lines.join('')}\n`);
    }
    for await (const piece of socket) {
      text += String(piece);
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        actions.push(text.slice('action='.length, end));
        text = text.slice(end + 2);
      }
      if (actions.length >= questions.length) break;
    }
    socket.destroy();
    assert.equal(actions.length, questions.length, `${side} answered everything`);
    return actions;
  }

  /** What Postern and `doveadm quota get` say of everybody. */
  usage(side: Side): ReadonlyMap<string, ShownUsage> {
    if (side === 'postern') {
      const readings: readonly PosternReading[] = JSON.parse(this.postern.run(['quota', 'get', '--all', '--json']));
      return new Map(readings.map(({ user, roots }) => [user, toShown(roots[0])]));
    }
    const rows: readonly DoveadmRow[] = JSON.parse(this.dovecot.doveadm(['-f', 'json', 'quota', 'get', '-A']));
    const find = (user: string, type: DoveadmRow['type']): number =>
      Number(rows.find((row) => row.username === user && row.type === type)?.value);
    const users = new Set(rows.map(({ username }) => username));
    return new Map([...users].map((user) => [user, { kib: find(user, 'STORAGE'), messages: find(user, 'MESSAGE') }]));
  }

  #socket(side: Side, service: 'lmtp' | 'policy'): string {
    if (side === 'postern') return join(this.postern.socketDirectory, service);
    return join(this.#folder.path, service === 'lmtp' ? 'dovecot-lmtp' : 'dovecot-quota-status');
  }
}

/** A header and one line; both ends of lines count two when sent and one when stored. */
function messageOf(bytes: number): string {
  const head = 'Subject: q\r\n\r\n';
  const storedHead = head.replaceAll('\r\n', '\n').length;
  const rest = bytes - storedHead - 1;
  assert.ok(rest >= 0, `${bytes} bytes are too few for a message`);
  return `${head}${'x'.repeat(rest)}\r\n`;
}

function formatUser(address: string, rules: readonly string[]): string {
  const fields = rules.map((rule, i) => `userdb_quota_rule${i === 0 ? '' : i + 1}=${rule}`);
  return `${address}:{PLAIN}unused::::::${fields.join(' ')}\n`;
}

function toShown(root: { readonly storageBytes: number; readonly messages: number } | undefined): ShownUsage {
  return { kib: Math.ceil((root?.storageBytes ?? Number.NaN) / KIB), messages: root?.messages ?? Number.NaN };
}

/** Makes a directory and those above it that are below `top`, of the user who owns the mail. */
function makeOwned(path: string, top = path): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  for (let made = path; made.startsWith(top); made = join(made, '..')) chownSync(made, MAIL_USER.uid, MAIL_USER.gid);
}
