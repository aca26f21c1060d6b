/**
 * The frame of the command: global options, exit codes, and what every verb is handed. It knows no verb: each file
 * beside this one registers its own. Nothing here ends the process; `main.ts` does, with the code returned.
 */
import { Command, CommanderError } from 'commander';
import { findConfigPath } from '../config/config-path.ts';
import { loadConfig, type Config } from '../config/load-config.ts';
import { ConfigError, formatConfigFault } from '../core/errors.ts';
import { EXIT } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';

/** What a verb may use. */
export interface CliContext {
  readonly terminal: Terminal;
  readonly environment: NodeJS.ProcessEnv;
  /** Records the exit code; the verb then returns. Without a call the code is 0. */
  exit(code: number): void;
  /** The file of `-c`, of POSTERN_CONFIG, or the default: known once the arguments are parsed. */
  configPath(): string;
  /** Reads that file; throws ConfigError, which `runProgram` prints and turns into 78. */
  loadConfig(): Config;
}

/** Adds one verb, or a family of verbs, to the command. */
export type Verb = (program: Command, context: CliContext) => void;

export interface ProgramOptions {
  readonly verbs: readonly Verb[];
  readonly terminal: Terminal;
  readonly environment: NodeJS.ProcessEnv;
  /** Called with the configuration before a verb uses it: root is given up here (RULES 42). */
  readonly onConfig?: (config: Config) => void;
  /** Shown by `--version`. */
  readonly version: string;
}

/** Runs the command with its arguments (without node and script) and returns the exit code; never throws. */
export async function runProgram(args: readonly string[], options: ProgramOptions): Promise<number> {
  const { terminal } = options;
  let code: number = EXIT.ok;
  const program = createProgram(options, (recorded) => {
    code = recorded;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    return reportFault(error, terminal);
  }
}

function createProgram(options: ProgramOptions, exit: (code: number) => void): Command {
  const { terminal, environment, verbs, version } = options;
  const program = new Command('postern')
    .description('The companion of Postfix: logins, policy, delivery, lookups and autoconfig')
    .option('-c, --config <file>', 'configuration file (else $POSTERN_CONFIG, else /etc/postern/postern.ini)')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .showHelpAfterError('(postern --help lists the verbs)')
    .exitOverride()
    .configureOutput({ writeOut: (text) => terminal.out(text), writeErr: (text) => terminal.err(text) });
  const configPath = (): string => findConfigPath({ config: program.opts<{ config?: string }>().config }, environment);
  const context: CliContext = {
    terminal,
    environment,
    exit,
    configPath,
    loadConfig: () => {
      const config = loadConfig({ path: configPath() });
      options.onConfig?.(config);
      return config;
    },
  };
  for (const verb of verbs) verb(program, context);
  return program;
}

/** Prints what went wrong, each fault on a line, and gives the exit code for it. */
function reportFault(error: unknown, terminal: Terminal): number {
  // Commander has already written its message, or the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof ConfigError) {
    for (const fault of error.faults) terminal.err(`${formatConfigFault(fault)}\n`);
    return EXIT.configuration;
  }
  terminal.err(`postern: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return EXIT.software;
}
