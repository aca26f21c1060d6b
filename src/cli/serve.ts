/** `postern serve`: runs the daemon in the foreground. What that means is `main.ts`'s; here are only the arguments. */
import type { Verb } from './program.ts';

export interface ServeOptions {
  readonly configPath: string;
  /** Print what listens where and Postfix's lines once all services run (`npm start`). */
  readonly hasGuide: boolean;
}

/** Runs until a signal; gives the exit code. */
export type RunDaemon = (options: ServeOptions) => Promise<number>;

export function serveVerb(run: RunDaemon): Verb {
  return (program, context) => {
    program
      .command('serve')
      .description('run in the foreground until SIGTERM or SIGINT; SIGHUP reloads the configuration')
      .option('--guide', 'print what listens where and the lines for Postfix once everything runs')
      .action(async (options: { guide?: boolean }) => {
        context.exit(await run({ configPath: context.configPath(), hasGuide: options.guide === true }));
      });
  };
}
