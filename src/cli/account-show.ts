/** `postern account list` and `postern account show`. */
import type { Command } from 'commander';
import type { AccountRecord } from '../directory/admin.ts';
import { fail, withAdmin, type VerbEnvironment } from './admin-session.ts';
import { EXIT } from './exit-codes.ts';
import { formatAccount, formatAccountLine, recordToJson } from './format-account.ts';
import { printJson, printJsonList } from './print-json.ts';

export function addAccountList(family: Command, environment: VerbEnvironment): void {
  const { terminal } = environment.context;
  family
    .command('list')
    .description('list the accounts')
    .argument('[domain]', 'of this domain only')
    .option('--json', 'as JSON')
    .action((domain: string | undefined, options: { readonly json?: true }) =>
      withAdmin(environment, async (admin) => {
        const accounts = admin.accounts.list(domain);
        if (options.json === true) return printJsonList(terminal, listJson(accounts));
        for (const account of accounts) terminal.out(`${formatAccountLine(account)}\n`);
      }),
    );
}

function* listJson(accounts: Iterable<AccountRecord>): Iterable<object> {
  for (const account of accounts) yield recordToJson(account);
}

export function addAccountShow(family: Command, environment: VerbEnvironment): void {
  const { context } = environment;
  family
    .command('show')
    .description('show an account')
    .argument('<address>')
    .option('--json', 'as JSON')
    .action((address: string, options: { readonly json?: true }) =>
      withAdmin(environment, async (admin) => {
        const account = admin.accounts.find(address);
        if (account === undefined) {
          return fail(context, { code: EXIT.noUser, text: `Cannot show ${address}: there is no such account` });
        }
        if (options.json === true) printJson(context.terminal, recordToJson(account));
        else context.terminal.out(formatAccount(account));
      }),
    );
}
