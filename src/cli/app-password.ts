/**
 * `postern app-password add|list|revoke`: passwords of the embedded database that are made for one program each. The
 * token is shown once, when it is made; whoever loses it makes another.
 */
import { InvalidArgumentError, Option, type Command } from 'commander';
import { APP_PASSWORD_SCOPES, type AppPasswordScope } from '../core/app-password-words.ts';
import { describeError } from '../core/errors.ts';
import type { AppPasswordRecord } from '../directory/admin.ts';
import { parseNets, splitList } from './account-options.ts';
import { fail, report, withAdmin, type VerbEnvironment } from './admin-session.ts';
import { EXIT } from './exit-codes.ts';
import { parseExpiry } from './expiry.ts';
import { printJson, printJsonList } from './print-json.ts';
import type { Verb } from './program.ts';
import type { CliTools } from './tools.ts';

interface AddOptions {
  readonly label: string;
  readonly scope: readonly AppPasswordScope[];
  readonly allowNets?: readonly string[];
  /** 0 is never. */
  readonly expires?: number;
  readonly json?: true;
}

const DEFAULT_SCOPES: readonly AppPasswordScope[] = ['smtp'];

/** Said wherever scopes are, until an IMAP server can ask Postern as well. */
const SCOPE_NOTE = 'Postern itself checks logins for smtp only: the other scopes open nothing yet';
const ONCE_NOTE = 'It is shown this once: what is kept of it cannot be read back';

export function appPasswordVerb(tools: CliTools): Verb {
  return (program, context) => {
    const environment = { context, tools };
    const family = program.command('app-password').description('passwords of an account for one program each');
    addAdd(family, environment);
    addList(family, environment);
    addRevoke(family, environment);
  };
}

function addAdd(family: Command, environment: VerbEnvironment): void {
  const { context, tools } = environment;
  const { terminal } = context;
  family
    .command('add')
    .description('make one and print it once')
    .argument('<address>', 'the account')
    .requiredOption('--label <text>', 'what it is for, such as "phone"; the log names it')
    .addOption(
      new Option('--scope <list>', `what it opens, of ${APP_PASSWORD_SCOPES.join(', ')}; checked today: smtp`)
        .default(DEFAULT_SCOPES, DEFAULT_SCOPES.join(','))
        .argParser(parseScopes),
    )
    .option('--allow-nets <list>', 'networks it may be used from; empty for all', parseNets)
    .option('--expires <when>', 'a duration (90d), a day (2027-01-31), or never', readExpiry)
    .option('--json', 'as JSON')
    .action((address: string, options: AddOptions) =>
      withAdmin(environment, async (admin) => {
        const { label, scope: scopes, allowNets = [], expires = 0 } = options;
        const expiresAt = expires === 0 ? undefined : expires;
        const { shown, key, digest } = tools.makeAppPassword();
        const outcome = await admin.appPasswords.add(address, { label, scopes, allowNets, expiresAt, key, digest });
        const words = { action: `add an app password of ${address}`, done: '' };
        if (outcome.kind === 'refused') return report(outcome, words, context);
        if (options.json === true) {
          const made = [...admin.appPasswords.list(address)].at(-1);
          printJson(terminal, { ...made, password: shown });
        } else {
          terminal.out(`Added app password ${JSON.stringify(label)} of ${address}\nPassword: ${shown}\n`);
        }
        terminal.err(`${ONCE_NOTE}\n`);
        if (scopes.some((scope) => scope !== 'smtp')) terminal.err(`${SCOPE_NOTE}\n`);
      }),
    );
}

function addList(family: Command, environment: VerbEnvironment): void {
  const { context } = environment;
  family
    .command('list')
    .description('list them with their last use, to the minute')
    .argument('[address]', 'of this account only')
    .option('--json', 'as JSON')
    .action((address: string | undefined, options: { readonly json?: true }) =>
      withAdmin(environment, async (admin) => {
        if (address !== undefined && admin.accounts.find(address) === undefined) {
          return fail(context, { code: EXIT.noUser, text: `There is no account ${address}` });
        }
        const records = admin.appPasswords.list(address);
        if (options.json === true) return printJsonList(context.terminal, records);
        const now = Date.now();
        for (const record of records) context.terminal.out(`${formatRecord(record, now)}\n`);
      }),
    );
}

function addRevoke(family: Command, environment: VerbEnvironment): void {
  const { context } = environment;
  family
    .command('revoke')
    .description('take one away; whoever uses it is out within a second')
    .argument('<address>', 'the account')
    .argument('[label-or-id]', 'which one')
    .option('--all', 'all of the account')
    .action((address: string, which: string | undefined, options: { readonly all?: true }) =>
      withAdmin(environment, async (admin) => {
        const isAll = options.all === true;
        if (isAll === (which !== undefined)) {
          return fail(context, { code: EXIT.usage, text: 'Name the label or id of one, or --all' });
        }
        const outcome =
          which === undefined
            ? await admin.appPasswords.revokeAll(address)
            : await admin.appPasswords.revoke(address, which);
        const what = which === undefined ? 'all app passwords' : `app password ${JSON.stringify(which)}`;
        report(outcome, { action: `revoke ${what} of ${address}`, done: `Revoked ${what} of ${address}` }, context);
      }),
    );
}

function formatRecord(record: AppPasswordRecord, now: number): string {
  const { expiresAt } = record;
  const expiry =
    expiresAt === undefined ? [] : [`${expiresAt <= now ? 'expired' : 'expires'} ${formatTime(expiresAt)}`];
  const from = record.allowNets.length === 0 ? [] : [`only from ${record.allowNets.join(' ')}`];
  const marks = [record.scopes.join(' '), ...from, ...expiry, formatLastUse(record)];
  return `${record.account}  ${record.id}  ${JSON.stringify(record.label)}  ${marks.join(', ')}`;
}

function formatLastUse({ lastUsedAt, lastUsedAddress, lastUsedService }: AppPasswordRecord): string {
  if (lastUsedAt === undefined) return 'never used';
  const from = lastUsedAddress === undefined || lastUsedAddress === '' ? '' : ` from ${lastUsedAddress}`;
  return `last used ${formatTime(lastUsedAt)}${from} for ${lastUsedService ?? 'nothing named'}`;
}

function formatTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

function parseScopes(text: string): AppPasswordScope[] {
  const words = splitList(text);
  const unknown = words.find((word) => !APP_PASSWORD_SCOPES.some((scope) => scope === word));
  if (unknown !== undefined || words.length === 0) {
    throw new InvalidArgumentError(`Use one or more of ${APP_PASSWORD_SCOPES.join(', ')}`);
  }
  return APP_PASSWORD_SCOPES.filter((scope) => words.includes(scope));
}

/** Commander takes undefined for a failed parser, so "never" stays 0 until it is read. */
function readExpiry(text: string): number {
  try {
    return parseExpiry(text, Date.now()) ?? 0;
  } catch (error) {
    throw new InvalidArgumentError(describeError(error));
  }
}
