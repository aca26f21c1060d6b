/**
 * The part of `app.ts` that builds the quota meter, and what answers `postern quota`: in the daemon through the control
 * socket, and in the command where no daemon runs.
 */
import { createMail, createUsers } from './app-users.ts';
import { MAX_READ_ACCOUNTS, READ_QUOTA, type OpenQuotaReader, type QuotaReading } from './cli/quota-reading.ts';
import type { Config } from './config/load-config.ts';
import type { Lookup } from './core/outcome.ts';
import type { Logger } from './core/logger.ts';
import type { Account } from './directory/source.ts';
import type { QuotaMeter } from './mail/quota-meter.ts';
import type { ControlHandler } from './net/control.ts';

/** What is asked of the meter. */
type Meter = Pick<QuotaMeter, 'measure' | 'recalculate'>;

/** Within the time that the control socket waits for a reply. */
const READ_WAIT_MS = 15_000;

/** What the daemon answers to `postern quota get` and `recalc`. */
export function createQuotaHandler({
  meter,
  findAccount,
}: {
  readonly meter: Meter;
  readonly findAccount: (address: string) => Promise<Lookup<Account>>;
}): ReadonlyMap<string, ControlHandler> {
  const read = async (user: string, isRecalculated: boolean): Promise<QuotaReading> => {
    const lookup = await findAccount(user);
    if (lookup.kind === 'found') return readAccount(meter, lookup.value, isRecalculated);
    const reason = lookup.kind === 'unavailable' ? lookup.reason : 'the daemon knows no such account';
    return { kind: 'unknown', user, reason };
  };
  const handle: ControlHandler = async (request) => {
    const { users } = request;
    const names = Array.isArray(users) ? users.filter((user) => typeof user === 'string') : [];
    if (names.length > MAX_READ_ACCOUNTS)
      return { ok: false, error: `Cannot read more than ${MAX_READ_ACCOUNTS} accounts at once` };
    const isRecalculated = request['isRecalculated'] === true;
    return { ok: true, readings: await Promise.all(names.map((user) => read(user, isRecalculated))) };
  };
  return new Map([[READ_QUOTA, handle]]);
}

/** What measures in the command itself. */
export function createQuotaReader(openLog: () => Logger): OpenQuotaReader {
  return (config: Config) => {
    const logger = openLog();
    const users = createUsers(config, logger);
    const mail = createMail(config, { logger, identity: undefined, source: users.source });
    return {
      read: (accounts, { isRecalculated }) =>
        Promise.all(accounts.map((account) => readAccount(mail.meter, account, isRecalculated))),
      close: async () => {
        await mail.stop();
        users.close();
      },
    };
  };
}

async function readAccount(meter: Meter, account: Account, isRecalculated: boolean): Promise<QuotaReading> {
  const user = account.address;
  const verdict = isRecalculated
    ? await meter.recalculate(account, READ_WAIT_MS)
    : await meter.measure(account, READ_WAIT_MS);
  if (verdict.kind === 'unknown') return { kind: 'unknown', user, reason: verdict.reason };
  const roots = verdict.roots.map(({ name, scope, used, limits }) => ({
    name,
    scope,
    storageBytes: used.bytes,
    messages: used.messages,
    storageLimitBytes: limits.storageBytes,
    messageLimit: limits.messages,
  }));
  return { kind: 'known', user, roots };
}
