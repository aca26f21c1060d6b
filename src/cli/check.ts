/** `postern check`: reads the configuration and says every fault in it, or that it is good. It changes nothing. */
import { noteConfig } from '../config/notes.ts';
import type { Verb } from './program.ts';

export const checkVerb: Verb = (program, context) => {
  program
    .command('check')
    .description('read the configuration and say what is wrong with it')
    .action(() => {
      // A ConfigError goes on to runProgram, which prints each fault on a line and ends with 78.
      const config = context.loadConfig();
      context.terminal.out(`${config.file}: configuration is good\n`);
      for (const note of noteConfig(config)) context.terminal.out(`${config.file}: note: ${note}\n`);
    });
};
