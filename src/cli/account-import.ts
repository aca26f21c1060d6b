/**
 * `postern account import FILE`: takes the users of a Dovecot passwd-file, or of docker-mailserver, over with their hashes
 * and homes. A dry run unless told otherwise; what cannot be taken is said line by line. Doing it again is safe: accounts
 * that exist stay as they are.
 */
import type { Command } from 'commander';
import type { Config } from '../config/load-config.ts';
import { ConfigError, describeError } from '../core/errors.ts';
import type { DirectoryAdmin } from '../directory/admin.ts';
import type { AccountImport, ImportedAccount, ImportVerdict } from '../directory/import.ts';
import { fail, withAdmin, type VerbEnvironment } from './admin-session.ts';
import { EXIT } from './exit-codes.ts';
import { readUser, type ImportRules, type ReadUser } from './import-line.ts';
import { ImportReport } from './import-report.ts';
import type { NumberedUser } from './tools.ts';

interface ImportVerbOptions {
  readonly apply?: true;
  readonly dryRun?: true;
  readonly update?: true;
  readonly addDomains?: true;
  readonly adopt?: true;
  readonly newHomes?: true;
  readonly defaultScheme: string;
  readonly json?: true;
}

/** Rows in one transaction: others get their turn in between (RULES 32). */
const BATCH = 1000;
/** Dovecot's default for a passwd-file. */
const DEFAULT_SCHEME = 'CRYPT';

/** A line that is good so far. */
interface Candidate {
  readonly line: number;
  readonly read: Extract<ReadUser, { kind: 'good' }>;
}

export function addAccountImport(family: Command, environment: VerbEnvironment): void {
  const { context, tools } = environment;
  family
    .command('import')
    .description(
      "take over the users of a passwd-file or of docker-mailserver's postfix-accounts.cf, with their hashes",
    )
    .argument('<file>')
    .option('--dry-run', 'say what would come of it and change nothing (the default)')
    .option('--apply', 'do it')
    .option('--update', 'give accounts that exist the password of the file')
    .option('--add-domains', 'add the domains that are not ours yet')
    .option('--adopt', 'take over mail that lies where [mail] home puts an account')
    .option('--new-homes', 'forget the homes of the file: [mail] home says where mail goes')
    .option('--default-scheme <scheme>', 'scheme of passwords without {SCHEME}', DEFAULT_SCHEME)
    .option('--json', 'the outcome as JSON')
    .action(async (file: string, options: ImportVerbOptions) => {
      if (options.apply === true && options.dryRun === true)
        return fail(context, { code: EXIT.usage, text: 'Use --apply or --dry-run, not both' });
      const { defaultDomain } = context.loadConfig().auth;
      const { defaultScheme } = options;
      try {
        const lines = await tools.readUsersFile(file, { defaultScheme, defaultDomain });
        await importFile(lines, { file, options, environment });
      } catch (error) {
        if (error instanceof ConfigError) throw error;
        fail(context, { code: EXIT.dataError, text: describeError(error) });
      }
    });
}

/** Faults of the database are reported by `withAdmin`; before that what was taken until then. */
function importFile(
  lines: AsyncIterable<NumberedUser>,
  { file, options, environment }: { file: string; options: ImportVerbOptions; environment: VerbEnvironment },
): Promise<void> {
  const { context } = environment;
  const isApplied = options.apply === true;
  return withAdmin(
    environment,
    async (admin, config) => {
      const report = new ImportReport({ file, isApplied, updates: options.update === true });
      const rules = makeRules(config, { options, environment });
      try {
        await importLines(lines, { admin, report, rules, options });
      } finally {
        if (options.json === true) report.printJson(context.terminal);
        else report.print(context.terminal);
      }
      if (report.faultyCount > 0) context.exit(EXIT.dataError);
    },
    { create: isApplied && options.addDomains === true },
  );
}

interface ImportScene {
  readonly admin: DirectoryAdmin;
  readonly report: ImportReport;
  readonly rules: ImportRules;
  readonly options: ImportVerbOptions;
}

async function importLines(lines: AsyncIterable<NumberedUser>, scene: ImportScene): Promise<void> {
  const { admin, report, rules, options } = scene;
  const running = admin.accounts.beginImport({
    addsDomains: options.addDomains === true,
    adopts: options.adopt === true,
    replacesPasswords: options.update === true,
  });
  const firstLines = new Map<string, number>();
  let batch: Candidate[] = [];
  const flush = (): void => {
    const verdicts = decide(running, {
      accounts: batch.map(({ read }) => read.account),
      isApplied: options.apply === true,
    });
    for (const [place, { line, read }] of batch.entries()) {
      const verdict = verdicts[place];
      if (verdict !== undefined) report.add({ line, read, verdict });
    }
    batch = [];
  };
  for await (const numbered of lines) {
    const { line, user } = numbered;
    const first = firstLines.get(user.name);
    if (first !== undefined) {
      report.skip({ line, name: user.name, first });
      continue;
    }
    firstLines.set(user.name, line);
    const read = readUser(numbered, rules);
    if (read.kind === 'faulty') report.refuse({ line, name: user.name, reason: read.reason });
    else batch.push({ line, read });
    if (batch.length >= BATCH) flush();
  }
  flush();
  report.newDomains = [...running.newDomains].toSorted();
}

function decide(
  running: AccountImport,
  { accounts, isApplied }: { readonly accounts: readonly ImportedAccount[]; readonly isApplied: boolean },
): readonly ImportVerdict[] {
  return isApplied ? running.write(accounts) : accounts.map((account) => running.judge(account));
}

function makeRules(
  { mail }: Config,
  { options, environment }: { readonly options: ImportVerbOptions; readonly environment: VerbEnvironment },
): ImportRules {
  return {
    roots: mail.roots,
    location: mail.location,
    makesHomes: options.newHomes === true,
    describeHash: environment.tools.describeHash,
    uid: process.getuid?.(),
    gid: process.getgid?.(),
  };
}
