/**
 * What every verb that changes the directory does around its change: open, say what happened, choose the exit code,
 * close. A database that cannot be used is 75, one that is not there 78.
 */
import type { Config } from '../config/load-config.ts';
import { ConfigError, describeError, errorCode } from '../core/errors.ts';
import type { AdminOutcome, DirectoryAdmin, Refusal } from '../directory/admin.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import type { CliContext } from './program.ts';
import type { CliTools } from './tools.ts';

/** What a verb is made with. */
export interface VerbEnvironment {
  readonly context: CliContext;
  readonly tools: CliTools;
}

const REFUSAL_CODES: Readonly<Record<Refusal, ExitCode>> = {
  'bad-value': EXIT.dataError,
  missing: EXIT.noUser,
  exists: EXIT.cannotCreate,
  'in-use': EXIT.cannotCreate,
  'has-mail': EXIT.cannotCreate,
  loop: EXIT.dataError,
};

/** Sections of a file take the place of the default ones, so this happens to whoever adds a passwd-file. */
const UNUSED_NOTE =
  'No [passdb] and no [userdb] has driver = sqlite: the daemon sees nothing of what is in the embedded database\n';

/** Opens the embedded database for `work` and closes it after; faults are printed and become the exit code. */
export async function withAdmin(
  { context, tools }: VerbEnvironment,
  work: (admin: DirectoryAdmin, config: Config) => Promise<void>,
  options: { readonly create: boolean } = { create: false },
): Promise<void> {
  const config = context.loadConfig();
  let admin: DirectoryAdmin | undefined;
  try {
    admin = tools.openAdmin(config, options);
    if (![...config.passdbs, ...config.userdbs].some(({ driver }) => driver === 'sqlite'))
      context.terminal.err(UNUSED_NOTE);
    await work(admin, config);
  } catch (error) {
    reportFault(error, { context, config });
  } finally {
    admin?.close();
  }
}

/** Prints what came of a change: `done` on success, then its notes; else `Cannot ACTION: reason`. */
export function report(
  outcome: AdminOutcome,
  words: { readonly action: string; readonly done: string },
  context: CliContext,
): void {
  const { terminal } = context;
  switch (outcome.kind) {
    case 'done':
      terminal.out(`${words.done}\n`);
      for (const note of outcome.notes) terminal.err(`${note}\n`);
      return;
    case 'refused':
      fail(context, { code: REFUSAL_CODES[outcome.refusal], text: `Cannot ${words.action}: ${outcome.reason}` });
  }
}

/** Prints a fault on standard error and records the exit code. */
export function fail(context: CliContext, fault: { readonly code: ExitCode; readonly text: string }): void {
  context.terminal.err(`postern: ${fault.text}\n`);
  context.exit(fault.code);
}

function reportFault(error: unknown, { context, config }: { context: CliContext; config: Config }): void {
  if (error instanceof ConfigError) throw error;
  const code = errorCode(error);
  if (code === 'ENOENT' || code === 'SQLITE_CANTOPEN') {
    const text = `Cannot open the database in ${config.postern.stateDir}: make it with "postern init" or "postern domain add"`;
    return fail(context, { code: EXIT.configuration, text });
  }
  // A value that cannot be, such as a password longer than its scheme holds: trying again would not help.
  if (error instanceof RangeError) return fail(context, { code: EXIT.dataError, text: error.message });
  fail(context, { code: EXIT.temporary, text: `Cannot use the database: ${describeError(error)}` });
}
