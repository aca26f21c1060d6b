/**
 * `postern reload` and `postern status`: ask the running daemon through its control socket (RULES 42). The daemon decides
 * and answers; nothing here reads its state from elsewhere.
 */
import { join } from 'node:path';
import { describeError } from '../core/errors.ts';
import { EXIT } from './exit-codes.ts';
import type { CliContext, Verb } from './program.ts';

/** What the daemon is asked; everything beside `verb` is the verb's own. */
export type DaemonRequest = Readonly<Record<string, unknown>> & { readonly verb: string };

/** One question to the daemon; rejects when nobody answers. */
export type AskDaemon = (socketPath: string, request: DaemonRequest) => Promise<DaemonReply>;

export type DaemonReply = Readonly<Record<string, unknown>> & { readonly ok: boolean };

/** The name of the control socket in `state_dir`. */
export const CONTROL_SOCKET = 'control';

export function daemonVerbs(ask: AskDaemon): Verb {
  return (program, context) => {
    program
      .command('reload')
      .description('read the configuration and the users files again; nothing changes when anything in them is wrong')
      .option('--accept', 'take a users file over even if half of its users are gone (RULES 6)')
      .option('--json', 'print the reply as JSON')
      .action(async (options: { accept?: boolean; json?: boolean }) => {
        const reply = await askDaemonOrFail(context, ask, { verb: 'reload', accept: options.accept === true });
        if (reply !== undefined) print(context, reply, { isJson: options.json === true });
      });
    program
      .command('status')
      .description('what runs, what listens, and how much it has done')
      .option('--json', 'print the reply as JSON')
      .action(async (options: { json?: boolean }) => {
        const reply = await askDaemonOrFail(context, ask, { verb: 'status' });
        if (reply !== undefined) print(context, reply, { isJson: options.json === true });
      });
  };
}

/** Asks the daemon of the configuration; undefined, said and with an exit code, when nobody answers. */
export async function askDaemonOrFail(
  context: CliContext,
  ask: AskDaemon,
  request: DaemonRequest,
): Promise<DaemonReply | undefined> {
  const path = join(context.loadConfig().postern.stateDir, CONTROL_SOCKET);
  try {
    return await ask(path, request);
  } catch (error) {
    context.terminal.err(`Cannot reach the daemon through "${path}": ${describeError(error)}\n`);
    context.exit(EXIT.temporary);
    return undefined;
  }
}

/** As above, and undefined, said and with an exit code, also when the daemon refuses. */
export async function askAndCheck(
  context: CliContext,
  ask: AskDaemon,
  request: DaemonRequest,
): Promise<DaemonReply | undefined> {
  const reply = await askDaemonOrFail(context, ask, request);
  if (reply === undefined || reply.ok) return reply;
  context.terminal.err(`${describeRefusal(reply)}\n`);
  context.exit(EXIT.refused);
  return undefined;
}

function describeRefusal(reply: DaemonReply): string {
  return typeof reply['error'] === 'string' ? reply['error'] : 'The daemon refused';
}

function print(context: CliContext, reply: DaemonReply, options: { isJson: boolean }): void {
  const { terminal } = context;
  if (!reply.ok) context.exit(EXIT.configuration);
  if (options.isJson) {
    terminal.out(`${JSON.stringify(reply)}\n`);
    return;
  }
  if (!reply.ok) {
    terminal.err(`${describeRefusal(reply)}\n`);
    return;
  }
  for (const [name, value] of Object.entries(reply)) {
    if (name !== 'ok') terminal.out(`${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}\n`);
  }
}
