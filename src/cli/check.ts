/**
 * `postern check`: reads the configuration, then the users it names, and says what is wrong with them: lines of users
 * files, owners of mail, passwords. It changes nothing. 65 is for what somebody should mend; a warning is none.
 */
import { noteConfig } from '../config/notes.ts';
import { describeError } from '../core/errors.ts';
import type { Account } from '../directory/source.ts';
import { EXIT } from './exit-codes.ts';
import { surveyPasswords } from './password-survey.ts';
import type { Verb } from './program.ts';
import type { CliTools } from './tools.ts';

/** Enough to see what is wrong; the rest is counted. */
const MAX_SHOWN_ACCOUNTS = 20;

export function checkVerb(tools: Pick<CliTools, 'openDirectory' | 'describeHash' | 'examineNotices'>): Verb {
  return (program, context) => {
    program
      .command('check')
      .description('read the configuration and the users it names, and say what is wrong with them')
      .action(async () => {
        // A ConfigError goes on to runProgram, which prints each fault on a line and ends with 78.
        const config = context.loadConfig();
        const { terminal } = context;
        terminal.out(`${config.file}: configuration is good\n`);
        for (const note of noteConfig(config)) terminal.out(`${config.file}: note: ${note}\n`);

        const users = tools.openDirectory(config, { isExamined: true });
        try {
          const fileFaults = [...(await users.examine()), ...tools.examineNotices(config)];
          for (const fault of fileFaults) terminal.err(`${fault}\n`);
          const { count, faults } = await judgeAccounts(users.source.accounts());
          const survey = await surveyPasswords({
            passdbs: users.passwords,
            mechanisms: config.auth.mechanisms,
            upgradesSchemes: config.auth.upgradeScheme,
            describeHash: tools.describeHash,
          });
          for (const fault of faults.slice(0, MAX_SHOWN_ACCOUNTS)) terminal.err(`${fault}\n`);
          const more = faults.length - MAX_SHOWN_ACCOUNTS;
          if (more > 0) terminal.err(`and ${more} accounts more\n`);
          for (const line of [...survey.faults, ...survey.warnings]) terminal.err(`${line}\n`);
          terminal.out(`${count} ${count === 1 ? 'account' : 'accounts'}\n`);
          const { cannotList } = users.source;
          if (cannotList !== undefined) terminal.out(`note: not all accounts were looked at: ${cannotList}\n`);
          for (const line of survey.counts) terminal.out(`${line}\n`);
          // A warning is no fault: scripts go by the exit code.
          if (fileFaults.length + faults.length + survey.faults.length > 0) context.exit(EXIT.dataError);
        } catch (error) {
          terminal.err(`Cannot read the users: ${describeError(error)}\n`);
          context.exit(EXIT.temporary);
        } finally {
          users.close();
        }
      });
  };
}

/** Counts accounts and says whose mail waits because its owner on disk would not be us (RULES 13). */
async function judgeAccounts(accounts: AsyncIterable<Account>): Promise<{ count: number; faults: string[] }> {
  const faults: string[] = [];
  let count = 0;
  for await (const { address, source, uid, gid } of accounts) {
    count += 1;
    const wrong = [
      ...(uid === undefined || uid === process.getuid?.() ? [] : [`uid ${uid}`]),
      ...(gid === undefined || gid === process.getgid?.() ? [] : [`gid ${gid}`]),
    ];
    if (wrong.length > 0)
      faults.push(`[userdb ${source}] ${address}: ${wrong.join(' and ')} is not ours, so its mail waits`);
  }
  return { count, faults };
}
