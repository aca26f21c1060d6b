/**
 * A whole mail server for one test file: Postern and a Postfix wired to it by the lines that `postern postfix` prints,
 * with accounts made by Postern's own verbs. `stop` ends both.
 */
import assert from 'node:assert/strict';
import { Postern, type Settings } from './postern.ts';
import { createPostfixFolder, startPostfix, type Postfix } from './postfix.ts';
import { SmtpClient, type Message, type Submission } from './smtp-client.ts';
import { createSystemFolder } from './system-folder.ts';

export interface SiteOptions {
  readonly settings?: Settings | ((folder: string) => Settings);
  /** Makes domains, accounts and aliases before anything runs. */
  readonly populate: (postern: Postern) => void;
}

/** Every account of the tests has it unless said otherwise. */
export const PASSWORD = 'correct horse battery';

/** A running mail server. */
export class MailSite {
  readonly folder: string;
  readonly postern: Postern;
  readonly #queueDirectory: string;
  readonly #removeFolder: () => Promise<void>;
  #postfix: Postfix | undefined;

  constructor(postern: Postern, options: { queueDirectory: string; removeFolder: () => Promise<void> }) {
    this.folder = postern.folder;
    this.postern = postern;
    this.#queueDirectory = options.queueDirectory;
    this.#removeFolder = options.removeFolder;
  }

  /** The Postfix running now. */
  get postfix(): Postfix {
    assert.ok(this.#postfix !== undefined, 'Postfix does not run');
    return this.#postfix;
  }

  /** Starts Postfix with the lines that `postern postfix` prints with these arguments; one that runs is ended first. */
  async wire(args: readonly string[] = []): Promise<void> {
    await this.#postfix?.stop();
    const lines = this.postern.run(['postfix', '--queue-directory', this.#queueDirectory, ...args]);
    const masterAt = lines.indexOf('# master.cf\n');
    this.#postfix = await startPostfix({
      folder: this.folder,
      mainCf: lines.slice(0, masterAt),
      masterCf: lines.slice(masterAt),
    });
  }

  /** Stops everything and removes the folder. */
  async stop(): Promise<void> {
    await this.#postfix?.stop();
    await this.postern.stop();
    await this.#removeFolder();
  }
}

/** Starts Postern, then Postfix; what was started is stopped again when the next step fails. */
export async function startSite(options: SiteOptions): Promise<MailSite> {
  const folder = createSystemFolder();
  const { queueDirectory, socketDirectory } = createPostfixFolder(folder.path);
  const { settings = {} } = options;
  const postern = new Postern({
    folder: folder.path,
    socketDirectory,
    settings: typeof settings === 'function' ? settings(folder.path) : settings,
  });
  try {
    options.populate(postern);
    await postern.start();
    const site = new MailSite(postern, { queueDirectory, removeFolder: folder.remove });
    await site.wire();
    return site;
  } catch (error) {
    await postern.kill();
    await folder.remove();
    throw error;
  }
}

/** Adds an account with PASSWORD. */
export function addAccount(postern: Postern, address: string): void {
  postern.run(['account', 'add', address, '--password-file', '-'], `${PASSWORD}\n`);
}

/** Adds accounts that only receive. */
export function addMailboxes(postern: Postern, addresses: readonly string[]): void {
  for (const address of addresses) postern.run(['account', 'add', address, '--no-password']);
}

/** A connection to the submission port, under TLS, not logged in; from the IPv4 address that is given, for all Postfix knows. */
export async function openSubmission({ postfix }: MailSite, address?: string): Promise<SmtpClient> {
  const client = await SmtpClient.connect({ port: postfix.ports.submission });
  await client.ehlo();
  if (address !== undefined) {
    const reply = await client.command(`XCLIENT ADDR=${address}`);
    assert.equal(reply.code, 220, reply.text);
    await client.ehlo();
  }
  await client.startTls();
  return client;
}

/** Sends one message from outside to port 25. */
export async function sendFromOutside({ postfix }: MailSite, message: Message): Promise<Submission> {
  const client = await SmtpClient.connect({ port: postfix.ports.smtp });
  await client.ehlo();
  const submission = await client.send(message);
  await client.quit();
  return submission;
}

/** A small message; `id` is its Message-ID and in its body. */
export function sampleMessage(id: string, headers: readonly string[] = []): string {
  const lines = [
    'From: Someone <someone@remote.test>',
    'To: undisclosed-recipients:;',
    `Subject: ${id}`,
    `Message-ID: <${id}@remote.test>`,
    'Date: Mon, 02 Nov 2026 10:00:00 +0000',
    ...headers,
    '',
    `This is ${id}.`,
    '.a line that starts with a dot',
    '',
  ];
  return lines.join('\r\n');
}

/** The Message-ID of a stored or queued message. */
export function messageId(content: Buffer | string): string {
  const id = /^Message-ID: <([^@>]+)@/im.exec(content.toString())?.[1];
  assert.ok(id !== undefined, 'a message without Message-ID');
  return id;
}
