/**
 * `postern quota get|recalc|set`: how full accounts are, for one user, a pattern with `*` and `?`, or all. The figures are
 * the running daemon's where there is one (`quota-reading.ts`). Exit codes are those of doveadm: 67 for nobody, 75 when it
 * could not be told, 77 for an account whose rules are kept elsewhere.
 */
import { InvalidArgumentError, type Command } from 'commander';
import { foldCase } from '../core/address.ts';
import { describeError } from '../core/errors.ts';
import type { QuotaRule } from '../core/quota-rule.ts';
import { matchesMask } from '../core/wildcard.ts';
import type { DirectoryAdmin } from '../directory/admin.ts';
import type { Account } from '../directory/source.ts';
import { collectRule } from './account-options.ts';
import { fail, withAdmin, type VerbEnvironment } from './admin-session.ts';
import type { AskDaemon } from './daemon.ts';
import { EXIT } from './exit-codes.ts';
import { printJsonList } from './print-json.ts';
import type { CliContext, Verb } from './program.ts';
import { Progress } from './progress.ts';
import {
  MAX_READ_ACCOUNTS,
  openReader,
  type OpenQuotaReader,
  type QuotaReader,
  type QuotaReading,
} from './quota-reading.ts';
import { formatHead, formatReading, readingToJson } from './quota-table.ts';
import type { CliTools, OpenDirectory } from './tools.ts';

interface WhoOptions {
  readonly all?: true;
  readonly json?: true;
}

export interface QuotaVerbPorts {
  readonly tools: CliTools;
  readonly ask: AskDaemon;
  readonly openHere: OpenQuotaReader;
}

/** What `set` takes for no rules at all. */
const NONE = 'none';

export function quotaVerb(ports: QuotaVerbPorts): Verb {
  return (program, context) => {
    const family = program.command('quota').description('how much accounts keep, and how much they may');
    addRead(family, { ports, context, isRecalculated: false });
    addRead(family, { ports, context, isRecalculated: true });
    addSet(family, { tools: ports.tools, context });
  };
}

interface ReadScene {
  readonly ports: QuotaVerbPorts;
  readonly context: CliContext;
  readonly isRecalculated: boolean;
}

function addRead(family: Command, scene: ReadScene): void {
  const { isRecalculated } = scene;
  const words = isRecalculated
    ? 'measure accounts anew, and write maildirsize anew where there is one; also while there are no rules'
    : 'show usage and limits of accounts';
  family
    .command(isRecalculated ? 'recalc' : 'get')
    .description(words)
    .argument('[user]', 'an address, or a pattern with * and ?')
    .option('-A, --all', 'every account')
    .option('--json', 'as JSON')
    .action((user: string | undefined, options: WhoOptions) => readQuota(user, options, scene));
}

async function readQuota(user: string | undefined, options: WhoOptions, scene: ReadScene): Promise<void> {
  const { ports, context } = scene;
  const who = options.all === true ? '*' : user;
  if (who === undefined || (options.all === true && user !== undefined)) {
    return fail(context, { code: EXIT.usage, text: 'Name one user, a pattern, or --all' });
  }
  const config = context.loadConfig();
  const open = ports.tools.openDirectory(config);
  let reader: QuotaReader | undefined;
  try {
    const accounts = await findAccounts(who, { open, context });
    if (accounts === undefined) return;
    reader = await openReader(config, ports);
    await show(readAll(accounts, reader, scene), { options, scene, hasUsers: isPattern(who) });
    noteGaps(who, open, context);
  } catch (error) {
    fail(context, { code: EXIT.temporary, text: `Cannot read the quota: ${describeError(error)}` });
  } finally {
    await reader?.close();
    open.close();
  }
}

function isPattern(who: string): boolean {
  return /[*?]/.test(who);
}

interface Lookup {
  readonly open: OpenDirectory;
  readonly context: CliContext;
}

/** Undefined, with an exit code, when there is nobody or it could not be told. */
async function findAccounts(who: string, { open, context }: Lookup): Promise<AsyncIterable<Account> | undefined> {
  if (isPattern(who)) return listFitting(foldCase(who), { open, context });
  const lookup = await open.directory.resolve(who);
  const accounts =
    lookup.kind === 'found'
      ? lookup.value.targets.flatMap((target) => (target.kind === 'account' ? [target.account] : []))
      : [];
  if (lookup.kind === 'unavailable') {
    fail(context, { code: EXIT.temporary, text: `Cannot look ${who} up: ${lookup.reason}` });
    return undefined;
  }
  if (accounts.length === 0) {
    fail(context, { code: EXIT.noUser, text: `There is no user ${JSON.stringify(who)} with a mailbox here` });
    return undefined;
  }
  return toAsync(accounts);
}

async function* toAsync<T>(values: Iterable<T>): AsyncIterable<T> {
  yield* values;
}

async function* listFitting(mask: string, { open, context }: Lookup): AsyncIterable<Account> {
  let count = 0;
  for await (const account of open.source.accounts()) {
    if (!matchesMask(account.address, mask)) continue;
    count += 1;
    yield account;
  }
  if (count > 0) return;
  // Whoever is in no list may fit all the same.
  const code = open.source.cannotList === undefined ? EXIT.noUser : EXIT.temporary;
  fail(context, { code, text: `No account fits ${JSON.stringify(mask)}` });
}

function noteGaps(who: string, { source }: OpenDirectory, { terminal }: CliContext): void {
  if (isPattern(who) && source.cannotList !== undefined) {
    terminal.err(`Not all users are listed: ${source.cannotList}\n`);
  }
}

/** Readings as they come, some accounts at a time. What is not known is said at once, and makes the exit code 75. */
async function* readAll(
  accounts: AsyncIterable<Account>,
  reader: QuotaReader,
  { context, isRecalculated }: ReadScene,
): AsyncIterable<QuotaReading> {
  const progress = new Progress(context.terminal, isRecalculated ? 'accounts measured' : 'accounts read');
  for await (const batch of inBatches(accounts)) {
    const here = batch.filter(({ host }) => host === undefined);
    const readings = await reader.read(here, { isRecalculated });
    progress.clear();
    for (const reading of readings) {
      if (reading.kind === 'unknown') {
        fail(context, { code: EXIT.temporary, text: `Cannot tell the quota of ${reading.user}: ${reading.reason}` });
      }
      yield reading;
    }
    for (const { address, host } of batch) {
      if (host !== undefined) context.terminal.err(`${address}: its mailbox is on ${JSON.stringify(host)}\n`);
    }
    progress.add(batch.length);
  }
  progress.clear();
}

async function* inBatches(accounts: AsyncIterable<Account>): AsyncIterable<readonly Account[]> {
  let batch: Account[] = [];
  for await (const account of accounts) {
    batch.push(account);
    if (batch.length < MAX_READ_ACCOUNTS) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

async function show(
  readings: AsyncIterable<QuotaReading>,
  { options, scene, hasUsers }: { options: WhoOptions; scene: ReadScene; hasUsers: boolean },
): Promise<void> {
  const { terminal } = scene.context;
  if (options.json === true) return printJsonList(terminal, toJson(readings));
  let hasHead = false;
  let count = 0;
  for await (const reading of readings) {
    if (reading.kind === 'unknown') continue;
    count += 1;
    if (scene.isRecalculated) continue;
    if (!hasHead) terminal.out(formatHead({ hasUsers }));
    hasHead = true;
    terminal.out(formatReading(reading, { hasUsers }));
  }
  if (scene.isRecalculated) terminal.out(`Measured ${count} ${count === 1 ? 'account' : 'accounts'} anew\n`);
}

async function* toJson(readings: AsyncIterable<QuotaReading>): AsyncIterable<object> {
  for await (const reading of readings) yield readingToJson(reading);
}

function addSet(family: Command, environment: VerbEnvironment): void {
  family
    .command('set')
    .description('give accounts of the embedded database rules of their own, in place of those they have')
    .argument('<user>', 'an address, or a pattern with * and ?')
    .argument(
      '<rule...>',
      `rules such as "*:storage=5G" "Trash:storage=+10%", or "${NONE}" for those of the domain`,
      collectRuleOrNone,
    )
    .action((user: string, rules: readonly QuotaRule[]) =>
      withAdmin(environment, (admin) => setQuota(user, rules, { admin, environment })),
    );
}

function collectRuleOrNone(text: string, earlier: readonly QuotaRule[] = []): readonly QuotaRule[] {
  if (text === '') throw new InvalidArgumentError(`A rule is not empty; "${NONE}" takes all away`);
  if (text !== NONE) return collectRule(text, earlier);
  if (earlier.length > 0) throw new InvalidArgumentError(`"${NONE}" stands alone`);
  return [];
}

async function setQuota(
  user: string,
  quotaRules: readonly QuotaRule[],
  { admin, environment }: { admin: DirectoryAdmin; environment: VerbEnvironment },
): Promise<void> {
  const { context } = environment;
  const addresses = isPattern(user) ? listAddresses(admin, foldCase(user)) : [user];
  let count = 0;
  for (const address of addresses) {
    const outcome = await admin.accounts.set(address, { quotaRules });
    if (outcome.kind === 'done') {
      count += 1;
      continue;
    }
    const isElsewhere = outcome.refusal === 'missing' && (await isKnown(address, environment));
    const code = isElsewhere ? EXIT.refused : outcome.refusal === 'missing' ? EXIT.noUser : EXIT.dataError;
    const reason = isElsewhere ? 'its rules are kept in another userdb' : outcome.reason;
    return fail(context, { code, text: `Cannot set the quota of ${address}: ${reason}` });
  }
  if (count === 0) return fail(context, { code: EXIT.noUser, text: `No account fits ${JSON.stringify(user)}` });
  context.terminal.out(isPattern(user) ? `Set the quota of ${count} accounts\n` : `Set the quota of ${user}\n`);
}

/** All of them first: the list is read in parts, between which nothing may change under it. */
function listAddresses(admin: DirectoryAdmin, mask: string): string[] {
  const addresses: string[] = [];
  for (const { address } of admin.accounts.list()) if (matchesMask(address, mask)) addresses.push(address);
  return addresses;
}

async function isKnown(address: string, { tools, context }: VerbEnvironment): Promise<boolean> {
  const open = tools.openDirectory(context.loadConfig());
  try {
    const lookup = await open.directory.resolve(address);
    return lookup.kind === 'found' && lookup.value.targets.some((target) => target.kind === 'account');
  } finally {
    open.close();
  }
}
