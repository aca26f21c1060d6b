/** `postern domain add|remove|set|list`: the domains of the embedded database. */
import { InvalidArgumentError, type Command } from 'commander';
import { formatQuotaRule, type QuotaRule } from '../core/quota-rule.ts';
import type { DomainRecord, DomainSettings } from '../directory/admin.ts';
import {
  collectRule,
  createRequirementOption,
  readRequirement,
  splitList,
  type Requirement,
} from './account-options.ts';
import { report, withAdmin, type VerbEnvironment } from './admin-session.ts';
import { POSTFIX_NOTE } from './postfix-note.ts';
import { printJson } from './print-json.ts';
import type { Verb } from './program.ts';
import type { CliTools } from './tools.ts';

interface DomainOptions {
  readonly standsFor?: string;
  readonly catchAll?: readonly string[];
  readonly appPasswords?: Requirement;
  readonly quota?: readonly QuotaRule[];
  readonly totalQuota?: readonly QuotaRule[];
}

export function domainVerb(tools: CliTools): Verb {
  return (program, context) => {
    const environment = { context, tools };
    const family = program.command('domain').description('the domains that are ours');
    addAdd(family, environment);
    addSet(family, environment);
    addRemove(family, environment);
    addList(family, environment);
  };
}

function addOptions(command: Command): Command {
  return command
    .option('--stands-for <domain>', 'another of our domains that this one is a second name of; empty for none')
    .option('--catch-all <addresses>', 'who gets mail for addresses nobody has; empty for nobody', parseCatchAll)
    .option(
      '--quota <rule>',
      'a rule of every account in it, such as *:storage=1G; once for each, empty for none',
      collectRule,
    )
    .option(
      '--total-quota <rule>',
      'a rule of all its accounts together, for [quota NAME] with scope = domain',
      collectRule,
    )
    .addOption(createRequirementOption());
}

function addAdd(family: Command, environment: VerbEnvironment): void {
  const { context } = environment;
  addOptions(family.command('add').description('add a domain').argument('<domain>')).action(
    (name: string, options: DomainOptions) =>
      withAdmin(
        environment,
        async (admin) => {
          const outcome = await admin.domains.add(name, readSettings(options));
          report(outcome, { action: `add domain ${name}`, done: `Added domain ${name}` }, context);
          if (outcome.kind === 'done') context.terminal.err(`${POSTFIX_NOTE}\n`);
        },
        { create: true },
      ),
  );
}

function addSet(family: Command, environment: VerbEnvironment): void {
  addOptions(family.command('set').description('change a domain').argument('<domain>')).action(
    (name: string, options: DomainOptions) =>
      withAdmin(environment, async (admin) => {
        const outcome = await admin.domains.set(name, readSettings(options));
        report(outcome, { action: `change domain ${name}`, done: `Changed domain ${name}` }, environment.context);
      }),
  );
}

function addRemove(family: Command, environment: VerbEnvironment): void {
  const { context } = environment;
  family
    .command('remove')
    .description('remove a domain; mail on disk is never deleted')
    .argument('<domain>')
    .option('--force', 'with all its accounts and aliases')
    .action((name: string, options: { readonly force?: true }) =>
      withAdmin(environment, async (admin) => {
        const outcome = await admin.domains.remove(name, { force: options.force === true });
        report(outcome, { action: `remove domain ${name}`, done: `Removed domain ${name}` }, context);
        if (outcome.kind === 'done') context.terminal.err(`${POSTFIX_NOTE}\n`);
      }),
    );
}

function addList(family: Command, environment: VerbEnvironment): void {
  const { terminal } = environment.context;
  family
    .command('list')
    .description('list the domains')
    .option('--json', 'as JSON')
    .action((options: { readonly json?: true }) =>
      withAdmin(environment, async (admin) => {
        const domains = admin.domains.list();
        if (options.json === true) printJson(terminal, domains.map(toJson));
        else for (const domain of domains) terminal.out(`${formatDomain(domain)}\n`);
      }),
    );
}

function formatDomain(domain: DomainRecord): string {
  const { name, standsFor, catchAll, appPasswordsRequired, quotaRules, totalQuotaRules, accounts, aliases } = domain;
  const required = appPasswordsRequired ? ', app passwords required' : '';
  const each = quotaRules.map((rule) => `, ${formatQuotaRule(rule)} each`).join('');
  const total = totalQuotaRules.map((rule) => `, ${formatQuotaRule(rule)} in all`).join('');
  if (standsFor !== undefined) return `${name}  stands for ${standsFor}${required}`;
  const rest = catchAll.length === 0 ? '' : `, the rest to ${catchAll.join(', ')}`;
  return `${name}  ${accounts} accounts, ${aliases} aliases${rest}${required}${each}${total}`;
}

function toJson(domain: DomainRecord): object {
  const { quotaRules, totalQuotaRules } = domain;
  return {
    ...domain,
    quotaRules: quotaRules.map(formatQuotaRule),
    totalQuotaRules: totalQuotaRules.map(formatQuotaRule),
  };
}

function readSettings({ standsFor, catchAll, appPasswords, quota, totalQuota }: DomainOptions): DomainSettings {
  return {
    standsFor: standsFor === '' ? null : standsFor,
    catchAll,
    appPasswordsRequired: readRequirement(appPasswords),
    quotaRules: quota,
    totalQuotaRules: totalQuota,
  };
}

function parseCatchAll(text: string): string[] {
  const addresses = splitList(text);
  if (addresses.some((address) => !address.includes('@'))) {
    throw new InvalidArgumentError('Use whole addresses, separated by commas');
  }
  return addresses;
}
