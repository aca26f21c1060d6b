/** A work of Postern alone: accounts in the embedded database, one kind of load, a few runs. */
import { addAccounts, makeAddresses, withBenchSite } from './bench-site.ts';
import type { DialogueSettings } from './dialogues.ts';
import { runLoad, SHORT } from './load.ts';
import { reportRuns, type Run, type Work } from './work.ts';
import type { Settings } from '../support/postern.ts';

export interface AloneOptions {
  readonly name: string;
  readonly about: string;
  readonly service: 'policy' | 'lmtp' | 'lookup';
  readonly accounts: number;
  readonly connections: number;
  readonly settings?: Settings;
  /** What is said to the accounts' addresses in one of the runs; `round` counts from 0. */
  readonly makeDialogue: (recipients: readonly string[], round: number) => DialogueSettings;
}

const ROUNDS = 3;

/** Makes the work. */
export function createAloneWork(options: AloneOptions): Work {
  const { name, about, service, accounts, connections, settings, makeDialogue } = options;
  const recipients = makeAddresses('user', accounts);
  const populated = {
    settings: settings ?? {},
    populate: (admin: Parameters<typeof addAccounts>[0]) => addAccounts(admin, recipients),
  };
  return {
    name,
    about: `${about}, ${accounts} accounts, ${connections} connections`,
    run: () =>
      withBenchSite(populated, async (site) => {
        const runs: Run[] = [];
        for (let round = 0; round < ROUNDS; round++) {
          const dialogue = makeDialogue(recipients, round);
          const path = site.socket(service);
          const job = { path, dialogue, connections, limit: SHORT, serverPid: site.postern.pid };
          runs.push({ side: 'Postern', result: await runLoad(job) });
        }
        return reportRuns(runs, site.complaints());
      }),
  };
}
