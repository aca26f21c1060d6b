/**
 * `postern postfix`: the lines for main.cf and master.cf that wire a Postfix to the present configuration. It prints
 * and changes nothing: which of them fit beside what is there already is the administrator's to decide.
 */
import { Option } from 'commander';
import type { Config } from '../config/load-config.ts';
import type { Endpoint } from '../core/endpoint.ts';
import { ABSENT, type Lookup } from '../core/outcome.ts';
import { EXIT } from './exit-codes.ts';
import { buildMainCf, formatMainCf } from './postfix-main-cf.ts';
import { buildMasterCf, formatMasterCf } from './postfix-master-cf.ts';
import { isBelow, type PostfixWiring } from './postfix-wiring.ts';
import type { CliContext, Verb } from './program.ts';

/** Gives the names of our domains; unavailable when the directory cannot be read. */
export type ListDomains = (config: Config) => Promise<Lookup<readonly string[]>>;

interface PostfixOptions {
  readonly domains: PostfixWiring['domainsFrom'];
  readonly class: PostfixWiring['domainClass'];
  readonly verify?: true;
  readonly part?: 'main' | 'master';
  readonly queueDirectory: string;
  readonly json?: true;
}

/** Debian's, and nearly everybody's. */
const QUEUE_DIRECTORY = '/var/spool/postfix';

export function postfixVerb(listDomains: ListDomains): Verb {
  return (program, context) => {
    program
      .command('postfix')
      .description('print the main.cf and master.cf lines for this configuration')
      .addOption(
        new Option('--domains <from>', 'list our domains in main.cf, or have Postfix look them up')
          .choices(['static', 'socketmap'])
          .default('static'),
      )
      .addOption(
        new Option('--class <class>', 'address class our domains have in Postfix')
          .choices(['virtual', 'relay'])
          .default('virtual'),
      )
      .option('--verify', 'check recipients by probes (reject_unverified_recipient) instead of the recipient map')
      .addOption(new Option('--part <part>', 'print one file only').choices(['main', 'master']))
      .option('--queue-directory <dir>', 'queue_directory of this Postfix', QUEUE_DIRECTORY)
      .option('--json', 'as JSON')
      .action((options: PostfixOptions) => printWiring(options, { context, listDomains }));
  };
}

/** Both blocks with the defaults of the verb, for the guide that `npm start` prints. */
export function writePostfixLines(config: Config, domains: readonly string[]): string {
  const options = { domains: 'static', class: 'virtual', queueDirectory: QUEUE_DIRECTORY } as const;
  return formatText(toWiring(config, { options, domains }), undefined);
}

async function printWiring(
  options: PostfixOptions,
  { context, listDomains }: { readonly context: CliContext; readonly listDomains: ListDomains },
): Promise<void> {
  const config = context.loadConfig();
  // Postfix asks for them itself, or is told all of them.
  const domains = options.domains === 'socketmap' ? ABSENT : await listDomains(config);
  if (domains.kind === 'unavailable') {
    context.terminal.err(`postern: Cannot list the domains: ${domains.reason}\n`);
    return context.exit(EXIT.temporary);
  }
  const wiring = toWiring(config, { options, domains: domains.kind === 'found' ? domains.value : [] });
  context.terminal.out(options.json === true ? formatJson(wiring, options.part) : formatText(wiring, options.part));
}

function toWiring(
  config: Config,
  { options, domains }: { readonly options: PostfixOptions; readonly domains: readonly string[] },
): PostfixWiring {
  const { queueDirectory } = options;
  const socketOf = (endpoints: readonly Endpoint[]): Endpoint | undefined => chooseSocket(endpoints, queueDirectory);
  return {
    queueDirectory,
    saslSocket: socketOf(config.sasl.listen),
    policySocket: socketOf(config.policy.listen),
    lmtpSocket: socketOf(config.lmtp.listen),
    lookupSocket: socketOf(config.lookup.listen),
    domains,
    domainsFrom: options.domains,
    domainClass: options.class,
    isVerifying: options.verify === true,
    recipientDelimiter: config.mail.recipientDelimiter,
    maxMessageBytes: config.lmtp.maxMessageSizeBytes,
  };
}

/**
 * The best of several sockets for Postfix: one in the queue directory, which a chroot reaches; else TCP, which it
 * reaches too; else whatever there is.
 */
function chooseSocket(endpoints: readonly Endpoint[], queueDirectory: string): Endpoint | undefined {
  return (
    endpoints.find((one) => one.kind === 'unix' && isBelow(one.path, queueDirectory)) ??
    endpoints.find((one) => one.kind === 'inet') ??
    endpoints[0]
  );
}

function formatText(wiring: PostfixWiring, part: PostfixOptions['part']): string {
  const main = part === 'master' ? '' : formatMainCf(wiring);
  const master = part === 'main' ? '' : formatMasterCf(wiring);
  return main === '' || master === '' ? main + master : `${main}\n${master}`;
}

function formatJson(wiring: PostfixWiring, part: PostfixOptions['part']): string {
  const main = part === 'master' ? {} : { main: buildMainCf(wiring) };
  const master = part === 'main' ? {} : { master: buildMasterCf(wiring) };
  return `${JSON.stringify({ ...main, ...master }, undefined, 2)}\n`;
}
