/**
 * `postern user USER|PATTERN`: what the userdbs say, which is what LMTP will use. An address is followed as mail
 * would be, through aliases and details; a pattern with `*` or `?` lists the accounts whose address fits. Exit codes are
 * those of doveadm: 67 for nobody, 75 when it could not be told.
 */
import { describeError } from '../core/errors.ts';
import { foldCase } from '../core/address.ts';
import { matchesMask } from '../core/wildcard.ts';
import type { Resolution, Target } from '../directory/directory.ts';
import type { Account } from '../directory/source.ts';
import { fail } from './admin-session.ts';
import { EXIT } from './exit-codes.ts';
import { accountToJson, formatUserFields, listUserFields } from './format-account.ts';
import { printJson, printJsonList } from './print-json.ts';
import type { CliContext, Verb } from './program.ts';
import type { CliTools, OpenDirectory } from './tools.ts';

interface UserOptions {
  readonly json?: true;
  readonly field?: string;
  readonly login?: true;
}

export function userVerb(tools: CliTools): Verb {
  return (program, context) => {
    program
      .command('user')
      .description('what the userdbs say about an address, or which accounts fit a pattern')
      .argument('<user>', 'an address, or a pattern with * and ?')
      .option('-f, --field <name>', 'only the value of this field, such as home')
      .option(
        '--login',
        'as after a login: with the fields of the passdbs, which a userdb may take (driver = prefetch)',
      )
      .option('--json', 'as JSON')
      .action(async (user: string, options: UserOptions) => {
        const isPattern = /[*?]/.test(user);
        if (isPattern && (options.field !== undefined || options.login === true))
          return fail(context, {
            code: EXIT.usage,
            text: 'A pattern lists names: name one user for what is known of it',
          });
        if (options.field !== undefined && options.json === true)
          return fail(context, { code: EXIT.usage, text: 'A field is printed as it is, and not as JSON' });
        const open = tools.openDirectory(context.loadConfig());
        try {
          if (isPattern) await listUsers(user, { context, open, options });
          else if (options.login === true) await showLogin(user, { context, open, options });
          else await showUser(user, { context, open, options });
        } finally {
          open.close();
        }
      });
  };
}

interface Scene {
  readonly context: CliContext;
  readonly open: OpenDirectory;
  readonly options: UserOptions;
}

async function listUsers(pattern: string, { context, open, options }: Scene): Promise<void> {
  const mask = foldCase(pattern);
  let count = 0;
  async function* fitting(): AsyncIterable<string> {
    for await (const { address } of open.source.accounts()) {
      if (!matchesMask(address, mask)) continue;
      count += 1;
      yield address;
    }
  }
  try {
    if (options.json === true) await printJsonList(context.terminal, fitting());
    else for await (const address of fitting()) context.terminal.out(`${address}\n`);
    const { cannotList } = open.source;
    if (cannotList !== undefined) context.terminal.err(`Not all users are listed: ${cannotList}\n`);
    if (count > 0) return;
    // Whoever is in no list may fit all the same.
    const code = cannotList === undefined ? EXIT.noUser : EXIT.temporary;
    fail(context, { code, text: `No account fits ${JSON.stringify(pattern)}` });
  } catch (error) {
    fail(context, { code: EXIT.temporary, text: `Cannot list users: ${describeError(error)}` });
  }
}

/** What a login would make of the user, aliases and details left alone: nobody logs in with those. */
async function showLogin(user: string, { context, open, options }: Scene): Promise<void> {
  const login = await open.findLogin(user);
  const lookup = login.kind === 'found' ? await open.source.findAccount(login.value.user, login.value.fields) : login;
  switch (lookup.kind) {
    case 'unavailable':
      return fail(context, { code: EXIT.temporary, text: `Cannot look ${user} up: ${lookup.reason}` });
    case 'absent': {
      const who = login.kind === 'found' ? 'No userdb knows' : 'No passdb knows';
      return fail(context, { code: EXIT.noUser, text: `${who} ${JSON.stringify(user)}` });
    }
    case 'found': {
      const account = lookup.value;
      const home = describeHome(account, open);
      if (options.field !== undefined) return showField([account], { context, open, field: options.field });
      if (options.json === true) printJson(context.terminal, accountToJson(account, home));
      else context.terminal.out(formatUserFields(account, home));
    }
  }
}

async function showUser(user: string, { context, open, options }: Scene): Promise<void> {
  const lookup = await open.directory.resolve(user);
  switch (lookup.kind) {
    case 'unavailable':
      return fail(context, { code: EXIT.temporary, text: `Cannot look ${user} up: ${lookup.reason}` });
    case 'absent':
      return fail(context, { code: EXIT.noUser, text: `There is no user ${JSON.stringify(user)}` });
    case 'found':
      if (options.field !== undefined) {
        const accounts = lookup.value.targets.flatMap((target) => (target.kind === 'account' ? [target.account] : []));
        return showField(accounts, { context, open, field: options.field });
      }
      if (options.json === true) printJson(context.terminal, toJson(lookup.value, open));
      else context.terminal.out(formatResolution(lookup.value, open));
      if (lookup.value.fault !== undefined) context.exit(EXIT.temporary);
  }
}

function showField(
  accounts: readonly Account[],
  { context, open, field }: { readonly context: CliContext; readonly open: OpenDirectory; readonly field: string },
): void {
  const values = accounts.flatMap((account) => {
    const fields = listUserFields(account, describeHome(account, open));
    return fields.flatMap(([name, value]) => (name === field && value !== undefined ? [value] : []));
  });
  for (const value of values) context.terminal.out(`${value}\n`);
  if (values.length === 0)
    fail(context, { code: EXIT.dataError, text: `There is no field ${JSON.stringify(field)} with a value` });
}

function formatResolution(resolution: Resolution, open: OpenDirectory): string {
  const { address, via, next, targets, fault } = resolution;
  const head =
    via === 'account'
      ? ''
      : `${address} is ${via === 'alias' ? 'an alias' : 'for the catch-all'} of ${next.join(', ')}\n`;
  const tail =
    fault === undefined ? '' : `Mail waits: the aliases ${fault === 'loop' ? 'run in a circle' : 'pass the limits'}\n`;
  return head + targets.map((target) => formatTarget(target, open)).join('\n') + tail;
}

function formatTarget(target: Target, open: OpenDirectory): string {
  switch (target.kind) {
    case 'account':
      return formatUserFields(target.account, describeHome(target.account, open));
    case 'remote':
      return `${target.address} is elsewhere\n`;
    case 'missing':
      return `${target.address} does not exist\n`;
  }
}

function toJson(resolution: Resolution, open: OpenDirectory): unknown {
  const targets = resolution.targets.map((target) =>
    target.kind === 'account'
      ? { ...target, account: accountToJson(target.account, describeHome(target.account, open)) }
      : target,
  );
  return { ...resolution, domain: resolution.domain.name, targets };
}

/** A home that cannot be built is worth saying, not worth failing for: that is what was asked. */
function describeHome(account: Account, open: OpenDirectory): string {
  try {
    return open.homeOf(account);
  } catch (error) {
    return `none: ${describeError(error)}`;
  }
}
