/**
 * A work about mail: accounts in the embedded database, one kind of load, a few runs, and a private Dovecot in turn that
 * has the same accounts in homes of its own on the same file system, so that a slow moment of the machine hits both.
 * Without root there is no Dovecot and Postern runs alone; some works have nothing in Dovecot to stand beside.
 */
import { chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startDovecot, type Dovecot } from '../support/dovecot.ts';
import type { Settings } from '../support/postern.ts';
import { MAIL_USER } from '../support/system-folder.ts';
import { addAccounts, makeAddresses, withBenchSite, type BenchSite } from './bench-site.ts';
import { compareSides } from './comparison.ts';
import type { DialogueSettings } from './dialogues.ts';
import { runLoad, SHORT } from './load.ts';
import { reportRuns, type Report, type Run, type Work } from './work.ts';

export interface MailWorkOptions {
  readonly name: string;
  readonly about: string;
  readonly service: 'policy' | 'lmtp' | 'lookup';
  readonly accounts: number;
  readonly connections: number;
  /** What one request is, for the ratio: "messages". Without it Postern runs alone. */
  readonly beside?: string;
  readonly settings?: Settings;
  /** What is said to the accounts' addresses in one of the runs; `round` counts from 0. */
  readonly makeDialogue: (recipients: readonly string[], round: number) => DialogueSettings;
}

const ROUNDS = 3;
const QUOTA_RULE = '*:storage=100G';
/** Every account has a limit that nothing here reaches. */
export const WITH_QUOTA: Settings = { quota: { rule: QUOTA_RULE } };
const NEEDS_ROOT = 'Without Dovecot: it starts only as root';

/** Makes the work. */
export function createMailWork(options: MailWorkOptions): Work {
  const { name, about, accounts, connections, settings, beside } = options;
  const recipients = makeAddresses('user', accounts);
  const populated = {
    settings: settings ?? {},
    populate: (admin: Parameters<typeof addAccounts>[0]) => addAccounts(admin, recipients),
  };
  const isRoot = process.getuid?.() === 0;
  const where = beside === undefined ? '' : ', beside Dovecot';
  return {
    name,
    about: `${about}, ${accounts} accounts, ${connections} connections${where}`,
    run: () =>
      withBenchSite(populated, async (site) => {
        if (beside === undefined) return measure(site, { options, recipients, dovecot: undefined });
        if (!isRoot) return measure(site, { options, recipients, dovecot: undefined, note: NEEDS_ROOT });
        const dovecot = await startPeer(site);
        try {
          return await measure(site, { options, recipients, dovecot });
        } finally {
          await dovecot.stop();
        }
      }),
  };
}

interface Scene {
  readonly options: MailWorkOptions;
  readonly recipients: readonly string[];
  readonly dovecot: Dovecot | undefined;
  readonly note?: string;
}

async function measure(site: BenchSite, { options, recipients, dovecot, note }: Scene): Promise<Report> {
  const { service, connections, makeDialogue, beside = '' } = options;
  const runs: Run[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const job = { dialogue: makeDialogue(recipients, round), connections, limit: SHORT };
    const own = { path: site.socket(service), serverPid: site.postern.pid };
    runs.push({ side: 'Postern', result: await runLoad({ ...job, ...own }) });
    if (dovecot === undefined) continue;
    const peer = { path: peerSocket(site, service), serverPid: dovecot.pid };
    runs.push({ side: 'Dovecot', result: await runLoad({ ...job, ...peer }) });
  }
  const notes = dovecot === undefined ? [] : [...compareSides(runs, beside), ...dovecot.complaints()];
  return reportRuns(runs, [...notes, ...(note === undefined ? [] : [note]), ...site.complaints()]);
}

async function startPeer(site: BenchSite): Promise<Dovecot> {
  const mail = join(site.folder, 'dovecot-mail');
  mkdirSync(mail, { mode: 0o700 });
  chownSync(mail, MAIL_USER.uid, MAIL_USER.gid);
  return startDovecot({
    folder: join(site.folder, 'dovecot'),
    home: join(mail, '%Ld', '%Ln'),
    mail: { lmtp: peerSocket(site, 'lmtp'), quotaStatus: peerSocket(site, 'policy'), quotaRule: QUOTA_RULE },
  });
}

function peerSocket(site: BenchSite, service: string): string {
  return join(site.folder, `dovecot-${service}`);
}
