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
  readonly settings?: Settings;
  /** Arguments of `postern postfix`, such as `--class relay`. */
  readonly wiring?: readonly string[];
  readonly extraMainCf?: string;
  /** Makes domains, accounts and aliases before anything runs. */
  readonly populate: (postern: Postern) => void;
  /** Directory for Postern's sockets; by default the recommended one in the queue directory. */
  readonly socketDirectory?: (folder: string) => string;
}

/** Every account of the tests has it unless said otherwise. */
export const PASSWORD = 'correct horse battery';

export interface MailSite {
  readonly folder: string;
  readonly postern: Postern;
  readonly postfix: Postfix;
  /** Stops everything and removes the folder. */
  stop(): Promise<void>;
}

/** Starts Postern, then Postfix; what was started is stopped again when the next step fails. */
export async function startSite(options: SiteOptions): Promise<MailSite> {
  const folder = createSystemFolder();
  const { queueDirectory, socketDirectory } = createPostfixFolder(folder.path);
  const postern = new Postern({
    folder: folder.path,
    socketDirectory: options.socketDirectory?.(folder.path) ?? socketDirectory,
    settings: options.settings ?? {},
  });
  try {
    options.populate(postern);
    await postern.start();
    const wiring = ['--queue-directory', queueDirectory, ...(options.wiring ?? [])];
    const postfix = await startPostfix({
      folder: folder.path,
      mainCf: postern.run(['postfix', '--part', 'main', ...wiring]),
      masterCf: postern.run(['postfix', '--part', 'master', ...wiring]),
      extraMainCf: options.extraMainCf ?? '',
    });
    const stop = async (): Promise<void> => {
      await postfix.stop();
      await postern.stop();
      await folder.remove();
    };
    return { folder: folder.path, postern, postfix, stop };
  } catch (error) {
    await postern.kill();
    await folder.remove();
    throw error;
  }
}

/** Adds an account with PASSWORD. */
export function addAccount(postern: Postern, address: string, options: readonly string[] = []): void {
  postern.run(['account', 'add', address, '--password-file', '-', ...options], `${PASSWORD}\n`);
}

/** A connection to the submission port, under TLS, not logged in. */
export async function openSubmission({ postfix }: MailSite): Promise<SmtpClient> {
  const client = await SmtpClient.connect({ port: postfix.ports.submission });
  await client.ehlo();
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
