/** `postern alias add|remove|list`: the aliases of the embedded database. */
import type { Command } from 'commander';
import { report, withAdmin, type VerbEnvironment } from './admin-session.ts';
import { printJson } from './print-json.ts';
import type { Verb } from './program.ts';
import type { CliTools } from './tools.ts';

interface AddOptions {
  readonly sendAs?: true;
  readonly replace?: true;
}

export function aliasVerb(tools: CliTools): Verb {
  return (program, context) => {
    const environment = { context, tools };
    const family = program.command('alias').description('addresses that stand for others');
    addAdd(family, environment);
    addRemove(family, environment);
    addList(family, environment);
  };
}

function addAdd(family: Command, environment: VerbEnvironment): void {
  family
    .command('add')
    .description('add an alias')
    .argument('<address>')
    .argument('<targets...>', 'where its mail goes, here or elsewhere')
    .option('--send-as', 'the accounts it leads to may send as it')
    .option('--replace', 'in place of the alias that is there')
    .action((address: string, targets: string[], options: AddOptions) =>
      withAdmin(environment, async (admin) => {
        const { sendAs = false, replace = false } = options;
        const outcome = await admin.aliases.add(address, { targets: targets.flatMap(splitTargets), sendAs, replace });
        report(outcome, { action: `add alias ${address}`, done: `Added alias ${address}` }, environment.context);
      }),
    );
}

/** Takes a list as alias files write it apart; a comma in a quoted local part is none. */
function splitTargets(text: string): string[] {
  return text.includes('"') ? [text] : text.split(/\s*,\s*/).filter((target) => target !== '');
}

function addRemove(family: Command, environment: VerbEnvironment): void {
  family
    .command('remove')
    .description('remove an alias')
    .argument('<address>')
    .action((address: string) =>
      withAdmin(environment, async (admin) => {
        const outcome = await admin.aliases.remove(address);
        report(outcome, { action: `remove alias ${address}`, done: `Removed alias ${address}` }, environment.context);
      }),
    );
}

function addList(family: Command, environment: VerbEnvironment): void {
  const { terminal } = environment.context;
  family
    .command('list')
    .description('list the aliases')
    .argument('[domain]', 'of this domain only')
    .option('--json', 'as JSON')
    .action((domain: string | undefined, options: { readonly json?: true }) =>
      withAdmin(environment, async (admin) => {
        const aliases = admin.aliases.list(domain);
        if (options.json === true) return printJson(terminal, aliases);
        for (const { address, targets, sendAs } of aliases) {
          terminal.out(`${address} -> ${targets.join(', ')}${sendAs ? '  (send as)' : ''}\n`);
        }
      }),
    );
}
