/**
 * `postern mailbox mount accept`: takes the disks mounted at the mail roots now as the right ones (RULES 8). Until then
 * mail for a root whose marker or device is another one waits. The running daemon notices by itself.
 */
import type { Config } from '../config/load-config.ts';
import { describeError } from '../core/errors.ts';
import { fail } from './admin-session.ts';
import { EXIT } from './exit-codes.ts';
import type { Verb } from './program.ts';

/** Remembers every mail root as it is now; rejects when one is not there. */
export type AcceptMailRoots = (config: Config) => Promise<void>;

export function mailboxVerb(accept: AcceptMailRoots): Verb {
  return (program, context) => {
    const mount = program
      .command('mailbox')
      .description('where mail is stored')
      .command('mount')
      .description('the disks under the mail roots');
    mount
      .command('accept')
      .description('take what is mounted at the mail roots now as the right disks')
      .action(async () => {
        const config = context.loadConfig();
        try {
          await accept(config);
          for (const root of config.mail.roots) context.terminal.out(`${root}: accepted\n`);
        } catch (error) {
          fail(context, { code: EXIT.temporary, text: `Cannot accept the mail roots: ${describeError(error)}` });
        }
      });
  };
}
