/** `postern account …`: the accounts of the embedded database. Showing them is in `account-show.ts`. */
import type { Command } from 'commander';
import { addAccountImport } from './account-import.ts';
import { addAccountOptions, readAccountSettings, type AccountOptions } from './account-options.ts';
import { addAccountList, addAccountShow } from './account-show.ts';
import { fail, report, withAdmin, type VerbEnvironment } from './admin-session.ts';
import { EXIT } from './exit-codes.ts';
import { addPasswordOptions, choosePassword, type PasswordOptions } from './new-password.ts';
import type { Verb } from './program.ts';
import type { CliTools } from './tools.ts';

interface AddOptions extends AccountOptions, PasswordOptions {
  /** False for `--no-password`. */
  readonly password: boolean;
  readonly adopt?: true;
}

/** How a note begins that `suspend` left and `resume` takes away. */
const SUSPENDED = 'Suspended: ';

export function accountVerb(tools: CliTools): Verb {
  return (program, context) => {
    const environment = { context, tools };
    const family = program.command('account').description('people with a mailbox');
    addAdd(family, environment);
    addSet(family, environment);
    addPassword(family, environment);
    addRename(family, environment);
    addRemove(family, environment);
    addSuspend(family, environment);
    addResume(family, environment);
    addAccountList(family, environment);
    addAccountShow(family, environment);
    addAccountImport(family, environment);
  };
}

function addAdd(family: Command, environment: VerbEnvironment): void {
  const { context, tools } = environment;
  const command = family
    .command('add')
    .description('add an account')
    .argument('<address>')
    .option('--no-password', 'without a password: nobody can log in')
    .option('--adopt', 'take over the mail that lies at this address or home');
  addAccountOptions(addPasswordOptions(command)).action((address: string, options: AddOptions) =>
    withAdmin(environment, async (admin, config) => {
      const action = `add account ${address}`;
      if (admin.accounts.find(address) !== undefined) {
        return fail(context, { code: EXIT.cannotCreate, text: `Cannot ${action}: it is there already` });
      }
      const password = options.password ? await choosePassword(options, context.terminal) : undefined;
      if (password?.kind === 'none') return fail(context, { code: EXIT.dataError, text: password.reason });
      const hash = password === undefined ? undefined : await tools.hashPassword(config, password.password);
      const settings = { ...readAccountSettings(options), password: hash, adopt: options.adopt === true };
      const outcome = await admin.accounts.add(address, settings);
      report(outcome, { action, done: `Added account ${address}` }, context);
      if (outcome.kind === 'done' && options.generate === true) {
        context.terminal.out(`Password: ${password?.password.toString() ?? ''}\n`);
      }
    }),
  );
}

function addSet(family: Command, environment: VerbEnvironment): void {
  const command = family.command('set').description('change an account').argument('<address>');
  addAccountOptions(command).action((address: string, options: AccountOptions) =>
    withAdmin(environment, async (admin) => {
      const outcome = await admin.accounts.set(address, readAccountSettings(options));
      report(outcome, { action: `change account ${address}`, done: `Changed account ${address}` }, environment.context);
    }),
  );
}

function addPassword(family: Command, environment: VerbEnvironment): void {
  const { context, tools } = environment;
  const command = family.command('password').description('give an account a new password').argument('<address>');
  addPasswordOptions(command).action((address: string, options: PasswordOptions) =>
    withAdmin(environment, async (admin, config) => {
      const action = `change the password of ${address}`;
      if (admin.accounts.find(address) === undefined) {
        return fail(context, { code: EXIT.noUser, text: `Cannot ${action}: there is no such account` });
      }
      const password = await choosePassword(options, context.terminal);
      if (password.kind === 'none') return fail(context, { code: EXIT.dataError, text: password.reason });
      const hash = await tools.hashPassword(config, password.password);
      const outcome = await admin.accounts.set(address, { password: hash });
      report(outcome, { action, done: `Changed the password of ${address}` }, context);
      const kept = admin.accounts.find(address)?.appPasswords ?? 0;
      if (outcome.kind === 'done' && kept > 0)
        context.terminal.err(`Its app passwords (${kept}) stay good: "postern app-password revoke" takes them away\n`);
      if (outcome.kind === 'done' && options.generate === true) {
        context.terminal.out(`Password: ${password.password.toString()}\n`);
      }
    }),
  );
}

function addRename(family: Command, environment: VerbEnvironment): void {
  family
    .command('rename')
    .description('give an account another address; password, rights and mail stay')
    .argument('<address>')
    .argument('<new-address>')
    .option('--alias', 'keep the old address as an alias')
    .action((from: string, to: string, options: { readonly alias?: true }) =>
      withAdmin(environment, async (admin) => {
        const outcome = await admin.accounts.rename(from, { address: to, keepAlias: options.alias === true });
        report(outcome, { action: `rename ${from} to ${to}`, done: `Renamed ${from} to ${to}` }, environment.context);
      }),
    );
}

function addRemove(family: Command, environment: VerbEnvironment): void {
  family
    .command('remove')
    .description('remove an account; its mail stays on disk')
    .argument('<address>')
    .action((address: string) =>
      withAdmin(environment, async (admin) => {
        const outcome = await admin.accounts.remove(address);
        const words = { action: `remove account ${address}`, done: `Removed account ${address}` };
        report(outcome, words, environment.context);
      }),
    );
}

function addSuspend(family: Command, environment: VerbEnvironment): void {
  family
    .command('suspend')
    .description('stop logins and sending; mail is still received')
    .argument('<address>')
    .option('--reason <text>', 'kept as the note of the account')
    .action((address: string, options: { readonly reason?: string }) =>
      withAdmin(environment, async (admin) => {
        const note = options.reason === undefined ? undefined : `${SUSPENDED}${options.reason}`;
        const outcome = await admin.accounts.set(address, { canLogin: false, canSend: false, note });
        report(outcome, { action: `suspend ${address}`, done: `Suspended ${address}` }, environment.context);
      }),
    );
}

function addResume(family: Command, environment: VerbEnvironment): void {
  family
    .command('resume')
    .description('allow logins and sending again')
    .argument('<address>')
    .action((address: string) =>
      withAdmin(environment, async (admin) => {
        const isOurs = admin.accounts.find(address)?.note?.startsWith(SUSPENDED) === true;
        const note = isOurs ? null : undefined;
        const outcome = await admin.accounts.set(address, { canLogin: true, canSend: true, note });
        report(outcome, { action: `resume ${address}`, done: `Resumed ${address}` }, environment.context);
      }),
    );
}
